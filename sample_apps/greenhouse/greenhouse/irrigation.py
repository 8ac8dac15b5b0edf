"""How much water each bed gets, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from greenhouse.climate import vapour_pressure_deficit
from greenhouse.readings import Reading, latest_by_bed

LITRES_PER_POINT = 0.8  # for a bed of six square metres: what lifts soil moisture by one point
TARGET = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watering:
    """Litres for one bed, and why."""

    bed: str
    litres: float
    why: str


def plan_watering(readings: Iterable[Reading], *, tank: float, targets: Mapping[str, float] | None = None) -> list[Watering]:
    """Shares the tank's litres out among the beds that are too dry, the driest first."""
    needs = []
    for reading in latest_by_bed(readings).values():
        target = (targets or {}).get(reading.bed, TARGET)
        litres = litres_needed(reading, target)
        if litres > 0:
            needs.append((litres, reading))
    needs.sort(key=lambda need: (-need[0], need[1].bed))
    return share_tank(needs, tank)


def litres_needed(reading: Reading, target: float) -> float:
    """What brings the soil to its target, with a little more on a thirsty day."""
    missing = target - reading.moisture
    if missing <= 0:
        return 0.0
    thirst = 1 + max(0.0, vapour_pressure_deficit(reading.air, reading.humidity) - 1) / 4
    return round(missing * LITRES_PER_POINT * thirst, 1)


def share_tank(needs: Iterable[tuple[float, Reading]], tank: float) -> list[Watering]:
    """Gives until the tank is empty; a bed that gets less than it needs says so."""
    waterings = []
    left = tank
    for litres, reading in needs:
        given = min(litres, left)
        left = round(left - given, 1)
        if given <= 0:
            waterings.append(Watering(bed=reading.bed, litres=0.0, why="tank is empty"))
        elif given < litres:
            waterings.append(Watering(bed=reading.bed, litres=given, why=f"{litres - given:.1f} l short"))
        else:
            waterings.append(Watering(bed=reading.bed, litres=given, why=f"soil at {reading.moisture:g} %"))
    return waterings
