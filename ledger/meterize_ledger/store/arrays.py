"""Lists as PostgreSQL reads them: written here, as psycopg looks at each element in Python several times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final


def array(values: Sequence[Any]) -> str:
    """``{…}`` of whole numbers, texts or bytes, all of one kind; None is NULL. It needs a cast to its type."""
    kind = next((type(value) for value in values if value is not None), None)
    if kind is None:
        return f"{{{','.join(['NULL'] * len(values))}}}"
    parts = (
        map(_PARTS[kind], values) if None not in values else ("NULL" if each is None else _PARTS[kind](each) for each in values)
    )
    return f"{{{','.join(parts)}}}"


def _quoted(text: str) -> str:
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _hexadecimal(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


_SPECIAL: Final = re.compile(r'["\\]')
_PARTS: Final[dict[type, Any]] = {int: str, str: _quoted, bytes: _hexadecimal}
