"""Asking the stations."""

from __future__ import annotations

import unittest

from greenhouse import Reading, Station, StationError, poll, watch


def station(bed: str, *airs: float, delay: float = 0.0) -> Station:
    readings = [Reading(bed=bed, hour=hour, air=air, humidity=60, moisture=40) for hour, air in enumerate(airs)]
    return Station(bed=bed, readings=readings, delay=delay)


class StationsTest(unittest.IsolatedAsyncioTestCase):
    async def test_asks_all(self) -> None:
        readings, silent = await poll([station("basil", 20), station("peppers", 21)])
        self.assertEqual(([reading.air for reading in readings], silent), ([20, 21], []))

    async def test_a_silent_station_keeps_nobody_waiting(self) -> None:
        readings, silent = await poll([station("basil"), station("peppers", 21), station("slow", 22, delay=5)], patience=0.02)
        self.assertEqual(([reading.bed for reading in readings], silent), (["peppers"], ["basil", "slow"]))

    async def test_connected_only_while_asked(self) -> None:
        asked = station("basil", 20, 21)
        await poll([asked])
        self.assertFalse(asked.is_connected)
        with self.assertRaises(StationError):
            await asked.read()

    async def test_watches_until_nobody_answers(self) -> None:
        rounds = [len(readings) async for readings in watch([station("basil", 20, 21), station("peppers", 22)], rounds=9)]
        self.assertEqual(rounds, [2, 1])

    async def test_watches_some_rounds(self) -> None:
        watched = watch([station("basil", *range(20, 30))], rounds=3)
        self.assertEqual([readings[0].air async for readings in watched], [20, 21, 22])
