"""Every error of the ledger: what was wrong and what to do next, for HTTP (``status``) and for commands (``exit_code``).

An error's ``slug`` is its anchor in ``docs/errors.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

Problem = Mapping[str, int | str]
"""One bad item of a batch: where it stands (``report``, ``counter``, ``loss``, ``event``) and the ``reason``."""


class LedgerError(Exception):
    """The root of the family."""

    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 4

    def __init__(
        self, message: str, *, slug: str, hint: str, problems: Sequence[Problem] = (), details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.slug = slug
        self.hint = hint
        self.problems = tuple(problems)
        self.details = details


class Malformed(LedgerError):
    """What was sent cannot be read at all."""

    exit_code = 2


class Refused(LedgerError):
    """It can be read, and cannot be meant, or must not be done."""

    status = 422
    exit_code = 2


class Unauthorized(LedgerError):
    """Nobody that the ledger knows."""

    status = 401


class Forbidden(LedgerError):
    """Somebody that the ledger knows, who may not do this."""

    status = 403


class NotFound(LedgerError):
    """There is no such thing."""

    status = 404


class WrongMethod(LedgerError):
    """The address is right, the method is not."""

    status = 405


class TooLarge(LedgerError):
    """More at once than the ledger takes."""

    status = 413


class WrongType(LedgerError):
    """A content type or encoding that the ledger does not read."""

    status = 415


class TooMany(LedgerError):
    """More often than the ledger takes; ``wait`` is in seconds."""

    status = 429

    def __init__(self, message: str, *, slug: str, hint: str, wait: float) -> None:
        super().__init__(message, slug=slug, hint=hint)
        self.wait = wait


class Unavailable(LedgerError):
    """The database cannot take it now. Nothing was recorded; the same request may be sent again."""

    status = 503


class Defect(LedgerError):
    """Our bug."""

    status = 500
    exit_code = 70
