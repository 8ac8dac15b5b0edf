"""Puts the hooks of a plan into a module's code, with the table and the prologue that arm them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Final

from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.legality import first_index
from meterize.cpython.sequences import Step, arm_module, call_once, count_every
from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import InternalError
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest, HookSite

from .duplication import Detour, duplicate
from .places import Path, Place, find_places, translate_places
from .splicing import Insertion, splice

_TABLE_NAME: Final = "meterize"
_TABLE_SCHEMA: Final = 1

MONITORING, IN_PLACE, INLINE = "monitoring", "in-place", "inline"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Landed:
    """Offset and extra figure of a place's row in the hook table."""

    offset: int
    extra: int = 0


def mechanism(policy: Policy) -> str:
    """How this interpreter carries out a policy."""
    if policy.stays:
        return INLINE
    return MONITORING if HAS_MONITORING else IN_PLACE


def rewrite_module(
    original: CodeType,
    file: str,
    requests: Sequence[HookRequest],
    *,
    distribution: str,
    version: str,
    locate: CodeType | None = None,
) -> tuple[CodeType, tuple[HookSite, ...], tuple[str, ...]]:
    """``original`` with the requested hooks, where they landed, and the ids of those that have no place in it.

    The requests speak of code compiled without optimisation; for a module compiled with it, ``locate`` is the module without.
    Raises TargetError or UsageError if a request does not fit the module. Whoever hands the result out has it checked first.
    """
    places = find_places(original if locate is None else locate, file, requests)
    missing: tuple[str, ...] = ()
    if locate is not None:
        places, missing = translate_places(places, locate, original)
    if not places:
        return original, (), missing
    landed: dict[Place, _Landed] = {}
    rewritten = _rewrite(original, (), _by_path(places), landed)
    rows = tuple(_row(place, landed[place]) for place in places)
    armed = _prepend(rewritten, arm_module((_TABLE_NAME, _TABLE_SCHEMA, distribution, version, rows)))
    return armed, tuple(_site(place, landed[place]) for place in places), missing


def _by_path(places: Sequence[Place]) -> Mapping[Path, list[Place]]:
    grouped: dict[Path, list[Place]] = {}
    for place in places:
        grouped.setdefault(place.path, []).append(place)
    return grouped


def _row(place: Place, landed: _Landed) -> tuple[object, ...]:
    """One HOOK of the table (docs/hook-table.md)."""
    request = place.request
    policy = request.policy
    return (request.id, request.feature, policy.value, mechanism(policy), place.path, landed.offset, landed.extra)


def _site(place: Place, landed: _Landed) -> HookSite:
    request = place.request
    way = mechanism(request.policy)
    is_apart = way == IN_PLACE and landed.extra != 0
    return HookSite(id=request.id, path=place.path, offset=landed.offset, mechanism=way, is_apart=is_apart)


def _rewrite(code: CodeType, path: Path, places: Mapping[Path, list[Place]], landed: dict[Place, _Landed]) -> CodeType:
    """``code`` with the hooks in it and below it; the very same object if there are none."""
    consts = tuple(
        _rewrite(const, (*path, index), places, landed) if isinstance(const, CodeType) else const
        for index, const in enumerate(code.co_consts)
    )
    is_same = all(new is old for new, old in zip(consts, code.co_consts, strict=True))
    here = places.get(path, [])
    inserted = [place for place in here if mechanism(place.request.policy) != MONITORING]
    watched = [place for place in here if mechanism(place.request.policy) == MONITORING]
    if not here:
        return code if is_same else code.replace(co_consts=consts)
    instructions = decode(code)
    entry = first_index(instructions)
    if not inserted:
        landed.update((place, _watch(place, entry, instructions[place.index])) for place in watched)
        return code if is_same else code.replace(co_consts=consts)
    insertions = [_insertion(place, entry) for place in inserted]
    if all(mechanism(place.request.policy) == IN_PLACE for place in inserted):
        twofold = duplicate(code, instructions, insertions, consts)
        if twofold:
            ways = zip(inserted, twofold.starts, twofold.detours, strict=True)
            landed.update((place, _land(place, twofold.after[start], detour)) for place, start, detour in ways)
            return twofold.code
    spliced = splice(code, instructions, insertions, consts)
    landed.update((place, _land(place, spliced.after[start])) for place, start in zip(inserted, spliced.starts, strict=True))
    landed.update((place, _watch(place, entry, spliced.after[spliced.moved[place.index]])) for place in watched)
    return spliced.code


def _watch(place: Place, entry: int, instruction: Instruction) -> _Landed:
    """Where to wait for a place that stays as it is; at the entry, for the function's start."""
    return _Landed(offset=instruction.offset, extra=int(place.index == entry))


def _insertion(place: Place, entry: int) -> Insertion:
    """A hook at the entry notices calls: where a function begins with a loop, the jumps back to its head leave it out."""
    return Insertion(index=place.index, steps=_steps(place), passed_once=place.index == entry)


def _steps(place: Place) -> tuple[Step, ...]:
    hook_id = place.request.id
    return count_every(hook_id) if mechanism(place.request.policy) == INLINE else call_once(hook_id)


def _land(place: Place, first: Instruction, detour: Detour | None = None) -> _Landed:
    """Where a sequence begins, and from where a detour leads there."""
    if first.name != "NOP" or first.start != first.offset:
        raise InternalError(f"hook {place.request.id} does not begin with a plain NOP")
    return _Landed(offset=first.offset, extra=detour.offset << 8 | detour.size if detour else 0)


def _prepend(code: CodeType, steps: tuple[Step, ...]) -> CodeType:
    instructions = decode(code)
    spliced = splice(code, instructions, [Insertion(index=first_index(instructions), steps=steps, passed_once=True)])
    return spliced.code
