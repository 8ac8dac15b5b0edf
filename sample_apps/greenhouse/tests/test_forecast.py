"""The next hours."""

from __future__ import annotations

import unittest
from itertools import islice

from greenhouse import Reading, forecast


def day(*airs: float) -> list[Reading]:
    return [Reading(bed="basil", hour=hour, air=air, humidity=60, moisture=40) for hour, air in enumerate(airs, start=8)]


class ForecastTest(unittest.TestCase):
    def test_continues_the_trend_damped(self) -> None:
        airs = [outlook.air for outlook in forecast(day(20, 22, 24), hours=3)]
        self.assertEqual(airs, [22.7, 23.1, 23.4])

    def test_hours_follow_over_midnight(self) -> None:
        readings = [Reading(bed="basil", hour=hour, air=20, humidity=60, moisture=40) for hour in (22, 23)]
        self.assertEqual([outlook.hour for outlook in forecast(readings, hours=3)], [0, 1, 2])

    def test_vents_open_when_it_gets_warm(self) -> None:
        vents = [outlook.open_vents for outlook in forecast(day(20, 24, 28, 34), hours=4, vents_above=32)]
        self.assertEqual(vents, [False, True, True, True])

    def test_taken_hour_by_hour(self) -> None:
        hours = forecast(day(20, 22, 24), hours=24)
        self.assertEqual(len(list(islice(hours, 2))), 2)
        self.assertEqual(next(hours).hour, 13)

    def test_one_hour_is_no_trend(self) -> None:
        with self.assertRaisesRegex(ValueError, "two hours"):
            next(forecast(day(20)))
