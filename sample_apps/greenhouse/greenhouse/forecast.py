"""The next hours, one at a time, from the hours that were."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from greenhouse.readings import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One hour to come: air in °C, and whether the vents should stand open."""

    hour: int
    air: float
    open_vents: bool


def forecast(readings: Iterable[Reading], *, hours: int = 6, vents_above: float = 27.0) -> Iterator[Outlook]:
    """Continues the trend of the air, damped by a third each hour; ValueError without two hours to go by."""
    smoothed = list(smooth(hourly_air(readings), window=3))
    if len(smoothed) < 2:
        raise ValueError("a forecast needs readings of at least two hours")
    (_, before), (hour, air) = smoothed[-2:]
    yield from islice(continue_trend(hour, air, air - before, vents_above), hours)


def hourly_air(readings: Iterable[Reading]) -> Iterator[tuple[int, float]]:
    """The mean over the beds, hour by hour."""
    by_hour: dict[int, list[float]] = {}
    for reading in readings:
        by_hour.setdefault(reading.hour, []).append(reading.air)
    for hour, values in sorted(by_hour.items()):
        yield hour, sum(values) / len(values)


def smooth(points: Iterable[tuple[int, float]], *, window: int) -> Iterator[tuple[int, float]]:
    """A running mean over the last hours."""
    recent: deque[float] = deque(maxlen=window)
    for hour, value in points:
        recent.append(value)
        yield hour, sum(recent) / len(recent)


def continue_trend(hour: int, air: float, step: float, vents_above: float) -> Iterator[Outlook]:
    """Hour after hour without end."""
    while True:
        hour, step = (hour + 1) % 24, step * 2 / 3
        air += step
        yield Outlook(hour=hour, air=round(air, 1), open_vents=air > vents_above)
