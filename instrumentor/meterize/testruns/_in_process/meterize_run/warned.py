"""Notes what each test makes Python warn of: every warning that passes the filters, whoever catches it then.

Nothing changes for the suite: ``catch_warnings``, pytest's ``recwarn`` and ``-W`` work on what comes before and after the one
function that all of them leave alone, the one that Python itself calls to show a warning.
"""

from __future__ import annotations

import sys

from .journal import Journal, quote
from .loading import adapt_loaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_MOST_KINDS = 200
"""Kinds of warnings of one test in one process that are told apart."""
_MOST_CHARACTERS = 400


class Warned:
    """Counts the warnings since the last ``take`` by category and text."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def watch(self, journal: Journal) -> None:
        """Begin to, whether ``warnings`` is there already or comes later."""
        adapt_loaded({"warnings": self.adapt}, journal)
        module = sys.modules.get("warnings")
        if module is not None:
            self.adapt(module)

    def adapt(self, module: Any) -> None:
        """Look on where Python hands a warning over to be shown (Python/_warnings.c, ``call_show_warning``)."""
        show = module._showwarnmsg

        def _showwarnmsg(msg: Any) -> None:
            self.note(msg)
            show(msg)

        module._showwarnmsg = _showwarnmsg

    def note(self, message: Any) -> None:
        """Count one; ``message`` is a ``warnings.WarningMessage``."""
        try:
            kind = (message.category.__name__, str(message.message)[:_MOST_CHARACTERS])
        except Exception:  # noqa: BLE001  # a warning that cannot be printed fails in the suite's own hands
            kind = ("Warning", "")
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = ("", "")
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def take(self) -> str:
        """Warnings since the last time, as a member of a JSON object, or nothing."""
        if not self._counts:
            return ""
        counts, self._counts = self._counts, {}
        items = [f"[{quote(category)},{quote(text)},{count}]" for (category, text), count in list(counts.items())]
        return f'"warned":[{",".join(items)}]'

    def renew(self) -> None:
        """In a forked child: the parent tells what it was warned of itself."""
        self._counts = {}
