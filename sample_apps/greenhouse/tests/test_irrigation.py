"""Sharing out the water."""

from __future__ import annotations

import unittest

from greenhouse import Reading, plan_watering


def reading(bed: str, moisture: float, *, air: float = 20.0, humidity: float = 80.0) -> Reading:
    return Reading(bed=bed, hour=9, air=air, humidity=humidity, moisture=moisture)


class IrrigationTest(unittest.TestCase):
    def test_driest_first(self) -> None:
        plan = plan_watering([reading("basil", 40), reading("peppers", 30)], tank=100)
        self.assertEqual([(watering.bed, watering.litres) for watering in plan], [("peppers", 12.0), ("basil", 4.0)])

    def test_wet_beds_get_nothing(self) -> None:
        self.assertEqual(plan_watering([reading("basil", 60)], tank=100), [])

    def test_a_thirsty_day_takes_more(self) -> None:
        (mild,) = plan_watering([reading("basil", 35)], tank=100)
        (hot,) = plan_watering([reading("basil", 35, air=34, humidity=30)], tank=100)
        self.assertGreater(hot.litres, mild.litres)

    def test_own_target(self) -> None:
        (watering,) = plan_watering([reading("cacti", 10)], tank=100, targets={"cacti": 15})
        self.assertEqual(watering.litres, 4.0)

    def test_tank_runs_out(self) -> None:
        plan = plan_watering([reading("a", 30), reading("b", 31), reading("c", 32)], tank=15)
        self.assertEqual([watering.why for watering in plan], ["soil at 30 %", "8.2 l short", "tank is empty"])

    def test_only_the_latest_reading_counts(self) -> None:
        dry, later = reading("basil", 20), Reading(bed="basil", hour=10, air=20, humidity=80, moisture=50)
        self.assertEqual(plan_watering([dry, later], tank=100), [])
