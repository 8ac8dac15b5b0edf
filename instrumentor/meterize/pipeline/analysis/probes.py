"""The probed build: where the interpreter cannot report instructions itself, our own hooks note what ran."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterize.cpython.pyc import dump_pyc
from meterize.cpython.versions import HAS_MONITORING
from meterize.model.code import CodeId, InstructionMask
from meterize.pipeline.sources import PackageCode
from meterize.testruns import ProbeBuild


@contextmanager
def probe_build(code: PackageCode) -> Iterator[ProbeBuild | None]:
    """Every module of the package with probes, in a private folder that goes away again; None where none are needed."""
    if HAS_MONITORING:
        yield None
        return
    # Only here: to load what rewrites code takes a twentieth of the command's start.
    from meterize.rewriting import probe_module
    from meterize.soundness import check_pyc

    with tempfile.TemporaryDirectory(prefix="meterize-probes-") as folder:
        modules: dict[str, str] = {}
        reach: list[tuple[CodeId, InstructionMask]] = []
        for number, (file, module) in enumerate(code.modules()):
            probed, probes = probe_module(module, file, len(reach))
            modules[file] = f"{number}.pyc"
            reach += ((probe.code, probe.reach) for probe in probes)
            pyc = dump_pyc(probed, code.source(file))
            check_pyc(module, pyc)
            (Path(folder) / modules[file]).write_bytes(pyc)
        yield ProbeBuild(folder=Path(folder), modules=modules, reach=tuple(reach))
