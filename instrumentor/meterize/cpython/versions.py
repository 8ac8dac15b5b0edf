"""The interpreters that meterize knows, and what each can do, as named flags.

Version numbers are compared in this file only; everything else asks for a behaviour by name.
"""

from __future__ import annotations

import sys
import sysconfig
from typing import Final

from meterize.errors import TargetError

SUPPORTED: Final = ((3, 11), (3, 12), (3, 13), (3, 14))

_VERSION: Final = sys.version_info[:2]

IS_CPYTHON: Final = sys.implementation.name == "cpython"

CACHE_TAG: Final = sys.implementation.cache_tag or ""

RELEASE: Final = sys.version.split(maxsplit=1)[0]
"""Such as ``3.12.1``, for people."""

IS_FREE_THREADED: Final = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

HAS_MONITORING: Final = _VERSION >= (3, 12)
"""``sys.monitoring`` (PEP 669): a hook that goes away needs no bytecode of its own."""

CAN_RETIRE_IN_PLACE: Final = not HAS_MONITORING and not IS_FREE_THREADED
"""A live opcode byte may be written over. From 3.12 on ``hash(code)`` covers the opcodes (Objects/codeobject.c, code_hash)."""

CACHES_BY_NAME: Final = _VERSION >= (3, 13)
"""``opcode._inline_cache_entries`` maps names to unit counts instead of listing them by opcode (Lib/opcode.py, gh-106597)."""

GENERATOR_START_PUSH_UNSEEN: Final = _VERSION < (3, 13)
"""``dis.stack_effect`` of RETURN_GENERATOR leaves out what the first ``send`` pushes (Python/compile.c, stack_effect)."""

LOAD_ATTR_CARRIES_METHOD_BIT: Final = _VERSION >= (3, 12)
"""The name index of LOAD_ATTR is shifted by one; the low bit asks for a bound method (gh-100240)."""

END_FOR_LEAVES_ITERATOR: Final = _VERSION >= (3, 13)
"""END_FOR pops one value, and a POP_TOP behind it the iterator (Python/bytecodes.c, END_FOR)."""

MAKE_FUNCTION_TAKES_PARTS: Final = _VERSION < (3, 13)
"""MAKE_FUNCTION pops what its flags name; later SET_FUNCTION_ATTRIBUTE does, one by one (Python/bytecodes.c)."""

CLASSES_RECORD_FIRST_LINE: Final = _VERSION >= (3, 13)
"""A class body stores its own line number as ``__firstlineno__`` (gh-118465)."""

EXIT_METHOD_IS_TWO_VALUES: Final = _VERSION >= (3, 14)
"""``with`` keeps ``__exit__`` as LOAD_SPECIAL left it: the function and its self or NULL (Python/bytecodes.c)."""

CALL_ALWAYS_TAKES_KEYWORDS: Final = _VERSION >= (3, 14)
"""CALL_FUNCTION_EX has no operand: a mapping of keyword arguments or NULL is always there (Python/bytecodes.c)."""


def check_supported() -> None:
    """Raise TargetError unless this interpreter is a CPython that meterize has been tested on.

    Without the GIL, two threads that count in one slot lose uses: an inline hook is a load, an addition and a store.
    """
    if IS_CPYTHON and CACHE_TAG and sys.version_info[:2] in SUPPORTED and not IS_FREE_THREADED:
        return
    known = ", ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
    found = f"{sys.implementation.name} {sys.version.split()[0]}{', a build without the GIL' if IS_FREE_THREADED else ''}"
    raise TargetError(
        f"meterize rewrites the bytecode of CPython {known}; this interpreter is {found}.",
        slug="interpreter-unsupported",
        hint="Run it with a supported interpreter: meterize --python PATH … names the target's.",
    )
