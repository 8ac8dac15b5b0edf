"""Reading what the stations wrote."""

from __future__ import annotations

import unittest

from greenhouse import Reading, ReadingError, parse_readings
from greenhouse.readings import latest_by_bed

HEADER = "bed,hour,air,humidity,moisture"


class ReadingsTest(unittest.TestCase):
    def test_reads_lines(self) -> None:
        self.assertEqual(
            parse_readings([HEADER, "basil, 9, 21.0, 74, 47"]),
            [Reading(bed="basil", hour=9, air=21.0, humidity=74.0, moisture=47.0)],
        )

    def test_no_lines_no_readings(self) -> None:
        self.assertEqual(parse_readings([HEADER]), [])

    def test_names_the_line_that_is_no_reading(self) -> None:
        with self.assertRaisesRegex(ReadingError, "line 3"):
            parse_readings([HEADER, "basil,9,21,74,47", "basil,ten,21,74,47"])

    def test_short_line(self) -> None:
        with self.assertRaisesRegex(ReadingError, "line 2"):
            parse_readings([HEADER, "basil,9"])

    def test_impossible_values(self) -> None:
        for line in ("basil,9,400,50,50", "basil,9,20,101,50", "basil,9,20,50,-1"):
            with self.subTest(line), self.assertRaises(ReadingError):
                parse_readings([HEADER, line])

    def test_latest_by_bed(self) -> None:
        readings = parse_readings([HEADER, "basil,10,22,70,44", "basil,9,21,74,47", "peppers,9,22,66,31"])
        self.assertEqual({bed: reading.hour for bed, reading in latest_by_bed(readings).items()}, {"basil": 10, "peppers": 9})
