"""The package's own code objects, compiled from its sources as import would."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType

from meterize.cpython.identity import code_id, walk
from meterize.cpython.pyc import compile_module
from meterize.errors import TargetError
from meterize.model.code import CodeId
from meterize.model.package import Package


class PackageCode:
    """Compiles each module of a package once, when it is first asked for."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._modules: dict[str, CodeType] = {}
        self._codes: dict[str, dict[CodeId, CodeType]] = {}

    def source(self, file: str) -> bytes:
        """The bytes of a module's source; ``file`` is relative to the site folder."""
        path = self.package.site / file
        try:
            return path.read_bytes()
        except OSError as error:
            raise TargetError(
                f"cannot read {path}: {error.strerror}",
                slug="unreadable-source",
                hint="Check that the package is installed completely (pip install --force-reinstall) and readable for you.",
            ) from error

    def compile(self, file: str, optimization: int) -> CodeType:
        """A module's code object at -O level 0, 1 or 2."""
        return compile_module(self.source(file), str(self.package.site / file), optimization)

    def module(self, file: str) -> CodeType:
        """A module's code object, without optimisation."""
        if file not in self._modules:
            self._modules[file] = self.compile(file, 0)
        return self._modules[file]

    def codes(self, file: str) -> dict[CodeId, CodeType]:
        """Every code object of a module by its name."""
        if file not in self._codes:
            self._codes[file] = {code_id(file, code): code for _, code in walk(self.module(file))}
        return self._codes[file]

    def compiles(self, file: str) -> bool:
        """Whether a module compiles; others cannot be imported either."""
        try:
            self.module(file)
        except TargetError:
            return False
        return True

    def modules(self) -> Iterator[tuple[str, CodeType]]:
        """All modules of the package that compile."""
        return ((file, self.module(file)) for file in self.package.modules if self.compiles(file))
