"""What a database's refusal means: try again, come back later, or this is our bug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from meterize_ledger.errors import LedgerError, NotFound, Refused, Unavailable

_NUMBER: Final = re.compile(r"\[Errno -?\d+\] ")
_PASSING: Final = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_AWAY: Final = "the ledger's database cannot be reached: "
_LOCKED: Final = frozenset({"55P03", "57014"})  # lock_not_available, query_canceled (it took too long)
_FULL: Final = frozenset({"53100", "53200"})  # disk_full, out_of_memory


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction, begun again, is likely to go through: two of them met."""
    return isinstance(error, IntegrityError) or (isinstance(error, DBAPIError) and _state(error) in _PASSING)


@contextmanager
def told() -> Iterator[None]:
    """Turns what drivers and the file system raise into what it means; everything else passes."""
    try:
        yield
    except LedgerError:
        raise
    except PoolTimeout as error:
        raise busy() from error
    except (DBAPIError, OSError) as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _meaning(error: DBAPIError | OSError) -> LedgerError | None:
    text, state = _reason(error), "" if isinstance(error, OSError) else _state(error)
    if state in _LOCKED or "is locked" in text:
        return busy()
    if "not a database" in text:
        return Refused("the file is no SQLite database", slug="not-a-ledger", hint="Name the ledger's file with --database.")
    if "malformed" in text:
        return Unavailable(
            "the ledger's file is damaged", slug="ledger-damaged", hint="Restore it from a backup; agents send the rest again."
        )
    if state in _FULL or "is full" in text or "No space left" in text:
        return Unavailable(
            "the ledger's disk is full",
            slug="ledger-full",
            hint="Make room; what was sent is not recorded, send it again then.",
        )
    if isinstance(error, OperationalError | OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Unavailable(
            f"{_AWAY}{text.splitlines()[0] if text else type(error).__name__}",
            slug="ledger-unavailable",
            hint="Send the same again: what was already recorded is found to be.",
        )
    return None


def _reason(error: DBAPIError | OSError) -> str:
    """What people read of it: no number, and no path that is named beside it anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _NUMBER.sub("", str(getattr(error, "orig", error)).strip())


@contextmanager
def opening(name: str) -> Iterator[None]:
    """As ``told``, where nothing was sent yet: somebody has named the wrong database, or may not open it."""
    try:
        with told():
            yield
    except Unavailable as error:
        if error.slug != "ledger-unavailable":
            raise
        reason = error.message.removeprefix(_AWAY)
        raise Unavailable(
            f"the ledger {name} cannot be opened: {reason}",
            slug="ledger-unavailable",
            hint="Check --database or METERIZE_DATABASE: a file, or postgresql://user:password@host/name.",
        ) from error


def no_ledger(name: str) -> NotFound:
    """Somebody has named the wrong place, or has made no ledger yet."""
    return NotFound(
        f"there is no ledger at {name}",
        slug="no-ledger",
        hint="Check --database or METERIZE_DATABASE; `meterize ledger serve`, `token add` and `import` make a ledger.",
    )


def busy() -> Unavailable:
    """Others have the database, and one has waited long enough."""
    return Unavailable(
        "others keep the ledger's database busy",
        slug="ledger-busy",
        hint="Send the same again in a moment. Nothing of it was recorded.",
    )
