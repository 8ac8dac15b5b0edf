"""One run of a command with our files in its processes: private folders around it, its data files after it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from meterize.cpython.versions import CACHE_TAG
from meterize.model.package import Package

from .command import Finished, run_command
from .environment import RunEnvironment, build_variables, keep_path
from .journals import Journals


class Stopped(Exception):  # noqa: N818  # nothing is wrong
    """A command was ended because somebody asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How a command, which ran in ``cwd``, ended and what its processes wrote."""

    command: str
    cwd: Path
    finished: Finished
    journals: Journals

    def notes(self, key: str) -> tuple[str, ...]:
        """What the processes noted under ``key``, each once."""
        return tuple(dict.fromkeys(text for journal in self.journals for text in journal.notes.get(key, ())))


def run_session(
    command: str,
    *,
    mode: str,
    cwd: Path,
    package: Package,
    environment: RunEnvironment,
    timeout: float | None,
    on_progress: Callable[[str], None] | None,
    probes: Path | None = None,
    stop: Event | None = None,
    order: int = 0,
) -> Session:
    """Run ``command`` in ``mode`` (``instructions``, ``probes`` or ``fires``). Nothing of it stays on the disk.

    Raises Stopped once ``stop`` is set; ``order`` as in ``collect``.
    """
    with tempfile.TemporaryDirectory(prefix="meterize-run-", ignore_cleanup_errors=True) as private:
        root = Path(private).resolve()
        data, spool, programs = root / "data", root / "spool", root / "bin"
        for folder in (data, spool, programs):
            folder.mkdir()
        settings = [mode, CACHE_TAG, str(package.site), str(probes or ""), str(order), *package.modules]
        (data / "settings").write_text("\n".join(settings))
        journals = Journals(data)

        def poll() -> None:
            if stop is not None and stop.is_set():
                raise Stopped(command)
            for test in journals.read():
                if on_progress is not None:
                    on_progress(test)

        variables = build_variables(environment, data, spool, programs)
        finished = run_command(keep_path(command), cwd=cwd, variables=variables, timeout=timeout, on_poll=poll)
        journals.read_rest()
        return Session(command=command, cwd=cwd, finished=finished, journals=journals)
