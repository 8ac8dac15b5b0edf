"""What the air is like, and whether plants can breathe in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from greenhouse.readings import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """Means over some readings; the vapour pressure deficit in kPa; what to watch out for."""

    air: float
    humidity: float
    deficit: float
    alarms: tuple[str, ...]


def summarize(readings: Sequence[Reading]) -> Climate:
    """The climate over the readings; ValueError if there are none."""
    if not readings:
        raise ValueError("no readings to summarize")
    air = fmean(reading.air for reading in readings)
    humidity = fmean(reading.humidity for reading in readings)
    return Climate(
        air=round(air, 1),
        humidity=round(humidity, 1),
        deficit=round(vapour_pressure_deficit(air, humidity), 2),
        alarms=tuple(find_alarms(readings)),
    )


def vapour_pressure_deficit(air: float, humidity: float) -> float:
    """How much more water the air could take, in kPa (Tetens' formula)."""
    saturated = 0.6108 * math.exp(17.27 * air / (air + 237.3))
    return saturated * (1 - humidity / 100)


def find_alarms(readings: Sequence[Reading]) -> list[str]:
    """Frost, heat and mould, bed by bed, each once."""
    alarms: list[str] = []
    for reading in readings:
        match reading:
            case Reading(air=air) if air < 2:
                alarm = f"frost in {reading.bed}"
            case Reading(air=air) if air > 38:
                alarm = f"heat in {reading.bed}"
            case Reading(humidity=humidity, air=air) if humidity > 92 and air > 15:
                alarm = f"mould in {reading.bed}"
            case _:
                continue
        if alarm not in alarms:
            alarms.append(alarm)
    return alarms
