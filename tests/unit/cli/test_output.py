"""What people see while they wait."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from meterize.cli import output


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_long_test_id_leaves_room_for_the_name_of_its_stage(monkeypatch, width) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(output, "stderr", lambda: Console(file=shown, force_terminal=True, width=width, color_system=None))
    with output.progress(as_json=False) as progress:
        progress("without", "tests/plugins/test_footnotes.py::TestFootnoteSecurity::" + "test_a_name_that_says_a_lot" * 5)
        progress("with", "tests/test_it.py::test_short")
    assert "without: 1" in shown.getvalue()
    assert "with: 1" in shown.getvalue()
