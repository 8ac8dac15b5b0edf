"""What the names of a module are bound to, going by its source: what is imported, called, or inherited from."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import resolve_name
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]
"""A name and the attributes looked up behind it: ``a.b.c``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A module by its full name, or a ``name`` of it."""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What stands at ``path``, or where it ``is_made`` what calling or inheriting from that gives."""

    path: Path
    is_made: bool


Origin: TypeAlias = Imported | Derived


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """``names`` are the module's; a name may have several origins (``try: from ._fast import x; except ImportError: …``), or
    none that matters.

    ``stars`` are the modules that all public names are imported from, ``listed`` the literals of ``__all__``; ``attributes``
    are those of classes, by the class's qualified name and their own: of its body, and what methods store on their first
    argument.
    """

    names: dict[str, list[Origin]] = field(default_factory=lambda: defaultdict(list))
    stars: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    attributes: dict[tuple[str, str], list[Origin]] = field(default_factory=lambda: defaultdict(list))


def read_bindings(text: bytes, module: str, *, is_package: bool) -> Bindings:
    """The bindings of a module's source; none if it does not compile."""
    reader = _Reader(module if is_package else module.rpartition(".")[0])
    try:
        reader.visit(ast.parse(text))
    except (SyntaxError, ValueError):
        return Bindings()
    return reader.bindings


class _Reader(ast.NodeVisitor):
    """Goes into whatever runs when the module is imported, and into methods for what they store."""

    def __init__(self, package: str) -> None:
        self.bindings = Bindings()
        self._package = package
        self._classes: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            self._bind(alias.asname or whole, Imported(module=whole))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = absolute("." * node.level + (node.module or ""), self._package)
        for alias in node.names if module else ():
            if alias.name == "*":
                self.bindings.stars.append(module)
            else:
                self._bind(alias.asname or alias.name, Imported(module=module, name=alias.name))

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._assign(target.id, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and node.value is not None:
            self._assign(node.target.id, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._assign(node.target.id, node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        paths = filter(None, map(_path_of, node.bases))
        self._bind(node.name, *(Derived(path=path, is_made=True) for path in paths))
        self._classes.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._classes.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        arguments = [*node.args.posonlyargs, *node.args.args]
        if not self._classes or not arguments:
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign | ast.AnnAssign) and inner.value is not None:
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                for path in filter(None, map(_path_of, targets)):
                    if len(path) > 1 and path[0] == arguments[0].arg:
                        self._assign(path[1], inner.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def _assign(self, name: str, value: ast.expr) -> None:
        if name == "__all__" and not self._classes:
            self.bindings.listed.update(one.value for one in ast.walk(value) if _is_text(one))  # type: ignore[attr-defined]
        self._bind(name, *_origins(value))

    def _bind(self, name: str, *origins: Origin) -> None:
        if self._classes:
            self.bindings.attributes[".".join(self._classes), name].extend(origins)
        else:
            self.bindings.names[name].extend(origins)


def absolute(module: str, package: str) -> str:
    """The full name of a module that is imported in a package; empty if that leads out of it."""
    try:
        return resolve_name(module, package or None)
    except ImportError:
        return ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _origins(value: ast.expr) -> Iterator[Origin]:
    """What a value is: each arm of a choice, by its name or by what is called."""
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            yield from _origins(body)
            yield from _origins(orelse)
        case ast.BoolOp(values=values):
            for one in values:
                yield from _origins(one)
        case ast.Await(value=awaited):
            yield from _origins(awaited)
        case ast.Call():
            if path := _callee(value):
                yield Derived(path=path, is_made=True)
        case _:
            if path := _path_of(value):
                yield Derived(path=path, is_made=False)


def _callee(node: ast.expr) -> Path | None:
    """What is called first in a chain of calls: ``a.b`` in ``a.b(x).c()[0]``."""
    while (path := _path_of(node)) is None:
        match node:
            case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Attribute(value=inner):
                node = inner
            case _:
                return None
    return path


def _path_of(node: ast.expr) -> Path | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None
