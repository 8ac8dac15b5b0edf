"""What texts and numbers the ledger takes: lengths, characters, sizes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta

USES_LIMIT: Final = 2**53 - 1
"""No total, and no source's uses, are larger: whole in JSON, in IEEE doubles and in every sum of a thousand sources."""

Incarnation = Annotated[str, Meta(pattern=r"^[0-9A-Za-z-]{1,64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=1024)]
Label = Annotated[str, Meta(max_length=1024)]
Total = Annotated[int, Meta(ge=0, le=USES_LIMIT)]
Moment = Annotated[datetime, Meta(tz=True)]

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    r"""A decoded JSON value whose texts PostgreSQL and UTF-8 can hold: NUL and lone surrogates become ``\x00``, ``\udc80``."""
    match value:
        case str():
            return _UNSTORABLE.sub(_spelled, value)
        case list():
            return [storable(item) for item in value]
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
    return value


def _spelled(found: re.Match[str]) -> str:
    return "\\x00" if found[0] == "\x00" else f"\\u{ord(found[0]):04x}"
