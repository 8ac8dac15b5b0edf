"""Owns what goes to the ledger in one request: a bounded number of items, and their form on the wire."""

from __future__ import annotations

import json
import time

from .items import Counter, Final, Loss, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeAlias

    from .items import Item
    from .usage import UsageFile

    Entry: TypeAlias = "tuple[UsageFile, Item]"

REPORT_BYTES = 400
COUNTER_BYTES = 120
"""What the keys and numbers of a report and of a counter take on the wire, generously."""
WORST_LETTER_BYTES = 6
"""An ASCII letter may be written as ``\\u0000``."""
SECONDS_LIMIT = 253_402_300_799
"""The last second of the year 9999."""


class Limits:
    """How much a request may hold. The ledger may ask for less; it is asked for more again, little by little."""

    def __init__(self, items: int, size: int) -> None:
        self._items, self._size = items, size
        self.items, self.size = items, size

    def halve(self) -> None:
        """The ledger said that it was too much."""
        self.items = max(self.items // 2, 1)
        self.size = max(self.size // 2, 1024)

    def grow(self) -> None:
        """The ledger took it."""
        self.items = min(self.items + max(self.items // 8, 1), self._items)
        self.size = min(self.size + self.size // 8, self._size)


def batches(entries: Iterable[Entry], limits: Limits) -> Iterator[list[Entry]]:
    """The entries in their order, in lists within the limits as they are when a list begins; none is empty."""
    batch: list[Entry] = []
    items = size = 0
    for entry in entries:
        weight = _weight(entry)
        if batch and weight and (items >= limits.items or size + weight > limits.size):
            yield batch
            batch, items, size = [], 0, 0
        batch.append(entry)
        items += bool(weight)
        size += weight
    if batch:
        yield batch


def halves(batch: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Two smaller ones, the second of which is empty where nothing can be split."""
    sent = [index for index, entry in enumerate(batch) if is_sent(entry[1])]
    middle = sent[len(sent) // 2] if len(sent) > 1 else len(batch)
    return batch[:middle], batch[middle:]


def is_sent(item: Item) -> bool:
    """Whether it stands on the wire; a page's mark does not."""
    return not isinstance(item, Page)


class Body:
    """A request's body, and which entry each of its parts is."""

    def __init__(self, batch: list[Entry]) -> None:
        self.reports: list[dict[str, Any]] = []
        self.files: list[UsageFile] = []
        self._items: list[list[list[Item]]] = []
        for file, item in batch:
            if not is_sent(item):
                continue
            if not self.files or self.files[-1] is not file:
                self.files.append(file)
                self.reports.append(_report(file))
                self._items.append([[], []])
            counters, losses = self._items[-1]
            if isinstance(item, Counter):
                counters.append(item)
                self.reports[-1]["counters"].append(_counter(file, item))
            elif isinstance(item, Loss):
                losses.append(item)
                self.reports[-1]["losses"].append(_loss(item))
            else:
                self.reports[-1]["final"] = True

    def encode(self) -> bytes:
        """JSON, ASCII."""
        return json.dumps({"reports": self.reports}, separators=(",", ":")).encode("ascii")

    def is_confirmed_by(self, answer: list[dict[str, Any]]) -> bool:
        """Whether the answer speaks of these reports and of as many counters; a stranger's 200 confirms nothing."""
        return [(each.get("incarnation"), each.get("counters")) for each in answer] == [
            (each["incarnation"], len(each["counters"])) for each in self.reports
        ]

    def blamed(self, problem: object) -> list[Entry]:
        """What a problem in the ledger's answer is about: a counter, a loss, or a whole report; nothing if it names none."""
        if not isinstance(problem, dict):
            return []
        index = problem.get("report")
        if not isinstance(index, int) or not 0 <= index < len(self.files):
            return []
        for key, items in zip(("counter", "loss"), self._items[index], strict=True):
            place = problem.get(key)
            if isinstance(place, int) and 0 <= place < len(items):
                return [(self.files[index], items[place])]
        whole = [item for items in self._items[index] for item in items]
        return [(self.files[index], item) for item in whole or [Final()]]


def _weight(entry: Entry) -> int:
    file, item = entry
    if isinstance(item, Counter):
        hook, subject = _names(file, item)
        letters = len(hook.id) + len(hook.feature) + len(hook.package) + len(hook.policy) + len(subject or "")
        return COUNTER_BYTES + letters * (1 if (hook.id + (subject or "")).isascii() else WORST_LETTER_BYTES)
    if isinstance(item, Loss):
        return COUNTER_BYTES + sum(map(len, item.key))
    return REPORT_BYTES if is_sent(item) else 0


def _names(file: UsageFile, item: Counter) -> tuple[Any, str | None]:
    assert file.header is not None  # noqa: S101 - its cells were read
    hook, row = file.header.place(item.key)
    return file.names.hooks[hook], file.names.subjects[row]


def _report(file: UsageFile) -> dict[str, Any]:
    assert file.header is not None  # noqa: S101 - its cells were read
    header = file.header
    return {
        "incarnation": file.incarnation,
        "host": header.host,
        "pid": header.pid,
        "started": timestamp(header.made_at / 1e9),
        "seen": timestamp(file.seen),
        "final": False,
        "counters": [],
        "losses": [],
    }


def _counter(file: UsageFile, item: Counter) -> dict[str, Any]:
    hook, subject = _names(file, item)
    return {
        "hook": hook.id,
        "feature": hook.feature,
        "package": hook.package,
        "policy": hook.policy,
        "subject": subject,
        "total": item.total,
    }


def _loss(item: Loss) -> dict[str, Any]:
    return {**dict(zip(("reason", "package", "feature", "hook"), item.key, strict=True)), "total": item.total}


def timestamp(seconds: float) -> str:
    """RFC 3339, UTC, microseconds."""
    seconds = min(max(seconds, 0.0), SECONDS_LIMIT)
    year, month, day, hour, minute, second, *_ = time.gmtime(int(seconds))
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{int(seconds % 1 * 1_000_000):06}Z"
