"""Turns at a database that has one writer: those who wait together are written, and synced to the disk, together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from meterize_ledger.errors import LedgerError, Unavailable

from .failure import busy

MOST: Final = 32
"""Works of one transaction."""


@dataclass(slots=True, eq=False)
class _Waiting:
    work: Callable[[Connection], Any]
    done: bool = False
    result: Any = None
    error: Exception | None = None


class Turns:
    """Whoever comes to the turn does what all others wait for as well. Each is answered once its own rows are durable.

    A work that is refused is taken back to its own beginning, and the others go on. Where anything else fails, nothing of the
    transaction stays, and each work is done ``alone``, so that none suffers from another.
    """

    def __init__(self, engine: Engine, alone: Callable[[Callable[[Connection], Any]], Any], patience: float) -> None:
        self._engine, self._alone, self._patience = engine, alone, patience
        self._waiting: deque[_Waiting] = deque()
        self._turn = threading.Lock()

    def take(self, work: Callable[[Connection], Any]) -> Any:
        """The work's result, once it is durable. Raises what the work raises, what the database does, Unavailable."""
        mine = _Waiting(work)
        self._waiting.append(mine)
        if not self._turn.acquire(timeout=self._patience):
            try:
                self._waiting.remove(mine)
            except ValueError:
                self._turn.acquire()  # it is being written: its end is near, and has to be known
            else:
                raise busy()
        try:
            while not mine.done:
                self._lead()
        finally:
            self._turn.release()
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _lead(self) -> None:
        group: list[_Waiting] = []
        try:
            while self._waiting and len(group) < MOST:
                group.append(self._waiting.popleft())
            if len(group) == 1 or not self._together(group):
                for each in group:
                    self._by_itself(each)
        finally:
            for each in group:
                if not each.done:  # the leader was interrupted
                    each.error, each.done = _unknown(), True

    def _together(self, group: list[_Waiting]) -> bool:
        """Whether it is decided what became of each: False where nothing was written."""
        working = False
        try:
            with self._engine.begin() as connection:
                working = True
                for each in group:
                    _try(connection, each)
                working = False
        except Exception as error:  # noqa: BLE001 - each who waits is told
            if working:
                return False
            for each in group:  # the transaction did not begin, or did not end: the same holds for all
                each.result, each.error = None, error
        for each in group:
            each.done = True
        return True

    def _by_itself(self, each: _Waiting) -> None:
        try:
            each.result, each.error = self._alone(each.work), None
        except Exception as error:  # noqa: BLE001 - raised again where it belongs
            each.error = error
        each.done = True


def _try(connection: Connection, each: _Waiting) -> None:
    each.error = None
    try:
        with connection.begin_nested():
            each.result = each.work(connection)
    except LedgerError as error:
        each.error = error


def _unknown() -> Unavailable:
    return Unavailable(
        "the ledger was interrupted while it wrote",
        slug="ledger-unavailable",
        hint="Send the same again: what was already recorded is found to be.",
    )
