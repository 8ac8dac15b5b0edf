"""Sensor readings, as the stations write them down."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass


class ReadingError(ValueError):
    """A line is no reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One bed at one hour: air in °C, relative humidity and soil moisture in percent."""

    bed: str
    hour: int
    air: float
    humidity: float
    moisture: float


def parse_readings(lines: Iterable[str]) -> list[Reading]:
    """Reads CSV with a header line `bed,hour,air,humidity,moisture`; raises ReadingError with the line's number."""
    readings = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            reading = Reading(
                bed=row["bed"].strip(),
                hour=int(row["hour"]),
                air=float(row["air"]),
                humidity=float(row["humidity"]),
                moisture=float(row["moisture"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ReadingError(f"line {number}: {error}") from error
        check_range(reading, number)
        readings.append(reading)
    return readings


def check_range(reading: Reading, number: int) -> None:
    """Raises ReadingError for what no working sensor says."""
    if not -30 <= reading.air <= 70:
        raise ReadingError(f"line {number}: {reading.air} °C in a greenhouse")
    if not (0 <= reading.humidity <= 100 and 0 <= reading.moisture <= 100):
        raise ReadingError(f"line {number}: a percentage outside 0…100")


def latest_by_bed(readings: Iterable[Reading]) -> dict[str, Reading]:
    """The last reading of each bed."""
    latest: dict[str, Reading] = {}
    for reading in readings:
        known = latest.get(reading.bed)
        if known is None or reading.hour >= known.hour:
            latest[reading.bed] = reading
    return latest
