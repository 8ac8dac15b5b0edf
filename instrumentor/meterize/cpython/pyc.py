"""Compiled modules on disk: compile as import would, PEP 552 files, where they lie."""

from __future__ import annotations

import importlib.util
import marshal
import warnings
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import CodeType
from typing import Final

from meterize.errors import TargetError

from .versions import CACHE_TAG

_MAGIC: Final = importlib.util.MAGIC_NUMBER
_HEADER_SIZE: Final = 16
_HASH_BASED, _CHECK_SOURCE = 0b01, 0b10
_ONE_AT_A_TIME: Final = Lock()


@lru_cache(maxsize=1024)  # whoever reads a run compiles the same modules as whoever plans
def compile_module(source: bytes, path: str, optimization: int) -> CodeType:
    """The module's code as ``importlib`` would make it: ``path`` becomes ``co_filename``, ``optimization`` is 0, 1 or 2.

    Raises TargetError (``source-not-python``) where import would fail too.
    """
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():  # the filters are the process's, and runs are read in threads
            warnings.simplefilter("ignore")
            code: CodeType = compile(source, path, "exec", dont_inherit=True, optimize=optimization)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise TargetError(
            f"{path}{where} does not compile: {error}",
            slug="source-not-python",
            hint="The file cannot be imported by this interpreter either; leave it out or mend it.",
        ) from error
    return code


def dump_pyc(code: CodeType, source: bytes, checked: bool = False) -> bytes:
    """The bytes of a hash-based .pyc (PEP 552) for ``source``: time stamps do not matter, an edit does if ``checked``.

    The same code gives the same bytes.
    """
    flags = _HASH_BASED | (_CHECK_SOURCE if checked else 0)
    return _MAGIC + flags.to_bytes(4, "little") + importlib.util.source_hash(source) + _dump(code)


def _dump(code: CodeType) -> bytes:
    """Marshal marks what is referred to more than once, by whatever in this process (python/cpython#78274): so dump a copy that
    nobody else holds anything of."""
    return marshal.dumps(marshal.loads(marshal.dumps(code)))  # noqa: S302  # what we have dumped


def load_pyc(data: bytes) -> CodeType | None:
    """The code in a .pyc of this interpreter; None if it is another's, cut short or corrupt."""
    if len(data) < _HEADER_SIZE or data[:4] != _MAGIC:
        return None
    if int.from_bytes(data[4:8], "little") & ~(_HASH_BASED | _CHECK_SOURCE):
        return None
    try:
        code = marshal.loads(data[_HEADER_SIZE:])  # noqa: S302  # what import itself would load
    except (EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None


def pyc_path(source_path: Path, optimization: int) -> Path:
    """Where import looks for the .pyc of ``source_path``, with PYTHONPYCACHEPREFIX left out of account."""
    level = f".opt-{optimization}" if optimization else ""
    return source_path.parent / "__pycache__" / f"{source_path.stem}.{CACHE_TAG}{level}.pyc"
