"""Cells in memory that moves into a file under those who count."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from meterize.spool.uses_file import read_cells


@pytest.fixture
def make(tmp_path):
    pytest.importorskip("_ctypes")
    from meterize_hooks.cells import ROWS, SLOTS, Cells
    from meterize_hooks.processes import Identity
    from meterize_hooks.usage_file import UsageFile, header_of

    def go(name):
        cells = Cells(1)
        file = UsageFile(str(tmp_path), name)

        def attach():
            header = header_of(Identity(), name, "", bytes(32), ROWS, SLOTS, 1)
            descriptor = file.make(header, cells.file_bytes)
            cells.attach(file, descriptor)
            os.close(descriptor)

        return cells, attach, tmp_path / f"{name}.uses"

    return go


def counted(path):
    with path.open("rb") as file:
        return dict(read_cells(file))


def test_nothing_is_lost_while_a_file_is_laid_under_the_counts(make):
    """Threads count without a pause, the interpreter changes between them as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(60):
            cells, attach, path = make(f"i{number}")
            rows = [cells.row(one) for one in range(40)]
            over: list[bool] = []
            done = [0] * 3

            def count(me, rows=rows, done=done, over=over):
                row, other = rows[me], rows[me + 30]
                while not over:
                    row[3] += 1
                    other[5] += 1
                    done[me] += 1

            threads = [threading.Thread(target=count, args=(me,)) for me in range(3)]
            for thread in threads:
                thread.start()
            attach()
            for more in (2, 9, 20, 40):
                assert cells.make_room(1, more)
            over.append(True)
            for thread in threads:
                thread.join()
            expected = {64 * me + 3: done[me] for me in range(3)} | {64 * (me + 30) + 5: done[me] for me in range(3)}
            assert counted(path) == {cell: count for cell, count in expected.items() if count}
            assert cells.outside(1, 40) == 0
    finally:
        sys.setswitchinterval(interval)


def test_totals_and_what_is_outside(make):
    cells, attach, path = make("i")
    for row in range(20):
        cells.row(row)[7] += row
    assert cells.totals(8, 20) == [0] * 7 + [190]
    assert cells.outside(1, 20) == 190
    attach()
    assert cells.make_room(1, 3)
    assert cells.outside(1, 20) == sum(range(8, 20))  # a page holds eight rows
    assert cells.make_room(1, 20)
    assert cells.outside(1, 20) == 0
    assert sum(counted(path).values()) == 190
    cells.clear()
    assert cells.totals(8, 20) == [0] * 8
    assert sum(counted(path).values()) == 190


def test_a_file_that_is_gone_makes_no_room(make):
    cells, attach, path = make("i")
    attach()
    path.unlink()
    assert not cells.make_room(1, 1)
    cells.row(0)[0] += 1
    assert cells.outside(1, 1) == 1
