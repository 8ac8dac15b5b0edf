"""The command line: `greenhouse climate|water|forecast|poll READINGS.csv`."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from greenhouse import Reading, Station, forecast, parse_readings, plan_watering, poll, summarize


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="greenhouse", description="Climate, watering and forecasts for a greenhouse.")
    parser.add_argument("what", choices=["climate", "water", "forecast", "poll"])
    parser.add_argument("readings", type=Path, help="CSV: bed,hour,air,humidity,moisture")
    parser.add_argument("--tank", type=float, default=60.0, help="litres to share out (water)")
    options = parser.parse_args(arguments)
    with options.readings.open(encoding="utf-8", newline="") as lines:
        readings = parse_readings(lines)
    for line in report(options.what, readings, options.tank):
        print(line)


def report(what: str, readings: list[Reading], tank: float) -> list[str]:
    """The lines to show."""
    if what == "water":
        return [f"{watering.bed}: {watering.litres:g} l ({watering.why})" for watering in plan_watering(readings, tank=tank)]
    if what == "forecast":
        return [f"{hour.hour:02}:00 {hour.air:g} °C{', vents open' * hour.open_vents}" for hour in forecast(readings)]
    if what == "poll":
        beds = dict.fromkeys(reading.bed for reading in readings)
        stations = [Station(bed=bed, readings=[reading for reading in readings if reading.bed == bed]) for bed in beds]
        found, silent = asyncio.run(poll(stations))
        answers = [f"{reading.bed}: {reading.air:g} °C, {reading.humidity:g} %" for reading in found]
        return answers + [f"{bed}: silent" for bed in silent]
    climate = summarize(readings)
    return [f"{climate.air:g} °C, {climate.humidity:g} %, deficit {climate.deficit:g} kPa", *climate.alarms]


if __name__ == "__main__":
    main()
