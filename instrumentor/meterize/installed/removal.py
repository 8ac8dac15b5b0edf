"""Takes the hooks of one distribution out again: every file as it was, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from meterize.errors import TargetError
from meterize.model.manifest import LeftFile, ManagedFile, Manifest, StripReport

from .disk import digest
from .manifests import find_manifest
from .originals import Release, is_back, release
from .ownership import canonical, find_distribution
from .runtime import take_runtime
from .store import (
    MODE,
    STATE,
    SiteState,
    distribution_folder,
    dump_state,
    manifest_file,
    metered_folders,
    plan_file,
    read_state,
)
from .transaction import Change, Commission, Discard, Put, commit, settled


def strip(site: Path, distribution: str) -> StripReport:
    """Put every file of a metered distribution back; the last one to go takes the runtime and the store along.

    A file that somebody else has changed since is left as it is, and reported. Works without the package, too. Raises
    TargetError: ``not-metered``, and whatever keeps files from being changed, with everything as it was.
    """
    with settled(site):
        manifest = find_manifest(site, distribution)
        if manifest is None:
            raise _not_metered(site, distribution)
        found = find_distribution(manifest.distribution, [str(site)])
        installed = found.version if found else None
        because = _what_happened(manifest, installed)
        releases = {file: release(site, manifest.distribution, file, because=because) for file in manifest.files}
        changes = [change for each in releases.values() for change in each.changes]
        changes += _forget(manifest)
        state = read_state(site)
        site_mtime_ns, runtime_removed, note = _take_shared(site, manifest, state, changes)
        emptied = tuple(_emptied(site, manifest))
        commit(Commission(site=site, changes=changes, site_mtime_ns=site_mtime_ns, emptied=emptied))
        notes = (*_other_version(manifest, installed), *filter(None, (note,)))
        return _report(site, manifest, releases, runtime_removed, notes)


def _forget(manifest: Manifest) -> Iterator[Change]:
    """The manifest goes last: until then it is there to be read."""
    plans = {plan_file(manifest.distribution, digest(plan.plan_text.encode())) for plan in manifest.plans}
    yield from (Discard(target=target) for target in sorted(plans))
    yield Discard(target=manifest_file(manifest.distribution))


def _take_shared(site: Path, manifest: Manifest, state: SiteState, changes: list[Change]) -> tuple[int | None, bool, str]:
    """What all share goes with the last. Returns the site folder's time stamp, whether the runtime goes, and a note."""
    mine = canonical(manifest.distribution)
    if any(folder.name != mine for folder in metered_folders(site)):
        return None, False, ""
    taken, note = take_runtime(site, state.runtime)
    changes += taken.changes
    now_ns = site.stat().st_mtime_ns
    site_mtime_ns = state.without_us(now_ns) if taken.changes else now_ns
    changes.append(Put(target=STATE, data=dump_state(SiteState(before_ns=site_mtime_ns, left_ns=site_mtime_ns)), mode=MODE))
    return site_mtime_ns, bool(taken.changes), note


def _emptied(site: Path, manifest: Manifest) -> Iterator[str]:
    """Folders that are ours to remove once they are empty."""
    home = distribution_folder(manifest.distribution)
    yield from (f"{home}/originals", f"{home}/plans", home, *manifest.made_folders)
    for file in manifest.files:
        # An uninstaller could not remove these folders, because our file was in them.
        if not (site / file.source).exists():
            yield from (str(folder) for folder in PurePosixPath(file.pyc).parents if str(folder) != ".")


def _other_version(manifest: Manifest, installed: str | None) -> Iterator[str]:
    """Said before anything else, where the hooks are of another version than the one that is installed (None: none is)."""
    if installed is not None and installed != manifest.version:
        yield f"version {installed} was installed over {manifest.version}, which the hooks were made for"


def _what_happened(manifest: Manifest, installed: str | None) -> str:
    """The end of a sentence that explains why a file is not as we left it."""
    if installed is None:
        return f", when {manifest.distribution} was uninstalled"
    if installed != manifest.version:
        return f", when version {installed} was installed over {manifest.version}"
    return ", by a new compilation or installation (compileall, pip, or Python itself)"


def _report(
    site: Path, manifest: Manifest, releases: dict[ManagedFile, Release], runtime_removed: bool, notes: tuple[str, ...]
) -> StripReport:
    restored: list[str] = []
    removed: list[str] = []
    left: list[LeftFile] = []
    for file, each in releases.items():
        if each.left:
            left.append(LeftFile(path=file.pyc, reason=each.left))
        else:
            (removed if each.removed else restored).append(file.pyc)
    return StripReport(
        distribution=manifest.distribution,
        restored=tuple(restored),
        removed=tuple(removed),
        left=tuple(left),
        identical=not left and all(is_back(site, file) for file in releases),
        runtime_removed=runtime_removed,
        notes=notes,
    )


def _not_metered(site: Path, distribution: str) -> TargetError:
    metered = [folder.name for folder in metered_folders(site)]
    return TargetError(
        f"{distribution} is not metered in {site}",
        slug="not-metered",
        hint=f"Metered there: {', '.join(metered)}."
        if metered
        else "Nothing is metered there, so there is nothing to take out.",
    )
