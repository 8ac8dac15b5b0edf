"""Owns the counts of the hooks that stay: one row of slots per subject.

The hooks' inline code indexes a row itself, ``row[slot] += 1`` in bytecode; nothing here is called for a use. A row keeps its
identity for life and only grows at its end, so code that has just loaded it always counts into the right place.
"""

from __future__ import annotations

from _contextvars import ContextVar
from _thread import RLock

from .digest import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT_LENGTH = 256
SUBJECT_LIMIT = 10_000
OVERFLOW_SUBJECT = "meterize:overflow"
"""Who used it once more subjects than the limit were named in one process."""


class Account:
    """One subject's counts: ``row[slot]`` as the hooks have counted, ``sent[slot]`` as the spool has it."""

    __slots__ = ("row", "sent", "subject")

    def __init__(self, subject: str | None, width: int) -> None:
        self.subject = subject
        self.row = [0] * width
        self.sent = [0] * width

    def settle(self, slot: int, count: int) -> None:
        """The spool has this count."""
        self.sent[slot] = count


class Accounts:
    """The accounts of a process, by subject."""

    def __init__(self, default_subject: str | None, limit: int = SUBJECT_LIMIT) -> None:
        self.default = Account(default_subject, 0)
        """Counts the uses of whoever named no subject."""
        self.current: ContextVar[list[int]] = ContextVar("meterize_subject")
        """The row of this context's subject; unset where nobody ever named one."""
        self._entered: ContextVar[tuple[tuple[object, list[int]], ...]] = ContextVar("meterize_entered", default=())
        """The blocks that this context is in, innermost last, with their rows."""
        self.subjects: dict[int, str | None] = {id(self.default.row): default_subject}
        """Subject by ``id(row)``; rows are never freed."""
        self.overflowed = 0
        """How often a subject beyond the limit was named."""
        self._limit = limit
        self._width = 0
        self._accounts = [self.default]
        self._by_subject: dict[str | None, Account] = {None: self.default, default_subject: self.default}
        self._lock = RLock()

    def row_of(self, subject: str | None) -> list[int]:
        """The row of this subject, made where it is new; beyond the limit, the overflow subject's."""
        account = self._by_subject.get(subject)
        return account.row if account is not None else self._open(subject)

    def _open(self, subject: str | None) -> list[int]:
        with self._lock:
            if subject not in self._by_subject and len(self._accounts) > self._limit:
                self.overflowed += 1
                subject = OVERFLOW_SUBJECT
            account = self._by_subject.get(subject)
            if account is None:
                account = Account(subject, self._width)
                self.subjects[id(account.row)] = subject
                self._accounts.append(account)
                self._by_subject[subject] = account
            return account.row

    def enter(self, block: object, row: list[int]) -> None:
        """Uses of this context count in that row until the block is left."""
        self._entered.set((*self._entered.get(), (block, row)))
        self.current.set(row)

    def leave(self, block: object) -> None:
        """Uses count where they would had the block not been. Generators leave theirs in any order, and asynchronous ones in
        contexts that were never in it: then there is nothing to do.
        """
        entered = self._entered.get()
        for index in range(len(entered) - 1, -1, -1):
            if entered[index][0] is block:
                entered = entered[:index] + entered[index + 1 :]
                self._entered.set(entered)
                self.current.set(entered[-1][1] if entered else self.default.row)
                return

    def current_subject(self) -> str | None:
        """Who uses, in this context."""
        return self.subjects[id(self.current.get(self.default.row))]

    def widen(self) -> int:
        """A new slot in every row; its index. Should it be interrupted, the next call mends what is short."""
        with self._lock:
            slot = self._width
            self._width = slot + 1
            for account in self._accounts:
                for cells in (account.sent, account.row):
                    cells.extend([0] * (self._width - len(cells)))
            return slot

    def unsent(self) -> Iterator[tuple[Account, int, int]]:
        """(account, slot, count) wherever the spool has an older count."""
        for account in list(self._accounts):
            counted = account.row[:]
            if counted != account.sent:
                for slot, count in enumerate(counted):
                    if count != account.sent[slot]:
                        yield account, slot, count

    def total(self, slot: int) -> int:
        """Uses counted in this process, over all subjects."""
        return sum(account.row[slot] for account in list(self._accounts))

    def restart(self) -> None:
        """Zero every count in place: a forked child counts its own uses and never sends its parent's."""
        self._lock = RLock()
        self.overflowed = 0
        for account in self._accounts:
            account.row[:] = account.sent[:] = [0] * len(account.row)


def clean_subject(name: object) -> str | None:
    """A subject as it may be stored: None when empty; bounded in length, without what UTF-8 cannot say."""
    if name is None:
        return None
    if isinstance(name, (bytes, bytearray)):
        text = name.decode("utf-8", "backslashreplace")
    else:
        text = str(name)
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) > SUBJECT_LENGTH:
        text = f"{text[: SUBJECT_LENGTH - 33]}~{sha256_hex(text)[:32]}"
    return text or None
