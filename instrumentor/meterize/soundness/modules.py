"""Checks a whole rewritten module against the one that it was made of, and its hook table against its hooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any, Final, TypeAlias

from meterize.cpython.pyc import load_pyc
from meterize.errors import UnsoundRewrite

from .comparison import Alignment, check_code, check_fields
from .reading import Unsound, read

Path: TypeAlias = tuple[int, ...]
"""Indices of nested ``co_consts``, from the module's code down."""

_TABLE_NAME: Final = "meterize"
_SAME_BYTES: Final = ("co_code", "co_linetable", "co_exceptiontable", "co_names", "co_stacksize")


def check_module(original: CodeType, emitted: CodeType) -> None:
    """Raise UnsoundRewrite unless every code object of ``emitted`` does what its original does, with hooks here and there, and
    the hook table, if there is one (docs/hook-table.md), tells where they are."""
    checked: dict[Path, Alignment] = {}
    pairs = dict(_pairs(original, emitted))
    for path, (before, after) in pairs.items():
        with _Naming(before):
            if _is_untouched(before, after):
                continue
            checked[path] = check_code(before, after)
    with _Naming(original):
        table = _table(original, emitted)
        if table is not None:
            _check_table(table[4], checked, {path: after for path, (_, after) in pairs.items()})


def check_pyc(original: CodeType, pyc: bytes) -> None:
    """The same of the bytes that are to be written."""
    emitted = load_pyc(pyc)
    if emitted is None:
        raise UnsoundRewrite(f"the rewritten code of {original.co_filename} could not be imported")
    check_module(original, emitted)


class _Naming:
    """Findings become errors that say in which code."""

    def __init__(self, code: CodeType) -> None:
        self._code = code

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _: object, finding: BaseException | None, __: object) -> None:
        if isinstance(finding, (Unsound, IndexError)):
            raise UnsoundRewrite(
                f"the rewritten code of {self._code.co_qualname} would not be sound: {finding}",
                details=(f"{self._code.co_filename}:{self._code.co_firstlineno}",),
            ) from finding


def _pairs(original: CodeType, emitted: CodeType) -> Iterator[tuple[Path, tuple[CodeType, CodeType]]]:
    pending: list[tuple[Path, CodeType, CodeType]] = [((), original, emitted)]
    while pending:
        path, before, after = pending.pop()
        yield path, (before, after)
        for index, (one, other) in enumerate(zip(before.co_consts, after.co_consts, strict=False)):
            if isinstance(one, CodeType) and isinstance(other, CodeType):
                pending.append(((*path, index), one, other))


def _is_untouched(before: CodeType, after: CodeType) -> bool:
    """Most code objects of a module have no hook; what has the bytes that the compiler wrote needs no second look."""
    if before is after:
        return True
    if any(getattr(before, field) != getattr(after, field) for field in _SAME_BYTES):
        return False
    check_fields(before, after)
    return len(before.co_consts) == len(after.co_consts)


def _table(original: CodeType, emitted: CodeType) -> tuple[Any, ...] | None:
    for const in emitted.co_consts[len(original.co_consts) :]:
        if isinstance(const, tuple) and const[:1] == (_TABLE_NAME,):
            return const
    return None


def _check_table(rows: tuple[Any, ...], checked: Mapping[Path, Alignment], codes: Mapping[Path, CodeType]) -> None:
    """Each row leads to a hook, or to an original instruction to be watched; each hook has its row."""
    expected = {path: len(alignment.hooks) - (path == ()) for path, alignment in checked.items()}
    readings = {path: alignment.new for path, alignment in checked.items()}
    for hook_id, _, _, mechanism, path, offset, extra in rows:
        if path not in readings:
            readings[path] = read(codes[path])
        found = next((index for index, one in enumerate(readings[path].instructions) if one.offset == offset), None)
        if found is None:
            raise Unsound(f"hook {hook_id}: no instruction at {offset}")
        alignment = checked.get(path)
        if mechanism == "monitoring":
            if alignment is not None and found not in alignment.moved:
                raise Unsound(f"hook {hook_id}: a hook's instruction would be watched")
            if extra not in (0, 1):
                raise Unsound(f"hook {hook_id}: it neither waits for an instruction nor for the function's start")
            continue
        expected[path] = expected.get(path, 0) - 1
        if alignment is None:
            raise Unsound(f"hook {hook_id}: there is none in its code")
        _check_row(hook_id, alignment, found, mechanism, extra)
    if any(expected.values()):
        raise Unsound("hooks without a row in the table")


def _check_row(hook_id: str, alignment: Alignment, index: int, mechanism: str, extra: int) -> None:
    """A hook begins there, by the detour that is told of, and if it goes away in place, it goes to its end."""
    first = alignment.new.instructions[index]
    end = next((hook.stop for hook in alignment.hooks if hook.start == index), None)
    if end is None or first.prefixes:
        raise Unsound(f"hook {hook_id}: it does not begin at {first.offset}")
    start, size = alignment.detours.get(index, (0, 0))
    if extra != start << 8 | size:
        raise Unsound(f"hook {hook_id}: its detour is {size} bytes at {start}")
    if mechanism == "in-place" and first.end + 2 * first.arg != alignment.new.instructions[end].start:
        raise Unsound(f"hook {hook_id}: it would go away to another place than its end")
