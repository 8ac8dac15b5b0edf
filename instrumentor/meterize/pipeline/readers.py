"""Owns knowing which functions others compile from their bytecode: a hook there breaks them, or is never reached."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from meterize.errors import TargetError
from meterize.model.code import CodeId
from meterize.model.enumeration import first_few
from meterize.model.plan import HookPoint
from meterize.pipeline.sources import PackageCode

READERS: Final = ("numba", "torch.compile", "torch.jit", "torch.fx", "torch._dynamo", "pony.orm")
"""What reads the bytecode of the functions, generator expressions and lambdas that it decorates or is given."""
_SHOWN: Final = 3

Lines: TypeAlias = tuple[int, int, str]
"""First and last line of a function that is read, decorators included, and by whom."""


class Readers:
    """Looks each module through once, when it is first asked about."""

    def __init__(self, code: PackageCode) -> None:
        self._code = code
        self._lines: dict[str, tuple[Lines, ...]] = {}

    def of(self, name: CodeId) -> str | None:
        """Who reads the bytecode of this function, or of one around it; None if nobody is seen to."""
        if name.file not in self._lines:
            self._lines[name.file] = tuple(_find_read(self._code.source(name.file)))
        found = (reader for start, end, reader in self._lines[name.file] if start <= name.first_line <= end)
        return next(found, None)

    def explain(self, executed: Iterable[CodeId]) -> tuple[str, ...]:
        """A sentence, if some of the ``executed`` functions are left out for that reason."""
        in_order = sorted(executed, key=lambda name: (name.file, name.first_line))
        found = [(name, reader) for name in in_order if (reader := self.of(name)) is not None]
        if not found:
            return ()
        names = first_few([f"{name.qualname} ({name.file}:{name.first_line}, {reader})" for name, reader in found], _SHOWN)
        sentence = (
            f"functions that others compile from their bytecode can carry no hook, and are left out: {names};"
            " hook what calls them (--at MODULE:QUALNAME)"
        )
        return (sentence,)

    def refuse(self, points: Iterable[HookPoint]) -> None:
        """Raise TargetError (``bytecode-reader``) if a hook is to stand in such a function."""
        for point in points:
            if reader := self.of(point.code):
                raise TargetError(
                    f"{point.code.file}: {point.code.qualname} (line {point.code.first_line}) is compiled by {reader} from its"
                    " bytecode: a hook would break it there, or never be reached",
                    slug="bytecode-reader",
                    hint="Hook what calls it: analyze again, with --at MODULE:QUALNAME, or with --exclude for this function.",
                    details=(f"hook {point.id}",),
                )


def _imported(tree: ast.Module) -> dict[str, str]:
    """What each name stands for that is imported anywhere in the module; ``*`` for one of those that a reader gives all of."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                names[one.asname or one.name.partition(".")[0]] = one.name if one.asname else one.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                if one.name != "*":
                    names[one.asname or one.name] = f"{node.module}.{one.name}"
                elif _reader(node.module):
                    names["*"] = node.module
    return names


def _find_read(source: bytes) -> Iterator[Lines]:
    if not any(reader.partition(".")[0].encode() in source for reader in READERS):
        return
    tree = ast.parse(source)
    names = _imported(tree)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if reader := _reader(_dotted(decorator, names)):
                    yield _lines(node, reader)
        elif isinstance(node, ast.Call) and (reader := _reader(_dotted(node, names))):
            for given in node.args:
                function = functions.get(given.id) if isinstance(given, ast.Name) else given
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
                    yield _lines(function, reader)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp, reader: str) -> Lines:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)]), node.end_lineno or node.lineno, reader


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    """The full name that a decorator, or what is called, stands for; empty where that is no name."""
    parts = []
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call):
            node = node.func
        else:
            parts.append(node.attr)
            node = node.value
    if not isinstance(node, ast.Name):
        return ""
    known = names.get(node.id) or (f"{names['*']}.{node.id}" if "*" in names and not parts else node.id)
    return ".".join([known, *reversed(parts)])


def _reader(name: str) -> str | None:
    return next((reader for reader in READERS if name == reader or name.startswith(reader + ".")), None)
