"""Owns the subjects of a process and their rows of cells: who is counted where, in each context.

The hooks' inline code indexes a row itself, ``row[slot] += 1`` in bytecode; nothing here is called for a use. A row keeps its
identity for life, so code that has just loaded it always counts into the right place.
"""

from __future__ import annotations

from _contextvars import ContextVar
from _thread import RLock

from .digest import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from .cells import CellStore

    Row: TypeAlias = "memoryview[int]"

SUBJECT_LENGTH = 256
SUBJECT_LIMIT = 10_000
OVERFLOW_SUBJECT = "meterize:overflow"
"""Who used it once more subjects than the limit were named in one process."""
DEFAULT_ROW, OVERFLOW_ROW, FIRST_NAMED_ROW = 0, 1, 2


class Accounts:
    """The rows of a process, by subject. ``on_new`` hears of each new row, and says whether anything may count there."""

    def __init__(self, default_subject: str | None, cells: CellStore, on_new: Callable[[int, str], bool]) -> None:
        self._cells = cells
        self._on_new = on_new
        self._default_subject = default_subject
        self.default = cells.row(DEFAULT_ROW)
        """Counts the uses of whoever named no subject."""
        self.current: ContextVar[Row] = ContextVar("meterize_subject")
        """The row of this context's subject; unset where nobody ever named one."""
        self._entered: ContextVar[tuple[tuple[object, Row], ...]] = ContextVar("meterize_entered", default=())
        """The blocks that this context is in, innermost last, with their rows."""
        self.rows = FIRST_NAMED_ROW
        """So many are in use."""
        self.known = 1
        """So many may be counted in: that of whoever named nobody, and those of the named."""
        self._row_of: dict[str | None, Row] = {}
        self._subjects: dict[int, tuple[str | None, Row]] = {}
        """Subject by ``id(row)``; rows are never freed."""
        self._names: dict[int, str] = {}
        self._lock = RLock()
        self._know(default_subject, self.default)
        self._row_of[None] = self.default
        if default_subject is not None:
            self._names[DEFAULT_ROW] = default_subject

    def _know(self, subject: str | None, row: Row) -> None:
        self._subjects[id(row)] = (subject, row)
        self._row_of[subject] = row

    def row_of(self, subject: str | None) -> Row:
        """The row of this subject, made where it is new; beyond the limit, the overflow subject's."""
        row = self._row_of.get(subject)
        return row if row is not None else self._open(subject)

    def _open(self, subject: str | None) -> Row:
        with self._lock:
            if subject in self._row_of or subject is None:  # another thread was faster
                return self._row_of[subject]
            number = self.rows
            if number >= FIRST_NAMED_ROW + SUBJECT_LIMIT:
                subject = OVERFLOW_SUBJECT
            if subject == OVERFLOW_SUBJECT:
                number = OVERFLOW_ROW
                if subject in self._row_of:
                    self._on_new(number, "")
                    return self._row_of[subject]
            self._names[number] = subject
            before, self.rows = self.rows, max(self.rows, number + 1)
            self.known += 1
            if not self._on_new(number, subject):
                self.rows = before
                return self._open(OVERFLOW_SUBJECT)
            row = self._cells.row(number)
            self._know(subject, row)
            return row

    @property
    def names(self) -> dict[int, str]:
        """Subject by row, but for whom nobody named."""
        return self._names

    def enter(self, block: object, row: Row) -> None:
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
                self.current.set(entered[-1][1] if entered else self.default)
                return

    def current_subject(self) -> str | None:
        """Who uses, in this context."""
        return self._subjects[id(self.current.get(self.default))][0]

    def restart(self) -> None:
        """In a forked child: the same subjects. Where rows could not be kept, this context goes over to its new ones."""
        self._lock = RLock()
        if self._cells.keeps_rows:
            return
        fresh = {DEFAULT_ROW: self._cells.row(DEFAULT_ROW)}
        for number, subject in self._names.items():
            fresh[number] = self._cells.row(number)
            self._know(subject, fresh[number])
        self.default = fresh[DEFAULT_ROW]
        self._know(self._default_subject, self.default)
        self._row_of[None] = self.default
        entered = self._entered.get()
        if entered:
            kept = tuple((block, self._row_of[self._subjects[id(row)][0]]) for block, row in entered)
            self._entered.set(kept)
            self.current.set(kept[-1][1])


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
