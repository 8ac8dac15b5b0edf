"""Notes executed code through probes in the bytecode, where ``sys.monitoring`` does not exist yet.

The tool has prepared a compiled file with probes for each module; ``importlib`` is given that instead of the source's.
Probe *i* sets byte *i* of ``builtins.__meterize_probes__``.
"""

from __future__ import annotations

import builtins
import marshal
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType

from . import children, contexts, hits, journal, sources

_PYC_HEADER = 16
_CHUNK = 64

_folder = ""
_prepared: dict[str, str] = {}
_get_code = SourceFileLoader.get_code


def start(folder: str) -> None:
    """Serve the prepared modules; FOLDER/index names them: the number of probes, then a module and its file a line, by turns."""
    global _folder
    if sys.flags.optimize:
        journal.note("trouble", "Python runs with -O: there are no probes for optimised code")
        return
    _folder = folder
    lines = journal.read_whole(f"{folder}/index").decode().split("\n")
    _prepared.update(zip(lines[1::2], lines[2::2], strict=False))
    for _ in range(0, int(lines[0]) + 1, _CHUNK):
        hits.place(_CHUNK)
    install()
    contexts.take = take
    children.on_fork(_forked)
    SourceFileLoader.get_code = _code_with_probes  # type: ignore[method-assign, assignment]


def install() -> None:
    """Show the probes where to write."""
    builtins.__meterize_probes__ = hits.marks  # type: ignore[attr-defined]


def _forked() -> None:
    hits.renew()
    install()


def _code_with_probes(self: SourceFileLoader, fullname: str) -> CodeType | None:
    try:
        module = sources.module_of(self.get_filename(fullname))
        if module in _prepared:
            code: CodeType = marshal.loads(journal.read_whole(f"{_folder}/{_prepared[module]}")[_PYC_HEADER:])  # noqa: S302
            journal.note("module", module)
            return code
    except Exception as error:  # noqa: BLE001  # the plain module is better than none
        journal.note("trouble", repr(error))
    return _get_code(self, fullname)


def take() -> str:
    """What ran since the last time."""
    pieces = ",".join(str(piece) for _, piece in hits.take())
    return f'"pieces":[{pieces}]' if pieces else ""
