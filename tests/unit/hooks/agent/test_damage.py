"""Files that are cut short, spoilt, or no files at all: told by name, left alone, and nobody else's trouble."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.agents.files import Process, dead, frame, new_incarnation

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def well(spool):
    """The file of a process that all is well with."""
    process = Process(spool)
    process.hook(0, "well")
    process.use()
    return process


def check(agent, ledger, process, word, well=None):
    """It is told by its name, and everything else goes on."""
    agent.round()
    is_well, what = agent.metrics.health()
    assert not is_well
    [trouble] = what["troubles"]
    assert process.incarnation in trouble
    assert word in trouble
    assert process.uses.exists()
    assert ledger.by()["well"] == 1
    return trouble


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda path: os.truncate(path, 0), "0 bytes"),
        (lambda path: os.truncate(path, 100), "100 bytes"),
        (lambda path: os.truncate(path, 4096), "4096 bytes long"),
        (lambda path: os.truncate(path, 5000), "5000 bytes long"),
        (lambda path: path.write_bytes(b"something else" * 500), "does not begin as"),
        (lambda path: patch(path, 8, b"\3"), "version 3"),
        (lambda path: patch(path, 20, b"\0"), "checksum"),
        (lambda path: patch(path, 150, b"x"), "checksum"),
        (lambda path: (path.unlink(), path.mkdir()), "no regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), "cannot be opened"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "no regular file"),
    ],
)
def test_a_spoilt_file(agent, ledger, spool, well, spoil, word):
    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    spoil(process.uses)
    check(agent, ledger, process, word)
    assert ledger.total == 1


def patch(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_file_that_bears_anothers_name(agent, ledger, spool, well):
    process = dead(spool)
    process.close()
    process.incarnation, path = new_incarnation(), process.uses
    path.rename(process.uses)
    check(agent, ledger, process, "it is the file of")


@pytest.mark.parametrize("geometry", [{"rows": 0}, {"banks": 0}, {"rows": 1 << 31, "banks": 1 << 31}])
def test_a_senseless_geometry(agent, ledger, spool, well, geometry):
    process = dead(spool, rows=10, banks=1)
    for name, value in geometry.items():
        setattr(process, name, value)
    process.uses.write_bytes(process.header())
    check(agent, ledger, process, "banks of")


def test_a_file_that_is_cut_while_it_is_watched(agent, ledger, spool, well):
    process = Process(spool)
    process.hook()
    process.use(times=5)
    agent.round()
    os.truncate(process.uses, 4096)
    check(agent, ledger, process, "4096 bytes long")
    assert ledger.total == 6


def test_damaged_names_keep_what_comes_before(agent, ledger, spool, well):
    process = dead(spool)
    process.hook(0, "first")
    process.append(frame(2, b'{"kind":"hook"').replace(b"hook", b"hock"))
    process._sequence = 2
    process.hook(1, "second")
    process.use(0, 0, 2)
    process.use(1, 0, 3)
    process.close()
    check(agent, ledger, process, "uses have no name")
    assert ledger.by() == {"well": 1, "first": 2}
    assert ledger.losses == {(process.incarnation, "unnamed-uses"): 3}


def test_a_gap_in_the_names_is_told_and_nothing_is_guessed(agent, ledger, spool, well):
    process = dead(spool)
    process.hook(0, "first")
    process.frame(skip=1, kind="hook", slot=2, id="dist/third/3", feature="third", package="dist", policy="every")
    process.use(0)
    process.use(2)
    check(agent, ledger, process, "1 of its names are missing")
    process.close()
    check(agent, ledger, process, "1 of its names are missing")
    before = len(ledger.requests)
    check(agent, ledger, process, "missing")
    assert len(ledger.requests) == before, "at rest"
    assert ledger.by() == {"well": 1, "first": 1, "third": 1}


def test_one_number_is_one_frame(agent, ledger, spool):
    process = Process(spool)
    process.hook(0)
    data = process.names.read_bytes()
    process.append(data * 3)
    process.use()
    agent.round()
    assert ledger.total == 1
    assert agent.metrics.health()[0]


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"1", b"{}",
     b'{"kind":"hook"}', b'{"kind":"subject","row":-1,"text":"x"}',
     b'{"kind":"subject","row":2,"text":7}',
     b'{"kind":"loss","reason":"x","package":"","feature":"","hook":"","count":"many"}', b"\xff", b"[" * 30_000],
)  # fmt: skip
def test_frames_that_are_none(agent, ledger, spool, well, payload):
    process = dead(spool)
    process.hook(0, "first")
    process.append(frame(2, payload))
    process.use()
    process.close()
    check(agent, ledger, process, "frame that is none")
    assert ledger.by()["first"] == 1


def test_a_kind_of_a_later_version_is_passed_over(agent, ledger, spool):
    process = dead(spool)
    process.frame(kind="weather", sky="blue")
    process.hook()
    process.use()
    process.close()
    agent.round()
    assert ledger.total == 1
    assert not process.uses.exists()


def test_a_torn_frame_is_not_there_yet(agent, ledger, spool):
    process = Process(spool)
    process.hook(0)
    process.use(0)
    data = frame(2, b'{"kind":"subject","row":2,"text":"tenant"}')
    for cut in (3, 17, 40):
        process.append(data[:cut])
        agent.round()
        os.truncate(process.names, process.names.stat().st_size - cut)
    process.append(data)
    process.use(0, 2)
    agent.round()
    assert ledger.by("subject") == {"None": 1, "tenant": 1}
    assert agent.metrics.health()[0]


def test_a_torn_frame_of_a_dead_process_is_no_damage(agent, ledger, spool):
    """It was killed while it wrote the name; what was to count there never did."""
    process = dead(spool)
    process.hook()
    process.use()
    process.append(frame(2, b'{"kind":"subject","row":2,"text":"tenant"}')[:20])
    process.close()
    agent.round()
    assert not process.uses.exists()
    assert ledger.total == 1


def test_a_folder_that_may_not_be_read(make_agent, ledger, spool, well, tmp_path):
    other = tmp_path / "file"
    other.write_text("")
    agent = make_agent(spools=(str(other), str(spool)))
    agent.round()
    assert ledger.total == 1
    assert "Not a directory" in agent.metrics.health()[1]["troubles"][0]


@pytest.mark.parametrize("seed", range(3))
def test_any_byte_may_be_wrong(make_agent, ledger, spool, seed):
    """No bytes crash it, none make it send more than was counted in the cells, and the others are served."""
    chance = random.Random(seed)
    agent = make_agent()
    for _ in range(40):
        process = dead(spool, rows=10, banks=1)
        process.hook(0, "spoilt")
        process.subject(2, "tenant")
        process.use(0, 0, 3)
        process.use(0, 2, 4)
        process.close()
        path = chance.choice((process.uses, process.names))
        size = 272 if path == process.uses else path.stat().st_size
        for _ in range(chance.choice((1, 1, 4))):
            patch(path, chance.randrange(size), bytes([chance.randrange(256)]))
        if chance.random() < 0.3:
            os.truncate(path, chance.randrange(path.stat().st_size))
    well = Process(spool)
    well.hook(0, "well")
    well.use()
    agent.round()
    assert ledger.by()["well"] == 1
    per_process: dict[str, int] = {}
    for (incarnation, _, _), total in ledger.totals.items():
        per_process[incarnation] = per_process.get(incarnation, 0) + total
    assert max(per_process.values()) <= 7
    kept = {path.stem for path in spool.glob("*.uses")}
    for incarnation in per_process.keys() - kept - {well.incarnation}:
        assert per_process[incarnation] == 7, "who was taken away was told whole"


def test_no_word_is_ever_torn(spool):
    """A cell that goes back and forth across a carry is only ever read as one of its two values."""
    from meterize_hooks.agent.pages import live_cells

    process = Process(spool)
    low, high = 0x00FF_FFFF_FFFF_FFFF, 0x0100_0000_0000_0000
    process.cells[0] = low
    program = f"""
        import mmap, os
        file = os.open({str(process.uses)!r}, os.O_RDWR)
        cells = memoryview(mmap.mmap(file, 8192))[4096:].cast("Q")
        print(flush=True)
        while True:
            cells[0] = {high}
            cells[0] = {low}
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    child.stdout.readline()
    descriptor = os.open(process.uses, os.O_RDONLY)
    seen = set()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        seen |= {live_cells(descriptor, 1)[0] for _ in range(200)}
    child.kill()
    child.wait()
    assert seen <= {low, high}


def test_a_defect_of_ours_at_one_file_stops_no_other(agent, ledger, spool, well, monkeypatch):
    from meterize_hooks.agent import usage

    process = dead(spool)
    process.hook()
    process.use()
    process.close()

    def read_header(data, incarnation, read=usage.read_header):
        return read(data, incarnation) if incarnation != process.incarnation else 1 // 0

    monkeypatch.setattr(usage, "read_header", read_header)
    check(agent, ledger, process, "ZeroDivisionError")


def test_a_system_with_large_pages(agent, ledger, spool, monkeypatch):
    from meterize_hooks.agent import pages

    monkeypatch.setattr(pages, "ALLOCATIONGRANULARITY", 1 << 16)
    process = Process(spool)
    for slot in (0, 70):
        process.hook(slot, f"f{slot}")
    for row in range(2, 300):
        process.subject(row, f"t{row}")
        process.use(0, row, row)
        process.use(70, row, row)
    agent.round()
    assert ledger.total == 2 * sum(range(2, 300))
