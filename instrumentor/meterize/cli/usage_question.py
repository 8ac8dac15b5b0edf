"""What `meterize usage` is asked, out of its options."""

from __future__ import annotations

import os
from datetime import datetime
from difflib import get_close_matches

import click

from meterize.errors import UsageError
from meterize.model.usage import DIMENSIONS, UNITS, Question

from .zones import checked_zone, local_zone

OF_SPOOL = "package,feature,subject,host"
OF_LEDGER = "package,feature,subject"
"""What is asked where --by is not given: containers would make a group of every host, and a ledger has them all."""


def make_question(
    *, of_ledger: bool, by: str | None, tz: str | None, start: str | None, end: str | None,
    features: tuple[str, ...], subjects: tuple[str, ...], top: int | None, compare: bool,
) -> Question:  # fmt: skip
    """The question that the options ask. Raises UsageError, click.BadParameter."""
    names, unit = _by(by if by is not None else OF_LEDGER if of_ledger else OF_SPOOL)
    _check_period(start, end)
    return Question(
        by=names,
        unit=unit,
        zone=local_zone(os.environ) if tz is None else checked_zone(tz, of_ledger=of_ledger),
        start=start,
        end=end,
        features=tuple(map(_spelled, features)),
        subjects=tuple(map(_spelled, subjects)),
        top=top,
        compare=compare,
    )


def _by(text: str) -> tuple[tuple[str, ...], str | None]:
    names = [name.strip() for name in text.split(",")]
    units = [name for name in names if name in UNITS]
    if len(units) > 1 or len(set(names)) < len(names) or not set(names) <= {*DIMENSIONS, *UNITS}:
        near = [get_close_matches(name, [*DIMENSIONS, *UNITS], n=1) for name in names]
        likely = ",".join(each[0] for each in near if each)
        meant = f" Did you mean {likely}?" if all(near) and likely != ",".join(names) else ""
        raise click.BadParameter(
            f"{text!r}: each of {', '.join(DIMENSIONS)} at most once, and at most one of {', '.join(UNITS)}.{meant}",
            param_hint="'--by'",
        )
    return tuple(name for name in names if name in DIMENSIONS), units[0] if units else None


def _check_period(start: str | None, end: str | None) -> None:
    first, last = _moment("--from", start), _moment("--to", end)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return  # what is in a zone and what is not, the ledger compares
    if first >= last:
        raise _bad_period(f"--from {start} --to {end}: that period ends before it begins, or as it does")


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise _bad_period(f"{option} {text}: that is no date or time") from None


def _bad_period(message: str) -> UsageError:
    return UsageError(
        message,
        slug="bad-period",
        hint="A period goes from --from to --to, which is not part of it: November is --from 2026-11-01 --to 2026-12-01. "
        "Times are written as 2026-11-22T13:45 or with an offset, 2026-11-22T13:45+01:00, at quarters of an hour.",
    )


def _spelled(name: str) -> str:
    """What UTF-8 cannot say is spelled out, as where uses are counted."""
    return name.encode("utf-8", "backslashreplace").decode()
