"""The ``.meterize`` folder in a site folder: what lies where in it, how it comes and how it goes.

The site folder's own time stamp has to survive both. So a store that is being made, or being removed, bears in its name the
stamp that the site folder shall have once it is gone: ``.meterize.<ns>``. Whoever finds one can finish the work. Removing
that folder is the last thing to spoil the stamp: an extended attribute of the site folder remembers it until it is set.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.errors import TargetError

from .disk import make_folder, remove, set_times, sync_folders, write
from .ownership import canonical
from .records import Record, dump_record, is_inside, read_record

STORE: Final = ".meterize"
STATE: Final = f"{STORE}/.site.json"
MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_SCHEMA: Final = 1
_ATTRIBUTE: Final = "user.meterize.mtime_ns"
_UNFINISHED: Final = re.compile(r"\.meterize\.(\d{1,19})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord:
    """The runtime that we copied: paths relative to the site folder and the digest of each file."""

    version: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """The site folder's modification time before we came, and as we last left it; the runtime, if we brought it."""

    before_ns: int
    left_ns: int
    runtime: RuntimeRecord | None = None

    def without_us(self, now_ns: int) -> int:
        """The time stamp to leave behind: the one from before, unless others have changed the folder since."""
        return self.before_ns if now_ns == self.left_ns else now_ns


def distribution_folder(distribution: str) -> str:
    """Where a distribution's manifest, originals and plans lie."""
    return f"{STORE}/{canonical(distribution)}"


def manifest_file(distribution: str) -> str:
    """The manifest."""
    return f"{distribution_folder(distribution)}/manifest.json"


def original_file(distribution: str, saved: str) -> str:
    """A saved original."""
    return f"{distribution_folder(distribution)}/originals/{saved}"


def saved_name(pyc: str) -> str:
    """The name in the store of the original of ``pyc``: short, whatever the depth of the package."""
    return f"{hashlib.sha256(pyc.encode()).hexdigest()[:20]}.pyc"


def plan_file(distribution: str, plan_digest: str) -> str:
    """The copy of a plan in force."""
    return f"{distribution_folder(distribution)}/plans/{plan_digest}.plan.toml"


def metered_folders(site: Path) -> tuple[Path, ...]:
    """The folder of each metered distribution."""
    if not has_store(site):
        return ()
    return tuple(sorted(path for path in (site / STORE).iterdir() if not path.name.startswith(".")))


def has_store(site: Path) -> bool:
    """Whether anything is, or was being, metered in a site folder. Raises TargetError if that is not for this user to know."""
    store = site / STORE
    if store.is_dir() and not os.access(store, os.R_OK | os.X_OK):
        raise TargetError(
            f"{store} belongs to another user, who instrumented packages here",
            slug="read-only-site",
            hint="Run the command as the owner of that folder.",
        )
    return store.is_dir()


def make_store(site: Path) -> None:
    """Make an empty store, unless there is one."""
    if has_store(site):
        return
    status = site.stat()
    state = SiteState(before_ns=status.st_mtime_ns, left_ns=status.st_mtime_ns)
    unfinished = site / f"{STORE}.{state.before_ns}"
    make_folder(unfinished, FOLDER_MODE, status)
    write(unfinished / Path(STATE).name, dump_state(state), MODE, status)
    sync_folders([unfinished])
    unfinished.replace(site / STORE)
    sync_folders([site])
    set_times(site, mtime_ns=state.before_ns)


def retire_store(site: Path) -> None:
    """Remove a store in which no distribution is left, and all that a killed process left of one."""
    if has_store(site) and not metered_folders(site):
        _set_aside(site)
    for unfinished, before_ns in _unfinished_stores(site):
        _remember_time(site, before_ns)
        remove(unfinished)
        sync_folders([site])
        set_times(site, mtime_ns=before_ns)
    if (remembered_ns := _remembered_time(site)) is not None:
        set_times(site, mtime_ns=remembered_ns)
        os.removexattr(site, _ATTRIBUTE)


def _set_aside(site: Path) -> None:
    """Put the time stamp into a name; from then on, whatever else is left of the store only has to go."""
    store = site / STORE
    if not any(_unfinished_stores(site)):
        unfinished = site / f"{STORE}.{read_state(site).before_ns}"
        try:
            store.replace(unfinished)
        except OSError as error:
            # On overlayfs, a folder from a lower layer may have no other name.
            if error.errno != errno.EXDEV:
                raise
            unfinished.mkdir(FOLDER_MODE)
    remove(store)


def is_unfinished(site: Path) -> bool:
    """Whether making or removing a store was cut short."""
    is_empty = has_store(site) and not metered_folders(site)
    return is_empty or any(_unfinished_stores(site)) or _remembered_time(site) is not None


def _remember_time(site: Path, mtime_ns: int) -> None:
    # Where the file system has no such attributes, a kill at that very step costs the site folder its time stamp.
    with suppress(OSError):
        os.setxattr(site, _ATTRIBUTE, str(mtime_ns).encode())


def _remembered_time(site: Path) -> int | None:
    try:
        value = os.getxattr(site, _ATTRIBUTE)
    except OSError:
        return None
    return int(value) if value.isdigit() and len(value) < 20 else None


def _unfinished_stores(site: Path) -> Iterator[tuple[Path, int]]:
    for path in sorted(site.glob(f"{STORE}.*")):
        if match := _UNFINISHED.fullmatch(path.name):
            yield path, int(match[1])


def read_state(site: Path) -> SiteState:
    """The state of the site folder; raises TargetError (``manifest-corrupt``)."""
    path = site / STATE
    try:
        record = read_record(path, _SCHEMA)
    except FileNotFoundError:
        Record(None, path)
        raise
    return SiteState(
        before_ns=record.number("before_ns"),
        left_ns=record.number("left_ns"),
        runtime=record.optional("runtime", lambda key: _read_runtime(record.record(key))),
    )


def _read_runtime(record: Record) -> RuntimeRecord:
    files = tuple((each.inside("path"), each.hexadecimal("digest")) for each in record.items("files"))
    if not all(is_inside(path) and path.startswith("meterize_hooks") for path, _ in files):
        record.refuse("must name files of the runtime", "files")
    return RuntimeRecord(version=record.text("version"), files=files)


def dump_state(state: SiteState) -> bytes:
    """The bytes of the state file."""
    runtime = state.runtime and {
        "version": state.runtime.version,
        "files": [{"path": path, "digest": digest} for path, digest in state.runtime.files],
    }
    return dump_record({"before_ns": state.before_ns, "left_ns": state.left_ns, "runtime": runtime}, _SCHEMA)
