"""What a database's refusal means: try again, come back later, or this is our bug."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from meterize_ledger.errors import LedgerError, Refused, Unavailable

_PASSING: Final = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
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
    text, state = str(getattr(error, "orig", error)).strip(), "" if isinstance(error, OSError) else _state(error)
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
            f"the ledger's database cannot be reached: {text.splitlines()[0] if text else type(error).__name__}",
            slug="ledger-unavailable",
            hint="Send the same again: what was already recorded is found to be.",
        )
    return None


def busy() -> Unavailable:
    """Others have the database, and one has waited long enough."""
    return Unavailable(
        "others keep the ledger's database busy",
        slug="ledger-busy",
        hint="Send the same again in a moment. Nothing of it was recorded.",
    )
