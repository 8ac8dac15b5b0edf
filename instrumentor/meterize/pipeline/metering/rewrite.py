"""From plans to rewritten modules: every hooked module at each optimisation level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import CodeType

from meterize.cpython.disassembly import disassemble, listed
from meterize.cpython.identity import code_id, walk
from meterize.cpython.pyc import dump_pyc
from meterize.model.manifest import MeteredPlan
from meterize.model.plan import HookPlan
from meterize.model.report import CodeChange, PlacedHook
from meterize.model.rewritten import HookRequest, HookSite, RewrittenModule
from meterize.pipeline.sources import PackageCode
from meterize.rewriting import rewrite_module
from meterize.soundness import check_pyc

OPTIMIZATIONS = (0, 1, 2)
"""As ``python``, ``python -O`` and ``python -OO`` import them."""


def rewrite_package(code: PackageCode, plans: Iterable[MeteredPlan]) -> tuple[RewrittenModule, ...]:
    """The hooked modules of a package under all its plans; raises TargetError if a plan does not fit the installed code."""
    return tuple(
        _rewrite(code, file, requests, optimization)
        for file, requests in sorted(_requests(plans).items())
        for optimization in OPTIMIZATIONS
    )


def describe_changes(code: PackageCode, plans: Iterable[MeteredPlan]) -> tuple[CodeChange, ...]:
    """The disassembly of each code object that a rewrite changes, before and after, without optimisation."""
    changes = []
    for file, requests in sorted(_requests(plans).items()):
        before = code.module(file)
        after, sites, _ = _splice(code, file, before, requests)
        rewritten = dict(walk(after))
        for path, original in walk(before):
            here = [site for site in sites if site.path == path]
            if path == () or here:
                changes.append(_change(file, original, rewritten[path], here))
    return tuple(changes)


def placed_hooks(plan: HookPlan, modules: Sequence[RewrittenModule]) -> tuple[PlacedHook, ...]:
    """Where the hooks of one plan landed."""
    mechanisms = {site.id: site.mechanism for module in modules for site in module.sites}
    return tuple(
        PlacedHook(
            id=point.id,
            file=point.code.file,
            qualname=point.code.qualname,
            line=point.line,
            mechanism=mechanisms[point.id],
            missing_at=tuple(module.optimization for module in modules if point.id in module.missing),
        )
        for point in plan.hook_points
    )


def _requests(plans: Iterable[MeteredPlan]) -> dict[str, list[HookRequest]]:
    by_file: dict[str, list[HookRequest]] = defaultdict(list)
    for plan in plans:
        for point in plan.hook_points:
            request = HookRequest(
                id=point.id,
                feature=plan.feature,
                policy=plan.policy,
                code=point.code,
                digest=point.digest,
                offset=point.offset,
            )
            by_file[point.code.file].append(request)
    return by_file


def _rewrite(code: PackageCode, file: str, requests: Sequence[HookRequest], optimization: int) -> RewrittenModule:
    plain = code.module(file)
    original = plain if optimization == 0 else code.compile(file, optimization)
    rewritten, sites, missing = _splice(code, file, original, requests, None if optimization == 0 else plain)
    # Checked against the source at import (PEP 552): an edit of the source, or an upgrade that leaves a -O file behind, must
    # win over our hooks. The application comes first.
    pyc = dump_pyc(rewritten, code.source(file), checked=True)
    check_pyc(original, pyc)
    return RewrittenModule(file=file, optimization=optimization, pyc=pyc, sites=sites, missing=missing)


def _splice(
    code: PackageCode, file: str, original: CodeType, requests: Sequence[HookRequest], locate: CodeType | None = None
) -> tuple[CodeType, tuple[HookSite, ...], tuple[str, ...]]:
    package = code.package
    return rewrite_module(original, file, requests, distribution=package.distribution, version=package.version, locate=locate)


def _change(file: str, before: CodeType, after: CodeType, sites: Sequence[HookSite]) -> CodeChange:
    rows = {one.offset: number for number, one in enumerate(listed(after))}
    is_apart = any(site.is_apart for site in sites)
    again = next(number for offset, number in rows.items() if offset >= len(before.co_code)) if is_apart else None
    return CodeChange(
        file=file,
        qualname=code_id(file, before).qualname,
        before=tuple(disassemble(before)),
        after=tuple(disassemble(after)),
        hooks=tuple(sorted((rows[site.offset], site.id) for site in sites)),
        again=again,
    )
