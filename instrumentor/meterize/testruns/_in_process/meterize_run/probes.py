"""Notes executed code through probes in the bytecode, where ``sys.monitoring`` does not exist yet.

The tool has prepared a compiled file with probes for each module; ``importlib`` gets that instead of the source's code.
Probe *i* sets byte *i* of ``builtins.__meterize_probes__``; the first one of a code object looks ``i`` up in
``builtins.__meterize_entries__``, which finds it there, at no cost to speak of, once enough calls of it have been noted.
"""

from __future__ import annotations

import atexit
import builtins
import marshal  # noqa: TID251  # this side cannot ask meterize.cpython
import sys

from .calls import Calls
from .children import Children
from .contexts import Contexts
from .loading import serve_code
from .marks import Marks
from .settings import read_whole
from .sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from .loading import GetCode


_PYC_HEADER = 16
_CHUNK = 128
_GUARD = (NameError, RecursionError, MemoryError, TypeError, AttributeError, IndexError)
"""What entry probes swallow, as hooks do: their own absence, and no room to run."""


class Entries(dict[int, None]):
    """The entry probes of which enough has been noted; asked for another, it notes a call."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls
        self._frame_at = sys._getframe

    def __missing__(self, probe: int) -> None:
        """The function that ``probe`` stands in begins."""
        calls = self._calls
        if calls.function_of(code := self._frame_at(1).f_code) is None:
            calls.learn(code, probe)
        if calls.enter(probe, 2):
            self[probe] = None


def start_probes(contexts: Contexts, children: Children, sources: Sources, folder: str) -> None:
    """Serve the modules in ``folder``. Its ``index`` has the number of probes, then a module and its file a line, by turns."""
    if sys.flags.optimize:
        contexts.journal.note("trouble", "Python runs with -O: there are no probes for optimised code")
        return
    count, *names = read_whole(f"{folder}/index").decode().split("\n")
    marks = Marks(contexts, stride=1)
    marks.add_row(max(1, int(count)), _CHUNK)

    calls = Calls(contexts.journal)
    entries = Entries(calls)

    def show() -> None:
        builtins.__meterize_probes__ = marks.first_bytes()  # type: ignore[attr-defined]

    def forked() -> None:
        marks.renew()
        calls.renew()
        entries.clear()
        show()

    def take() -> str:
        entries.clear()
        members = calls.take()
        pieces = ",".join([str(piece) for _, piece in marks.take()])
        return f'"pieces":[{pieces}]{"," + members if members else ""}' if pieces else ""

    show()
    builtins.__meterize_entries__ = entries  # type: ignore[attr-defined]
    builtins.__meterize_guard__ = _GUARD  # type: ignore[attr-defined]
    contexts.take, contexts.tables = take, lambda: marks.tables() + calls.tables()
    contexts.on_caller = calls.stop_at
    children.on_fork(forked)
    _serve(dict(zip(names[::2], names[1::2], strict=False)), folder, contexts, sources)


def _serve(files: dict[str, str], folder: str, contexts: Contexts, sources: Sources) -> None:
    served: set[str] = set()

    def serve(module: str, get_code: GetCode) -> CodeType | None:
        try:
            if module in files:
                code: CodeType = marshal.loads(read_whole(f"{folder}/{files[module]}")[_PYC_HEADER:])  # noqa: S302
                served.add(module)
                return code
        except Exception as error:  # noqa: BLE001  # the plain module is better than none
            contexts.journal.note("trouble", repr(error))
        return get_code()

    def note_unserved() -> None:
        """Modules that other loaders brought (pytest's rewriting, a script by its path)."""
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        loaded |= set(sys.argv[:1])  # a script has lost its __file__ by now
        found = {sources.module_of(file) for file in loaded if isinstance(file, str) and file.endswith(".py")}
        for module in found - served:
            if module is not None:
                contexts.journal.note("unserved", module)

    serve_code(serve, sources)
    atexit.register(note_unserved)
