"""Questions as requests to the ledger, and its JSON as answers; whatever has another form is no ledger's."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from meterize.errors import TargetError
from meterize.model.usage import Period, Question, Unmetered, UsageAnswer, UseRow

from .refusals import not_a_ledger
from .request import get
from .settings import LedgerSettings

COUNT_LIMIT: Final = 1 << 63
_LOSS: Final = ("reason", "package", "feature", "hook")


class _FormError(ValueError):
    """Something is missing, or is not of its type."""


def ask(ledger: LedgerSettings, question: Question) -> UsageAnswer:
    """Two requests: uses, and losses. Raises AwayError, TargetError, UsageError."""
    document = get(ledger, "/api/v1/usage", _parameters(question))
    losses = _losses(ledger)
    try:
        return _read(ledger.url, question, document, losses)
    except (_FormError, KeyError, TypeError) as error:
        raise not_a_ledger(ledger.url, f"its answer has another form ({type(error).__name__}: {error})") from None


def _parameters(question: Question) -> list[tuple[str, str]]:
    units = () if question.unit is None else (question.unit,)
    given = {
        "by": ",".join((*question.by, *units)),
        "tz": question.zone,
        "from": question.start,
        "to": question.end,
        "top": None if question.top is None else str(question.top),
        "compare": "previous" if question.compare else None,
    }
    single = [(name, value) for name, value in given.items() if value is not None]
    listed = [("feature", each) for each in question.features] + [("subject", each) for each in question.subjects]
    return single + listed


def _losses(ledger: LedgerSettings) -> dict[str, Any]:
    """Of all who may read them: not of a reader of one subject."""
    try:
        return get(ledger, "/api/v1/losses")
    except TargetError as error:
        if error.slug == "subject-refused":
            return {"losses": []}
        raise


def _read(url: str, question: Question, document: dict[str, Any], losses: dict[str, Any]) -> UsageAnswer:
    total = _count(document["total"])
    previous = document["previous"] if question.compare else None
    return UsageAnswer(
        question=question,
        source=url,
        rows=tuple(_row(question, row) for row in document["rows"]),
        total=total,
        others=_count(document["others"]),
        period=Period(start=_text(document["from"]), end=_text(document["to"]), total=total),
        previous=previous and Period(start=_text(previous["from"]), end=_text(previous["to"]), total=_count(previous["total"])),
        unmetered=_unmetered(question, losses),
    )


def _row(question: Question, row: dict[str, Any]) -> UseRow:
    return UseRow(
        group=tuple(None if row[name] is None else _text(row[name]) for name in question.by),
        at=None if question.unit is None else _text(row[question.unit]),
        uses=_count(row["uses"]),
        before=_count(row["previous"]) if question.compare else None,
    )


def _unmetered(question: Question, document: dict[str, Any]) -> tuple[Unmetered, ...]:
    """Added up over sources and hosts."""
    counts: Counter[tuple[str, ...]] = Counter()
    for loss in document["losses"]:
        counts[tuple(_text(loss[name]) for name in _LOSS)] += _count(loss["total"])
    found = (Unmetered(**dict(zip(_LOSS, names, strict=True)), count=count) for names, count in sorted(counts.items()))
    return tuple(lost for lost in found if question.concerns(lost.feature))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _FormError(f"{type(value).__name__} instead of a text")
    return value


def _count(value: object) -> int:
    if type(value) is not int or abs(value) >= COUNT_LIMIT:
        raise _FormError("no number of uses")
    return value
