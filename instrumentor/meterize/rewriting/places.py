"""Finds the places that hook requests speak of: code objects by name and digest, instructions by offset or by position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import TypeAlias

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.legality import hook_indices
from meterize.errors import TargetError, UsageError
from meterize.model.code import CodeId
from meterize.model.rewritten import HookRequest

Path: TypeAlias = tuple[int, ...]
"""Indices of nested ``co_consts``, from the module's code down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one request lands: the path to the code object and the index of the instruction that the hook precedes."""

    request: HookRequest
    path: Path
    index: int


def find_places(module_code: CodeType, file: str, requests: Sequence[HookRequest]) -> tuple[Place, ...]:
    """The places of all requests, in their order, in the code that they were planned for.

    Two lambdas of one line can have the same name and the same digest: then no one can tell them apart, and both are hooked.
    Raises TargetError (``plan-out-of-date``) for code that is not there, UsageError (``plan-bad-offset``) for an offset where
    no hook may stand.
    """
    codes: dict[CodeId, list[_Candidate]] = {}
    for path, code in walk(module_code):
        codes.setdefault(code_id(file, code), []).append(_Candidate(path, code))
    places = []
    for request in requests:
        named = codes.get(request.code, [])
        same = [candidate for candidate in named if candidate.digest == request.digest]
        if not same:
            raise _out_of_date(request, found=bool(named))
        places += [Place(request=request, path=one.path, index=_index_at(one, request)) for one in same]
    return tuple(places)


class _Candidate:
    """A code object that requests may mean; its digest and legal places are worked out once, and only if asked for."""

    def __init__(self, path: Path, code: CodeType) -> None:
        self.path = path
        self._code = code

    @cached_property
    def digest(self) -> str:
        return code_digest(self._code)

    @cached_property
    def index_at(self) -> dict[int, int]:
        if not is_function(self._code):
            return {}
        instructions = decode(self._code)
        return {instructions[index].offset: index for index in hook_indices(instructions)}


def _out_of_date(request: HookRequest, *, found: bool) -> TargetError:
    where = f"{request.code.file}: {request.code.qualname} (line {request.code.first_line})"
    return TargetError(
        f"{where} {'has changed' if found else 'is not there any more'} since the plan was made.",
        slug="plan-out-of-date",
        hint="The package was changed or upgraded: run analyze again.",
        details=(f"hook {request.id}",),
    )


def _index_at(candidate: _Candidate, request: HookRequest) -> int:
    index = candidate.index_at.get(request.offset)
    if index is not None:
        return index
    raise UsageError(
        f"{request.code.file}: no hook may stand at offset {request.offset} of {request.code.qualname}.",
        slug="plan-bad-offset",
        hint="The plan was edited, or made by another interpreter: run analyze again.",
        details=(f"hook {request.id}",),
    )


def translate_places(
    places: Sequence[Place], planned_for: CodeType, module_code: CodeType
) -> tuple[tuple[Place, ...], tuple[str, ...]]:
    """The same places in the module compiled at another optimisation level, and the ids of the hooks that have none there.

    Optimisation takes code away (assertions, ``if __debug__``, docstrings) and moves what is left, but keeps its positions.
    """
    before, after = _by_name(planned_for), _by_name(module_code)
    name_of = {path: (name, number) for name, codes in before.items() for number, (path, _) in enumerate(codes)}
    found, missing = [], []
    for place in places:
        name, number = name_of[place.path]
        others = after.get(name, [])
        index = None
        if len(others) == len(before[name]):
            path, code = others[number]
            index = _same_index(before[name][number][1], code, place.index)
        if index is None:
            missing.append(place.request.id)
        else:
            found.append(Place(request=place.request, path=path, index=index))
    return tuple(found), tuple(missing)


def _by_name(module_code: CodeType) -> dict[tuple[str, int], list[tuple[Path, CodeType]]]:
    codes: dict[tuple[str, int], list[tuple[Path, CodeType]]] = {}
    for path, code in walk(module_code):
        codes.setdefault((code.co_qualname, code.co_firstlineno), []).append((path, code))
    return codes


def _alike(instructions: Sequence[Instruction], one: Instruction) -> Iterator[int]:
    for index, other in enumerate(instructions):
        if (other.opcode, other.position) == (one.opcode, one.position):
            yield index


def _same_index(before: CodeType, after: CodeType, index: int) -> int | None:
    """The instruction with the same opcode and position; of several copies (a ``finally`` body has some) the same one."""
    old, new = decode(before), decode(after)
    copies, others = list(_alike(old, old[index])), list(_alike(new, old[index]))
    if len(copies) != len(others):
        return None
    other = others[copies.index(index)]
    return other if other in hook_indices(new) else None
