"""The command line, without its features' own arithmetic."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from greenhouse.__main__ import main


class CommandLineTest(unittest.TestCase):
    def test_climate(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "readings.csv")
            file.write_text("bed,hour,air,humidity,moisture\nbasil,9,1,60,40\n", encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                main(["climate", str(file)])
        self.assertEqual(shown.getvalue().splitlines()[1:], ["frost in basil"])

    def test_unknown_report(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as stopped:
            main(["weather", "readings.csv"])
        self.assertEqual(stopped.exception.code, 2)
