"""The weather stations in the beds, asked all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from greenhouse.readings import Reading


class StationError(Exception):
    """A station does not answer."""


@dataclass(slots=True, kw_only=True)
class Station:
    """A station that answers with its next reading; `delay` is how long that takes, in seconds."""

    bed: str
    readings: list[Reading]
    delay: float = 0.0
    is_connected: bool = field(default=False, init=False)

    async def read(self) -> Reading:
        """The next reading; StationError when the station is silent or not connected."""
        if not self.is_connected:
            raise StationError(f"{self.bed} is not connected")
        await asyncio.sleep(self.delay)
        if not self.readings:
            raise StationError(f"{self.bed} is silent")
        return self.readings.pop(0)


@asynccontextmanager
async def connect(station: Station) -> AsyncIterator[Station]:
    """Connects for the length of the block."""
    station.is_connected = True
    try:
        yield station
    finally:
        station.is_connected = False


async def poll(stations: Iterable[Station], *, patience: float = 1.0) -> tuple[list[Reading], list[str]]:
    """Asks all stations at once: the readings, and the beds whose station was silent or took longer than `patience` seconds."""
    asked = list(stations)
    answers = await asyncio.gather(*(ask(station, patience) for station in asked))
    readings = [answer for answer in answers if answer is not None]
    silent = [station.bed for station, answer in zip(asked, answers, strict=True) if answer is None]
    return readings, silent


async def ask(station: Station, patience: float) -> Reading | None:
    """One reading, or None."""
    try:
        async with asyncio.timeout(patience), connect(station) as connected:
            return await connected.read()
    except (StationError, TimeoutError):
        return None


async def watch(stations: Iterable[Station], *, rounds: int, pause: float = 0.0) -> AsyncIterator[list[Reading]]:
    """Polls again and again and yields each round's readings; ends early when nobody answers any more."""
    asked = list(stations)
    for _ in range(rounds):
        readings, _silent = await poll(asked)
        if not readings:
            return
        yield readings
        await asyncio.sleep(pause)
