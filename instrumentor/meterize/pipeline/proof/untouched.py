"""The original code of a metered package's hooked modules, ready to be served to a test run in the place of the hooked one.

Both suites are run on the untouched code, too. Stripping for that would leave a production environment unmetered while they
run; a copy of the environment would be another one. So only the suite's own processes see the originals.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterize.cpython.pyc import dump_pyc
from meterize.model.manifest import Manifest
from meterize.pipeline.metering.rewrite import OPTIMIZATIONS
from meterize.pipeline.sources import PackageCode
from meterize.testruns import Originals


@contextmanager
def original_code(code: PackageCode, manifest: Manifest) -> Iterator[Originals]:
    """Every hooked module as its source compiles, whichever feature the hooks are of; in a private folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="meterize-originals-") as folder:
        modules = tuple(sorted({file.source for file in manifest.files}))
        originals = Originals(folder=Path(folder), modules=modules)
        for module in modules:
            for level in OPTIMIZATIONS:
                compiled = code.compile(module, level)
                originals.file(module, level).write_bytes(dump_pyc(compiled, code.source(module)))
        yield originals
