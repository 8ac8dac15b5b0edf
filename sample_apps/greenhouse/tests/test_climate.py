"""The climate and its alarms."""

from __future__ import annotations

import unittest

from greenhouse import Reading, summarize
from greenhouse.climate import vapour_pressure_deficit


def reading(*, bed: str = "basil", air: float = 22.0, humidity: float = 60.0) -> Reading:
    return Reading(bed=bed, hour=9, air=air, humidity=humidity, moisture=40.0)


class ClimateTest(unittest.TestCase):
    def test_means(self) -> None:
        climate = summarize([reading(air=20, humidity=50), reading(air=24, humidity=70)])
        self.assertEqual((climate.air, climate.humidity, climate.alarms), (22.0, 60.0, ()))

    def test_nothing_to_summarize(self) -> None:
        with self.assertRaises(ValueError):
            summarize([])

    def test_saturated_air_takes_no_water(self) -> None:
        self.assertAlmostEqual(vapour_pressure_deficit(20, 100), 0.0)

    def test_deficit_of_a_warm_day(self) -> None:
        self.assertAlmostEqual(vapour_pressure_deficit(25, 60), 1.267, places=2)

    def test_alarms_each_once(self) -> None:
        frosty, hot = reading(bed="peppers", air=1), reading(bed="basil", air=39)
        mouldy = reading(bed="tomatoes", air=20, humidity=95)
        self.assertEqual(
            summarize([frosty, hot, mouldy, frosty]).alarms, ("frost in peppers", "heat in basil", "mould in tomatoes")
        )
