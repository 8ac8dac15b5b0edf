"""What in a package's Python code stands for machine code: names of extension modules, and what is made by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import CodeType
from typing import Final

from meterize.cpython.mentions import Mention, find_imports, find_mentions
from meterize.errors import TargetError
from meterize.installed import find_module_file, is_machine_code
from meterize.model.code import CodeId
from meterize.pipeline.sources import PackageCode

from .bindings import Bindings, Derived, Imported, Origin, absolute, read_bindings
from .bindings import Path as Names


class Kind(IntEnum):
    """A Python module; an object that machine code made, or a class that inherits from such a one; machine code itself."""

    MODULE = 1
    MADE = 2
    MACHINE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What a name stands for; ``name`` is the full one: of a module, or of the machine code that it is or comes from."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An instruction of a function that leads to machine code, by its byte offset, and to what."""

    offset: int
    name: str
    is_called: bool


class MachineCode:
    """Reads each module when it is first asked for, of other packages in the same site folder too. Nothing is imported."""

    def __init__(self, code: PackageCode) -> None:
        self._code = code
        self._site = code.package.site
        self._files: dict[str, Path | None] = {}
        self._bindings: dict[str, Bindings] = {}
        self._names: dict[str, set[str]] = {}
        self._things: dict[tuple[str, ...], Thing | None] = {}

    def references(self, name: CodeId, body: CodeType) -> Iterator[Reference]:
        """Those of one function, in code order."""
        if self._has_any(name, body):
            yield from self._mentioned(name, body)
            yield from self._imported(name, body)

    def handed_on(self) -> tuple[str, ...]:
        """The public names of the package itself that are machine code: calls of them run no Python code of it."""
        top = self._code.package.import_name
        public = sorted(name for name in self._names_in(top) if not name.startswith("_"))
        things = ((name, self._look_up(top, name)) for name in public)
        return tuple(f"{top}.{name}" for name, thing in things if thing and thing.kind is Kind.MACHINE)

    def _has_any(self, name: CodeId, body: CodeType) -> bool:
        """Whether it is worth reading the instructions: most functions mention nothing of the kind."""
        own = self._bindings_of(name.module).attributes
        return (
            "IMPORT_NAME" in body.co_names
            or any(self._look_up(name.module, each) for each in body.co_names)
            or any((_class_of(name), each) in own for each in body.co_names)
        )

    def _mentioned(self, name: CodeId, body: CodeType) -> Iterator[Reference]:
        for mention in find_mentions(body):
            thing, left = self._attribute(name, mention) if mention.is_own else self._follow(name.module, mention.path)
            # What machine code made may be plain data: it leads there only if something is done with it.
            used = mention.is_called or bool(left)
            if thing and (thing.kind is Kind.MACHINE or (thing.kind is Kind.MADE and used)):
                yield Reference(offset=mention.offset, name=thing.name, is_called=used)

    def _imported(self, name: CodeId, body: CodeType) -> Iterator[Reference]:
        for statement in find_imports(body):
            target = absolute(statement.module, _package_of(name))
            things = [self._module(target), *(self._member(target, each) for each in statement.names)]
            machine = [thing.name for thing in things if thing and thing.kind is not Kind.MODULE]
            if machine:
                yield Reference(offset=statement.offset, name=machine[-1], is_called=False)

    def _attribute(self, name: CodeId, mention: Mention) -> tuple[Thing | None, Names]:
        """What a method's first argument has there."""
        key = (name.module, _class_of(name), mention.path[0])
        if key not in self._things:
            self._things[key] = None
            self._things[key] = self._best(name.module, self._bindings_of(name.module).attributes.get(key[1:], ()))
        return self._things[key], mention.path[1:]

    def _follow(self, module: str, path: Names) -> tuple[Thing | None, Names]:
        """What stands at a path, and what is left of the path where machine code is reached."""
        thing = self._look_up(module, path[0])
        left = path[1:]
        while thing and thing.kind is Kind.MODULE and left:
            thing, left = self._member(thing.name, left[0]), left[1:]
        if thing and thing.kind is Kind.MACHINE and left and self._machine_file(thing.name):
            thing, left = Thing(kind=Kind.MACHINE, name=f"{thing.name}.{left[0]}"), left[1:]
        return thing, left

    def _look_up(self, module: str, name: str) -> Thing | None:
        """What a global name of a Python module stands for."""
        key = (module, name)
        if key not in self._things:
            self._things[key] = None  # for those that import each other
            origins = self._bindings_of(module).names.get(name)
            self._things[key] = self._by_star(module, name) if origins is None else self._best(module, origins)
        return self._things[key]

    def _by_star(self, module: str, name: str) -> Thing | None:
        """What ``import *`` brings: from Python modules what they have, from machine code what is listed here."""
        own = self._bindings_of(module)
        for star in () if name.startswith("_") else own.stars:
            if name in self._names_in(star):
                return self._look_up(star, name)
            if self._machine_file(star) and name in own.listed:
                return Thing(kind=Kind.MACHINE, name=f"{star}.{name}")
        return None

    def _names_in(self, module: str) -> set[str]:
        """All names of a Python module that can be known without running it."""
        if module not in self._names:
            own = self._bindings_of(module)
            names = self._names[module] = {*own.names, *own.listed}  # seen by those that import each other
            names.update(*(self._names_in(star) for star in own.stars))
        return self._names[module]

    def _best(self, module: str, origins: Iterable[Origin]) -> Thing | None:
        """Machine code if any of them is: it is there, and packages fall back to Python only where it is not."""
        found = [thing for origin in origins if (thing := self._thing(module, origin))]
        return max(found, key=lambda thing: thing.kind, default=None)

    def _thing(self, module: str, origin: Origin) -> Thing | None:
        match origin:
            case Imported(module=target, name=""):
                return self._module(target)
            case Imported(module=target, name=name):
                return self._member(target, name)
            case Derived(path=path, is_made=is_made):
                thing, _ = self._follow(module, path)
                made = thing and thing.kind is not Kind.MODULE and is_made
                return Thing(kind=Kind.MADE, name=thing.name) if thing and made else thing

    def _member(self, module: str, name: str) -> Thing | None:
        if self._machine_file(module):
            return Thing(kind=Kind.MACHINE, name=f"{module}.{name}")
        return self._look_up(module, name) or self._module(f"{module}.{name}")

    def _module(self, name: str) -> Thing | None:
        if self._machine_file(name):
            return Thing(kind=Kind.MACHINE, name=name)
        return Thing(kind=Kind.MODULE, name=name) if self._file(name) else None

    def _machine_file(self, module: str) -> bool:
        file = self._file(module)
        return file is not None and is_machine_code(file)

    def _file(self, module: str) -> Path | None:
        if module not in self._files:
            self._files[module] = find_module_file(module, self._site) if module else None
        return self._files[module]

    def _bindings_of(self, module: str) -> Bindings:
        if module not in self._bindings:
            self._bindings[module] = self._read(module)
        return self._bindings[module]

    def _read(self, module: str) -> Bindings:
        file = self._file(module)
        if file is None or file.suffix != ".py":
            return _NOTHING
        try:
            text = self._code.source(str(file))
        except TargetError:
            return _NOTHING
        return read_bindings(text, module, is_package=file.name == "__init__.py")


_NOTHING: Final = Bindings()


def _package_of(name: CodeId) -> str:
    return name.module if name.file.endswith("/__init__.py") else name.module.rpartition(".")[0]


def _class_of(name: CodeId) -> str:
    return name.qualname.rpartition(".")[0]
