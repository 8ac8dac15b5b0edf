"""Questions in a URL: the parameters of ``GET /api/v1/usage``, and the JSON of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from meterize_ledger.errors import Forbidden, Refused
from meterize_ledger.model.question import DIMENSIONS, UNITS, Answer, Dimension, Question, Unit
from meterize_ledger.model.time import read_moment, read_zone
from meterize_ledger.model.token import Grant

SINGLE: Final = ("from", "to", "by", "tz", "top", "compare")
LISTED: Final = ("feature", "subject")
MOST: Final = 10_000


def read_question(given: QueryParams, grant: Grant, now: datetime) -> Question:
    """The question; without ``from`` of this month, without ``to`` until now. Raises Refused, Forbidden."""
    for name in dict.fromkeys(given):
        if name not in SINGLE + LISTED or (name in SINGLE and len(given.getlist(name)) > 1):
            raise _refused(f"{name!r} is no parameter of a question, or is there twice")
    zone = _zone(given.get("tz", "UTC"))
    by, unit = _by(given.get("by", ""))
    month = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    soon = now + timedelta(minutes=15)
    soon -= timedelta(minutes=soon.minute % 15, seconds=soon.second, microseconds=soon.microsecond)
    features, subjects = (tuple(dict.fromkeys(given.getlist(name))) for name in LISTED)
    return Question(
        start=_moment(given["from"], zone) if "from" in given else month.astimezone(UTC),
        end=_moment(given["to"], zone) if "to" in given else soon.astimezone(UTC),
        zone=zone,
        by=by,
        unit=unit,
        features=_storable(features),
        subjects=_own(_storable(subjects), grant),
        top=_top(given["top"]) if "top" in given else None,
        compare=_compare(given.get("compare")),
    )


def as_mapping(answer: Answer) -> Mapping[str, Any]:
    """The JSON answer."""
    question = answer.question
    unit = () if question.unit is None else (question.unit,)
    rows = []
    for row in answer.rows:
        cells: dict[str, Any] = dict(zip(question.by, row.group, strict=True))
        cells |= dict.fromkeys(unit, row.at)
        rows.append({**cells, "uses": row.uses, **({"previous": row.previous} if question.compare else {})})
    found: dict[str, Any] = {
        **_period(question.start, question.end, question.zone),
        "tz": question.zone.key,
        "by": [*question.by, *unit],
        "rows": rows,
        "others": answer.others,
        "total": answer.total,
    }
    if answer.previous_start is not None and answer.previous_end is not None:
        before = _period(answer.previous_start, answer.previous_end, question.zone)
        found["previous"] = {**before, "total": answer.previous_total}
    return found


def _period(start: datetime, end: datetime, zone: ZoneInfo) -> dict[str, str]:
    return {"from": start.astimezone(zone).isoformat(), "to": end.astimezone(zone).isoformat()}


def _own(subjects: tuple[str, ...], grant: Grant) -> tuple[str, ...]:
    if grant.subject is None:
        return subjects
    if any(subject != grant.subject for subject in subjects):
        raise Forbidden(
            "this token reads one subject's uses alone, and not that one's",
            slug="subject-refused",
            hint="Leave `subject` out, or use a token that may read everybody's.",
        )
    return (grant.subject,)


def _zone(name: str) -> ZoneInfo:
    try:
        return read_zone(name)
    except ValueError as error:
        raise _refused(str(error)) from error


def _by(text: str) -> tuple[tuple[Dimension, ...], Unit | None]:
    names = [name for name in text.split(",") if name]
    dimensions = tuple(name for name in DIMENSIONS if name in names)
    units = [unit for unit in UNITS if unit in names]
    if len(units) > 1 or len(names) != len(dimensions) + len(units):
        raise _refused(f"by={text}: each of {', '.join(DIMENSIONS)} at most once, and one of {', '.join(UNITS)}")
    return dimensions, units[0] if units else None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        return read_moment(text, zone)
    except ValueError as error:
        raise _refused(str(error)) from error


def _top(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 7 and 1 <= int(text) <= MOST:
        return int(text)
    raise _refused(f"top={text} is not from 1 to {MOST}")


def _compare(text: str | None) -> bool:
    if text in (None, "previous"):
        return text is not None
    raise _refused(f"compare={text}: there is only `previous`")


def _storable(texts: tuple[str, ...]) -> tuple[str, ...]:
    if any("\0" in text or len(text) > 1024 for text in texts) or len(texts) > 1000:
        raise _refused("a feature or subject that cannot be")
    return texts


def _refused(message: str) -> Refused:
    return Refused(message, slug="question-refused", hint="GET /api/v1/openapi.json says what can be asked.")
