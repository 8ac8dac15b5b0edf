"""What each instruction takes from the stack and puts on it, written down apart from the standard library's own figures.

``stack.py`` asks ``dis.stack_effect`` for sums while code is emitted; these are pairs, read off CPython's definitions
(Python/ceval.c for 3.11, Python/bytecodes.c from 3.12 on), so that emitted code is checked by something that cannot be wrong
in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from .opcodes import NUMBERS
from .versions import (
    CALL_ALWAYS_TAKES_KEYWORDS,
    END_FOR_LEAVES_ITERATOR,
    EXIT_METHOD_IS_TWO_VALUES,
    LOAD_ATTR_CARRIES_METHOD_BIT,
    MAKE_FUNCTION_TAKES_PARTS,
)

Effect: TypeAlias = tuple[int, int]
"""How many values an instruction must find (those that it only looks at, too), and how many stand in their place after it."""

_FIXED: Final = """
NOP 0 0             EXTENDED_ARG 0 0    RESUME 0 0              MAKE_CELL 0 0           COPY_FREE_VARS 0 0
NOT_TAKEN 0 0       POP_ITER 1 0        BUILD_TEMPLATE 2 1
KW_NAMES 0 0        SETUP_ANNOTATIONS 0 0  POP_TOP 1 0          PUSH_NULL 0 1           RETURN_GENERATOR 0 1
LOAD_CONST 0 1      LOAD_NAME 0 1       LOAD_FAST 0 1           LOAD_FAST_CHECK 0 1     LOAD_FAST_AND_CLEAR 0 1
LOAD_DEREF 0 1      LOAD_CLASSDEREF 0 1 LOAD_CLOSURE 0 1        LOAD_LOCALS 0 1         LOAD_BUILD_CLASS 0 1
LOAD_SMALL_INT 0 1  LOAD_COMMON_CONSTANT 0 1  LOAD_FAST_BORROW 0 1  LOAD_FAST_BORROW_LOAD_FAST_BORROW 0 2
LOAD_ASSERTION_ERROR 0 1  LOAD_FAST_LOAD_FAST 0 2  LOAD_FROM_DICT_OR_GLOBALS 1 1  LOAD_FROM_DICT_OR_DEREF 1 1
STORE_NAME 1 0      STORE_FAST 1 0      STORE_GLOBAL 1 0        STORE_DEREF 1 0         STORE_FAST_LOAD_FAST 1 1
STORE_FAST_STORE_FAST 2 0  DELETE_NAME 0 0  DELETE_FAST 0 0     DELETE_GLOBAL 0 0       DELETE_DEREF 0 0
STORE_ATTR 2 0      DELETE_ATTR 1 0     STORE_SUBSCR 3 0        DELETE_SUBSCR 2 0       BINARY_SUBSCR 2 1
BINARY_SLICE 3 1    STORE_SLICE 4 0     BINARY_OP 2 1           COMPARE_OP 2 1          IS_OP 2 1
CONTAINS_OP 2 1     UNARY_POSITIVE 1 1  UNARY_NEGATIVE 1 1      UNARY_NOT 1 1           UNARY_INVERT 1 1
TO_BOOL 1 1         LIST_TO_TUPLE 1 1   FORMAT_SIMPLE 1 1       FORMAT_WITH_SPEC 2 1    CONVERT_VALUE 1 1
GET_ITER 1 1        GET_YIELD_FROM_ITER 1 1  GET_AWAITABLE 1 1  GET_AITER 1 1           GET_ANEXT 1 2
GET_LEN 1 2         MATCH_MAPPING 1 2   MATCH_SEQUENCE 1 2      MATCH_KEYS 2 3          MATCH_CLASS 3 1
BEFORE_WITH 1 2     BEFORE_ASYNC_WITH 1 2  LOAD_SPECIAL 1 2     PUSH_EXC_INFO 1 2     POP_EXCEPT 1 0
CHECK_EXC_MATCH 2 2 CHECK_EG_MATCH 2 2  PREP_RERAISE_STAR 2 1   CALL_INTRINSIC_1 1 1    CALL_INTRINSIC_2 2 1
END_ASYNC_FOR 2 0   CLEANUP_THROW 3 2   END_SEND 2 1            YIELD_VALUE 1 1         ASYNC_GEN_WRAP 1 1
RETURN_VALUE 1 0    RETURN_CONST 0 0    IMPORT_NAME 2 1         IMPORT_FROM 1 2         IMPORT_STAR 1 0
PRINT_EXPR 1 0      SET_FUNCTION_ATTRIBUTE 2 1  LOAD_METHOD 1 2 LIST_EXTEND 1 0         SET_UPDATE 1 0
DICT_UPDATE 1 0     DICT_MERGE 1 0      JUMP_FORWARD 0 0        JUMP_BACKWARD 0 0       JUMP_BACKWARD_NO_INTERRUPT 0 0
POP_JUMP_IF_TRUE 1 0  POP_JUMP_IF_FALSE 1 0  POP_JUMP_IF_NONE 1 0  POP_JUMP_IF_NOT_NONE 1 0
POP_JUMP_FORWARD_IF_TRUE 1 0      POP_JUMP_FORWARD_IF_FALSE 1 0
POP_JUMP_FORWARD_IF_NONE 1 0      POP_JUMP_FORWARD_IF_NOT_NONE 1 0
POP_JUMP_BACKWARD_IF_TRUE 1 0     POP_JUMP_BACKWARD_IF_FALSE 1 0
POP_JUMP_BACKWARD_IF_NONE 1 0     POP_JUMP_BACKWARD_IF_NOT_NONE 1 0
"""

_BY_ARGUMENT: Final[dict[str, Callable[[int], Effect]]] = {
    "LOAD_GLOBAL": lambda arg: (0, 1 + (arg & 1)),
    "LOAD_ATTR": lambda arg: (1, 1 + (arg & 1 if LOAD_ATTR_CARRIES_METHOD_BIT else 0)),
    "LOAD_SUPER_ATTR": lambda arg: (3, 1 + (arg & 1)),
    "CALL": lambda arg: (arg + 2, 1),
    "PRECALL": lambda arg: (arg + 2, arg + 2),
    "CALL_KW": lambda arg: (arg + 3, 1),
    "CALL_FUNCTION_EX": lambda arg: (4 if CALL_ALWAYS_TAKES_KEYWORDS else 3 + (arg & 1), 1),
    "MAKE_FUNCTION": lambda arg: (1 + ((arg & 15).bit_count() if MAKE_FUNCTION_TAKES_PARTS else 0), 1),
    "FORMAT_VALUE": lambda arg: (1 + bool(arg & 4), 1),
    "BUILD_TUPLE": lambda arg: (arg, 1),
    "BUILD_LIST": lambda arg: (arg, 1),
    "BUILD_SET": lambda arg: (arg, 1),
    "BUILD_STRING": lambda arg: (arg, 1),
    "BUILD_SLICE": lambda arg: (arg, 1),
    "BUILD_INTERPOLATION": lambda arg: (2 + (arg & 1), 1),
    "BUILD_MAP": lambda arg: (2 * arg, 1),
    "BUILD_CONST_KEY_MAP": lambda arg: (arg + 1, 1),
    "LIST_APPEND": lambda arg: (arg + 1, arg),
    "SET_ADD": lambda arg: (arg + 1, arg),
    "MAP_ADD": lambda arg: (arg + 2, arg),
    "UNPACK_SEQUENCE": lambda arg: (1, arg),
    "UNPACK_EX": lambda arg: (1, (arg & 255) + 1 + (arg >> 8)),
    "COPY": lambda arg: (arg, arg + 1),
    "SWAP": lambda arg: (arg, arg),
    "RAISE_VARARGS": lambda arg: (arg, 0),
    "RERAISE": lambda arg: (arg + 1, arg),
}

_JUMP_KEEPS_ITERATOR: Final = "END_FOR" in NUMBERS
_JUMP_KEEPS_RECEIVER: Final = "END_SEND" in NUMBERS

_FALLING_OR_JUMPING: Final[dict[str, tuple[Effect, Effect]]] = {
    "FOR_ITER": ((1, 2), (1, 2) if _JUMP_KEEPS_ITERATOR else (1, 0)),
    "SEND": ((2, 2), (2, 2) if _JUMP_KEEPS_RECEIVER else (2, 1)),
    "JUMP_IF_TRUE_OR_POP": ((1, 0), (1, 1)),
    "JUMP_IF_FALSE_OR_POP": ((1, 0), (1, 1)),
}
"""From 3.12 on an exhausted FOR_ITER jumps over the END_FOR that it points at; read as if END_FOR then dropped both values."""


def _fixed() -> dict[str, Effect]:
    words = _FIXED.split()
    effects = {name: (int(found), int(left)) for name, found, left in zip(words[::3], words[1::3], words[2::3], strict=True)}
    return effects | {
        "END_FOR": (1, 0) if END_FOR_LEAVES_ITERATOR else (2, 0),
        "WITH_EXCEPT_START": (5, 6) if EXIT_METHOD_IS_TWO_VALUES else (4, 5),
    }


_EFFECTS: Final = _fixed()


@lru_cache(maxsize=1 << 12)
def effect(name: str, arg: int, *, jump: bool) -> Effect | None:
    """What an instruction finds and what it leaves; None for an opcode that is not known."""
    if name in _FALLING_OR_JUMPING:
        return _FALLING_OR_JUMPING[name][jump]
    if name in _BY_ARGUMENT:
        return _BY_ARGUMENT[name](arg)
    return _EFFECTS.get(name)
