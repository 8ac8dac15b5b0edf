"""Takes the files of distributions from whatever state they are in to the wanted one."""

from __future__ import annotations

import importlib.util
import stat
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from meterize.cpython.pyc import pyc_path
from meterize.cpython.versions import CACHE_TAG
from meterize.errors import InternalError, TargetError
from meterize.model.manifest import ManagedFile, Manifest, MeteredPlan
from meterize.model.package import Package
from meterize.model.rewritten import RewrittenModule

from .disk import digest, read
from .manifests import dump_manifest, find_manifest, manifests
from .originals import keep_original, release
from .ownership import is_name
from .records import is_inside
from .runtime import RuntimeSource, bring_runtime
from .store import MODE, STATE, SiteState, dump_state, has_store, manifest_file, plan_file, read_state
from .transaction import Change, Commission, Discard, Put, commit, settled

_SECOND: Final = 1_000_000_000
"""In nanoseconds."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """The changes as they gather, in the order in which they will be made, and what the manifest will say."""

    changes: list[Change] = field(default_factory=list)
    files: list[ManagedFile] = field(default_factory=list)
    made_folders: set[str] = field(default_factory=set)
    site_mtime_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a package's distribution shall carry: exactly these hooked modules, by exactly these plans."""

    package: Package
    modules: Sequence[RewrittenModule]
    plans: Sequence[MeteredPlan]


def apply(
    package: Package, modules: Sequence[RewrittenModule], plans: Sequence[MeteredPlan], *, runtime: RuntimeSource | None
) -> Manifest:
    """Make exactly ``modules`` the hooked files of the package's distribution, by exactly ``plans``; all or nothing.

    Modules hooked before that are not among them get their originals back. Applying the same again changes nothing on disk.
    ``runtime`` is brought unless the target finds another (None: bring nothing). Raises TargetError, with everything as it was.
    """
    [manifest] = apply_all([Wanted(package=package, modules=modules, plans=plans)], runtime=runtime)
    return manifest


def apply_all(wanted: Sequence[Wanted], *, runtime: RuntimeSource | None) -> tuple[Manifest, ...]:
    """The same for several distributions, in whatever site folders: all of them or none. The manifests are in their order."""
    for each in wanted:
        _check(each.package, each.modules)
    made: dict[tuple[Path, str], Manifest] = {}
    commissions = []
    with ExitStack() as stack:
        # In one order, so that two at work do not wait for each other.
        for site in sorted({each.package.site for each in wanted}):
            stack.enter_context(settled(site))
        for site in dict.fromkeys(each.package.site for each in wanted):
            drafts = _draw_up_site([each for each in wanted if each.package.site == site], runtime)
            made |= {(site, manifest.distribution): manifest for _, manifest in drafts}
            changes = [change for draft, _ in drafts for change in draft.changes]
            if changes:
                commissions.append(Commission(site=site, changes=changes, site_mtime_ns=drafts[0][0].site_mtime_ns))
        commit(*commissions)
    return tuple(made[each.package.site, each.package.distribution] for each in wanted)


def preview(
    package: Package,
    modules: Sequence[RewrittenModule],
    plans: Sequence[MeteredPlan],
    *,
    runtime: RuntimeSource | None = None,
) -> bool:
    """Whether ``apply`` would change anything. Changes nothing itself, apart from recovering what was left half done."""
    _check(package, modules)
    with settled(package.site):
        return bool(_draw_up(Wanted(package=package, modules=modules, plans=plans), runtime)[0].changes)


def _draw_up_site(wanted: Sequence[Wanted], runtime: RuntimeSource | None) -> list[tuple[_Draft, Manifest]]:
    """The drafts of one site folder; the first brings the runtime, which all share."""
    return [_draw_up(each, None if number else runtime) for number, each in enumerate(wanted)]


def _draw_up(wanted: Wanted, runtime: RuntimeSource | None) -> tuple[_Draft, Manifest]:
    package, site = wanted.package, wanted.package.site
    old = find_manifest(site, package.distribution)
    _refuse_other_interpreter(old)
    draft = _Draft()
    state = read_state(site) if has_store(site) else None
    _add_runtime(draft, site, state, runtime)
    _add_modules(draft, package, wanted.modules, old)
    _drop_modules(draft, site, old)
    manifest = Manifest(
        distribution=package.distribution,
        package=package.import_name,
        version=package.version,
        interpreter=CACHE_TAG,
        plans=tuple(wanted.plans),
        files=tuple(sorted(draft.files, key=lambda file: (file.source, file.optimization))),
        made_folders=tuple(sorted(draft.made_folders.union(old.made_folders if old else ()))),
    )
    _add_records(draft, site, manifest, old)
    return draft, manifest


def _add_runtime(draft: _Draft, site: Path, state: SiteState | None, runtime: RuntimeSource | None) -> None:
    brought = bring_runtime(site, state, runtime)
    if not brought.changes:
        return
    draft.changes += brought.changes
    now_ns = site.stat().st_mtime_ns
    # A new time stamp, for running processes list the folder again only if it has one (importlib, FileFinder.find_spec).
    # In whole seconds, which every file system can keep: we have to recognise it.
    draft.site_mtime_ns = max(time.time_ns(), now_ns + _SECOND) // _SECOND * _SECOND
    before_ns = state.without_us(now_ns) if state else now_ns
    new = SiteState(before_ns=before_ns, left_ns=draft.site_mtime_ns, runtime=brought.record)
    draft.changes.append(Put(target=STATE, data=dump_state(new), mode=MODE))


def _add_modules(draft: _Draft, package: Package, modules: Sequence[RewrittenModule], old: Manifest | None) -> None:
    site = package.site
    prior = {file.pyc: file for file in old.files} if old else {}
    # Single modules share one __pycache__: it goes with the last distribution of those that needed it.
    made_before = {folder for manifest in manifests(site) for folder in manifest.made_folders}
    for module in modules:
        source = _read_source(site, module)
        path = pyc_path(site / module.file, module.optimization)
        pyc = path.relative_to(site).as_posix()
        kept = keep_original(site, package.distribution, pyc, prior.get(pyc))
        draft.changes += kept.changes
        if kept.current != module.pyc:
            draft.changes.append(Put(target=pyc, data=module.pyc, mode=_mode_of(path, site / module.file)))
        folder = path.parent.relative_to(site).as_posix()
        if folder in made_before or not path.parent.is_dir():
            draft.made_folders.add(folder)
        draft.files.append(
            ManagedFile(
                source=module.file,
                source_digest=digest(source),
                optimization=module.optimization,
                pyc=pyc,
                digest=digest(module.pyc),
                hooks=tuple(dict.fromkeys(place.id for place in module.sites)),
                missing=module.missing,
                original=kept.original,
            )
        )


def _drop_modules(draft: _Draft, site: Path, old: Manifest | None) -> None:
    """Give back what is no longer hooked."""
    wanted = {file.pyc for file in draft.files}
    for file in old.files if old else ():
        if old and file.pyc not in wanted:
            draft.changes += release(site, old.distribution, file, because="").changes


def _add_records(draft: _Draft, site: Path, manifest: Manifest, old: Manifest | None) -> None:
    files = {manifest_file(manifest.distribution): dump_manifest(manifest)}
    for plan in manifest.plans:
        text = plan.plan_text.encode()
        files[plan_file(manifest.distribution, digest(text))] = text
    for plan in old.plans if old else ():
        target = plan_file(manifest.distribution, digest(plan.plan_text.encode()))
        if target not in files:
            draft.changes.append(Discard(target=target))
            files[target] = plan.plan_text.encode()
    draft.changes += [Put(target=target, data=data, mode=MODE) for target, data in files.items() if read(site / target) != data]


def _read_source(site: Path, module: RewrittenModule) -> bytes:
    """The module's source, which must be the one that the hooks were made from: import will not compare them (PEP 552)."""
    source = read(site / module.file)
    if source is None or module.pyc[8:16] != importlib.util.source_hash(source):
        raise TargetError(
            f"{site / module.file} {'is gone' if source is None else 'was changed while its hooks were being made'}",
            slug="source-changed",
            hint="Something else is at work in this environment. Let it end, and run the command again.",
        )
    return source


def _mode_of(pyc: Path, source: Path) -> int:
    """The permission bits of the file that is replaced, else those that import would give it."""
    if pyc.exists():
        return stat.S_IMODE(pyc.stat().st_mode)
    return source.stat().st_mode & 0o666 | 0o200


def _check(package: Package, modules: Sequence[RewrittenModule]) -> None:
    if not is_name(package.distribution):
        raise TargetError(
            f"the distribution that holds {package.import_name} has an impossible name: {package.distribution!r}",
            slug="bad-distribution-name",
            hint="Its metadata are damaged. Install the package again.",
        )
    places = [(module.file, module.optimization) for module in modules]
    if not places or len(set(places)) != len(places) or not all(is_inside(file) for file, _ in places):
        raise InternalError(f"these modules cannot be applied: {places}")


def _refuse_other_interpreter(old: Manifest | None) -> None:
    if old is not None and old.interpreter != CACHE_TAG:
        raise TargetError(
            f"{old.distribution} is metered here for another interpreter: {old.interpreter}; this one is {CACHE_TAG}",
            slug="other-interpreter",
            hint=f"Take those hooks out first: meterize strip {old.distribution} (any interpreter can do that).",
        )
