"""What has become of our files, and what in the environment keeps them from being used: each with a sentence and a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.cpython.versions import CACHE_TAG
from meterize.model.manifest import Condition, FileState, ManagedFile, Manifest, Notice

from .disk import digest, failures_explained, read
from .ownership import find_distribution
from .runtime import PACKAGE, changed_files, installed_elsewhere, is_taken_over, missing_files
from .store import has_store, read_state
from .transaction import needs_recovery

_RUNS_HOOKS: Final = frozenset({Condition.OURS, Condition.SOURCE_TOUCHED, Condition.OUTDATED})
_CHECKED: Final = 0b10
"""In the flags of a .pyc: import compares the hash with the source (PEP 552)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    condition: Condition
    meaning: str
    advice: str
    metered: bool | None = None


def inspect(site: Path, manifest: Manifest) -> tuple[FileState, ...]:
    """The state of each file of a manifest. Changes nothing."""
    found = find_distribution(manifest.distribution, [str(site)])
    version = found.version if found else None
    with failures_explained(site):
        return tuple(_state(site, manifest, file, version) for file in manifest.files)


def notices(
    site: Path, manifest: Manifest | None, *, search_path: Sequence[str] = (), environ: Mapping[str, str]
) -> tuple[Notice, ...]:
    """What is odd about the environment of a manifest (None: about the site folder as such); nothing if all is well."""
    with failures_explained(site):
        return (*_interrupted(site), *_elsewhere(environ), *(_runtime(site, search_path) if manifest else ()))


def _state(site: Path, manifest: Manifest, file: ManagedFile, version: str | None) -> FileState:
    finding = _judge(site, manifest, file, version)
    meaning = finding.meaning
    if finding.condition is Condition.OURS and file.missing:
        level = f"-{'O' * file.optimization}" if file.optimization else "no -O"
        meaning += f" With {level}, {len(file.missing)} hook(s) have no place, because their code is compiled away."
    return FileState(
        source=file.source,
        pyc=file.pyc,
        optimization=file.optimization,
        condition=finding.condition,
        metered=finding.condition in _RUNS_HOOKS if finding.metered is None else finding.metered,
        meaning=meaning,
        advice=finding.advice,
    )


def _judge(site: Path, manifest: Manifest, file: ManagedFile, version: str | None) -> _Finding:
    if manifest.interpreter != CACHE_TAG:
        return _Finding(
            condition=Condition.OTHER_INTERPRETER,
            meaning=f"The hooks are for {manifest.interpreter}; this interpreter is {CACHE_TAG} and does not run them.",
            advice="Use the environment's own interpreter (--python PATH), or strip it and analyze again.",
        )
    current, source = read(site / file.pyc), read(site / file.source)
    if current is None or digest(current) != file.digest:
        return _judge_lost(manifest, version, is_gone=current is None, is_source_gone=source is None)
    if source is None:
        return _Finding(
            condition=Condition.SOURCE_GONE,
            meaning="The source is gone; Python ignores a __pycache__ file without one.",
            advice=f"Run `meterize strip {manifest.distribution}` to clear what is left.",
            metered=False,
        )
    if digest(source) == file.source_digest:
        return _Finding(condition=Condition.OURS, meaning="The hooks are in place.", advice="")
    return _judge_edited(manifest, version, is_checked=bool(current[4] & _CHECKED))


def _judge_lost(manifest: Manifest, version: str | None, *, is_gone: bool, is_source_gone: bool) -> _Finding:
    if version is None or is_source_gone:
        what = f"{manifest.distribution} was uninstalled" if version is None else "The source was removed"
        return _Finding(
            condition=Condition.SOURCE_GONE,
            meaning=f"{what}, and the hooks went with it.",
            advice=f"Run `meterize strip {manifest.distribution}` to clear what is left.",
        )
    if version != manifest.version:
        return _Finding(
            condition=Condition.UPGRADED,
            meaning=f"Version {version} was installed over {manifest.version}, and the hooks went with it.",
            advice="Run `meterize instrument` with the plan again; it says so if the plan no longer fits.",
        )
    if is_gone:
        return _Finding(
            condition=Condition.GONE,
            meaning="The compiled file was deleted; Python compiles the source without hooks.",
            advice="Run `meterize instrument` with the plan again.",
        )
    return _Finding(
        condition=Condition.RECOMPILED,
        meaning="The file was compiled again (compileall, a reinstallation by pip), without hooks.",
        advice="Run `meterize instrument` with the plan again.",
    )


def _judge_edited(manifest: Manifest, version: str | None, *, is_checked: bool) -> _Finding:
    """Our file is in place, but the source is another one than the hooks were made from."""
    again = "Run `meterize instrument` with the plan again; it says so if the plan no longer fits."
    outdated = version is not None and version != manifest.version
    what = f"Version {version} was installed over {manifest.version}" if outdated else "The source was edited since"
    effect = "Python notices, and compiles it without hooks" if is_checked else "Python does not notice, and runs the old code"
    return _Finding(
        condition=Condition.OUTDATED if outdated else Condition.SOURCE_TOUCHED,
        meaning=f"{what}; {effect}.",
        advice=again,
        metered=not is_checked,
    )


def _interrupted(site: Path) -> Iterator[Notice]:
    if needs_recovery(site):
        yield Notice(
            slug="change-pending",
            meaning=f"A change to {site} is under way, or was cut short.",
            advice="The next `meterize instrument`, `strip` or `status` of someone who may write there finishes or undoes it.",
        )


def _elsewhere(environ: Mapping[str, str]) -> Iterator[Notice]:
    if prefix := environ.get("PYTHONPYCACHEPREFIX"):
        yield Notice(
            slug="pycache-prefix",
            meaning=f"PYTHONPYCACHEPREFIX is set to {prefix}: Python looks for compiled files there and never sees the hooks.",
            advice="Run the application without it; nothing is metered while it is set.",
        )


def _runtime(site: Path, search_path: Sequence[str]) -> Iterator[Notice]:
    record = read_state(site).runtime if has_store(site) else None
    if record is None or is_taken_over(site, record):
        if not installed_elsewhere(site, search_path):
            yield _missing_runtime(f"no {PACKAGE} is found on the path")
    elif missing := missing_files(site, record):
        yield _missing_runtime(f"{len(missing)} file(s) of {site / PACKAGE} are gone, {missing[0]} first of all")
    elif changed := changed_files(site, record):
        yield Notice(
            slug="runtime-changed",
            meaning=f"Somebody changed the runtime in {site / PACKAGE}: {', '.join(changed)}.",
            advice="Remove that folder and run `meterize instrument` with the plan again.",
        )


def _missing_runtime(what: str) -> Notice:
    return Notice(
        slug="runtime-missing",
        meaning=f"The runtime is missing ({what}): the application runs on, unmetered.",
        advice="Run `meterize instrument` with the plan again: it brings the runtime.",
    )
