"""Serves the original code of modules that are metered on disk, so that a run sees the package as if it were untouched.

The tool has compiled them for each optimisation level; ``importlib`` gets that instead of the file with hooks, and nothing is
written anywhere.
"""

from __future__ import annotations

import marshal  # noqa: TID251  # this side cannot ask meterize.cpython
import sys

from .journal import Journal
from .loading import serve_code
from .settings import read_whole
from .sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from .loading import GetCode


_PYC_HEADER = 16


def serve_originals(sources: Sources, folder: str, journal: Journal) -> None:
    """Serve the modules in ``folder``: the N-th of its ``index``, a name a line, lies in ``N.LEVEL.pyc``."""
    names = read_whole(f"{folder}/index").decode().split("\n")
    files = {module: f"{folder}/{number}.{min(sys.flags.optimize, 2)}.pyc" for number, module in enumerate(names)}

    def serve(module: str, get_code: GetCode) -> CodeType | None:
        try:
            if module in files:
                code: CodeType = marshal.loads(read_whole(files[module])[_PYC_HEADER:])  # noqa: S302
                return code
        except Exception as error:  # noqa: BLE001  # the suite has to run; the tool learns that it was not untouched
            journal.note("trouble", f"the original of {module} could not be served: {error!r}")
        return get_code()

    serve_code(serve, sources)
