"""Takes part in the import of source files, by wrapping their loader.

That leaves ``sys.meta_path`` alone, and a suite that replaces that does not lose us.
"""

from __future__ import annotations

from _frozen_importlib_external import SourceFileLoader
from _imp import _fix_co_filename  # type: ignore[attr-defined]

from .journal import Journal
from .sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType
    from typing import Any

    GetCode = Callable[[], CodeType | None]


def adapt_loaded(adaptations: dict[str, Callable[[Any], None]], journal: Journal) -> None:
    """Call each function of ``adaptations`` with the module of its name, right after that module has run."""
    run = SourceFileLoader.exec_module

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        run(self, module)
        adapt = adaptations.get(module.__name__)
        if adapt is not None:
            try:
                adapt(module)
            except Exception as error:  # noqa: BLE001  # an unknown version of that module; the suite shall run
                journal.note("trouble", repr(error))

    SourceFileLoader.exec_module = _as_importlib(exec_module)  # type: ignore[method-assign]


def serve_code(serve: Callable[[str, GetCode], CodeType | None], sources: Sources) -> None:
    """Let ``serve`` give the code of each of the package's modules; it gets the module and a way to ask the loader."""
    get_code = SourceFileLoader.get_code

    def get_code_served(self: SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        module = sources.module_of(path)
        if module is None:
            return get_code(self, fullname)
        code = serve(module, lambda: get_code(self, fullname))
        if code is not None:
            _fix_co_filename(code, path)  # as importlib does with a .pyc that was compiled under another name
        return code

    SourceFileLoader.get_code = _as_importlib(get_code_served)  # type: ignore[method-assign]


def _as_importlib(function: Any) -> Any:
    """Import cuts frames of this file out of tracebacks, and ``warnings`` does not count them for ``stacklevel``."""
    function.__code__ = function.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")
    return function
