"""Owns the public way to say who uses: ``with subject("tenant-7"): ...``, in threads, tasks and generators alike."""

from __future__ import annotations

from .accounts import clean_subject
from .runtime import RUNTIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class subject:  # noqa: N801 - reads as a word of the language: with subject(...)
    """Whoever is named is the subject of all uses in the block, and in tasks and contexts begun there.

    None or an empty name is the unknown subject (or that of ``METERIZE_SUBJECT``). Names are text; a longer one than 256
    characters is cut and ends in its digest. One object may be entered many times, by many threads at once.
    """

    __slots__ = ("_name",)

    def __init__(self, name: object) -> None:
        self._name = clean_subject(name)

    def __enter__(self) -> str | None:
        RUNTIME.enter_subject(self, self._name)
        return self._name

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        RUNTIME.accounts.leave(self)


def current_subject() -> str | None:
    """Who uses here; None where that is unknown."""
    return RUNTIME.accounts.current_subject()
