"""What a CloudEvent says, in the shape that OpenMeter's ingest takes, and what it counts."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from .report import Counter, Report
from .text import USES_LIMIT, Moment, Name

USE_TYPE: Final = "meterize.use"
LOSS_TYPE: Final = "meterize.lost"
PROCESS: Final = "urn:meterize:"
"""How the source of a metered process begins; its incarnation follows."""
_RANGE: Final = re.compile(r"(?s)(.*):(\d{1,16})-(\d{1,16})")
_INCARNATION: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class Event(Struct, frozen=True, kw_only=True):
    """A CloudEvent 1.0; optional attributes may be null."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Name
    subject: Name | None = None
    time: Moment | None = None
    datacontenttype: Annotated[str, Meta(pattern=r"^application/json\b")] | None = None
    data: dict[str, Any] | None = None


class Counted(Struct, frozen=True, kw_only=True):
    """What an event counts: ``uses`` of a feature. Raises ValueError where its data cannot mean a count."""

    feature: str
    package: str | None
    hook: str | None
    uses: int

    @classmethod
    def of(cls, event: Event) -> Counted:
        """The count of an event: ``data.feature`` or else its type, ``data.value`` times or else once."""
        data = event.data or {}
        return cls(
            feature=_text(data, "feature") or event.type,
            package=_text(data, "package"),
            hook=_text(data, "hook"),
            uses=0 if event.type == LOSS_TYPE else _uses(data.get("value", 1)),
        )


def canonical_data(event: Event) -> str | None:
    """The event's data as the one text that is kept and hashed. Raises ValueError where JSON has no word for them."""
    if event.data is None:
        return None
    return json.dumps(event.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def as_report(event: Event, now: datetime) -> Report | None:
    """The counter that a metered process's own event stands for; None if it is anybody else's.

    Such an event says that a counter has reached a total, so it may come twice, late, and beside the agent's reports.
    Raises ValueError where its id and its data disagree.
    """
    if event.type != USE_TYPE or not event.source.startswith(PROCESS):
        return None
    data, counted = event.data or {}, Counted.of(event)
    incarnation, found = event.source.removeprefix(PROCESS), _RANGE.fullmatch(event.id)
    if not _INCARNATION.fullmatch(incarnation) or found is None or counted.hook is None:
        raise ValueError("the source, the id and data.hook of a meterize.use are not those of a metered process")
    first, last = int(found[2]), int(found[3])
    if found[1] != f"{counted.hook}:{event.subject or ''}" or last - first != counted.uses or last > USES_LIMIT:
        raise ValueError("the id of a meterize.use is not <hook>:<subject>:<from>-<to> of its own data")
    moment = event.time or now
    counter = Counter(
        hook=counted.hook,
        feature=counted.feature,
        package=counted.package or "",
        policy=_text(data, "policy") or "",
        subject=event.subject,
        total=last,
    )
    return Report(incarnation=incarnation, host="", pid=0, started=moment, seen=moment, counters=(counter,))


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 1024:
        raise ValueError(f"data.{key} is not a text of at most 1024 characters")
    return value


def _uses(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)  # OpenMeter's clients may send numbers as texts
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= USES_LIMIT:
        raise ValueError(f"data.value is not a whole number from 0 to {USES_LIMIT}")
    return value
