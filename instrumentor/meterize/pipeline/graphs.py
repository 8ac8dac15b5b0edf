"""The control-flow graphs of a package's code objects, each built once."""

from __future__ import annotations

from collections.abc import Iterable

from meterize.flow import build_graph
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord
from meterize.model.flow import ControlFlowGraph

from .sources import PackageCode


class Graphs:
    """The control-flow graphs of code objects, each built once."""

    def __init__(self, code: PackageCode) -> None:
        self.code = code
        self._built: dict[CodeId, ControlFlowGraph] = {}

    def of(self, run: CoverageRecord) -> dict[CodeId, ControlFlowGraph]:
        """Those of all code that the tests of a run execute; what is not in the source (generated code) has none."""
        return self.all({name for test in run.tests for name in test.executed})

    def all(self, names: Iterable[CodeId]) -> dict[CodeId, ControlFlowGraph]:
        """Those of the code objects named."""
        names = tuple(names)
        for name in names:
            if name not in self._built and name in (codes := self.code.codes(name.file)):
                self._built[name] = build_graph(name.file, codes[name])
        return {name: self._built[name] for name in names if name in self._built}
