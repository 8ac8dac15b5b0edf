"""What the processes write is what is read: the two sides of the data files, without a suite between them."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterize.testruns.environment import IN_PROCESS
from meterize.testruns.journals import PROBE_CHUNK, Journals


@pytest.fixture
def in_process(monkeypatch):
    monkeypatch.delenv("METERIZE_RUN_CONTEXT", raising=False)
    sys.path.insert(0, str(IN_PROCESS))
    try:
        from meterize_run import contexts, journal, marks
    finally:
        sys.path.remove(str(IN_PROCESS))
    return contexts, journal, marks


def _open(in_process, folder, stride):
    contexts_module, journal_module, marks_module = in_process
    contexts = contexts_module.Contexts(journal_module.Journal(str(folder)))
    marks = marks_module.Marks(contexts, stride)
    return contexts, marks


_lengths = st.lists(st.integers(1, 40_000).map(lambda units: 2 * units), min_size=1, max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), lengths=_lengths)
def test_marks_come_back(in_process, tmp_path_factory, data, lengths):
    folder = tmp_path_factory.mktemp("run")
    contexts, marks = _open(in_process, folder, 2)

    def take():
        pieces = ",".join(str(piece) for _, piece in marks.take())
        return f'"pieces":[{pieces}]' if pieces else ""

    contexts.take = take
    rows, expected = [], {}
    for number, length in enumerate(lengths):
        rows.append(marks.add_row(length))
        contexts.journal.add(f'{{"code":["m","f{number}",1,2],"size":{length}}}')
    contexts.journal.flush()
    for test in ("one", "two", "left"):
        chosen = data.draw(st.dictionaries(st.integers(0, len(rows) - 1), st.sets(st.integers(0, 30)), max_size=4))
        assert contexts.begin(test)
        for number, units in chosen.items():
            for unit in units:
                rows[number][2 * unit % lengths[number]] = 1
        expected[test] = {
            f"f{number}": sum({1 << (unit % (lengths[number] // 2)) for unit in units})
            for number, units in chosen.items()
            if units
        }
        if test != "left":  # the last one is killed
            contexts.end()
    del os.environ["METERIZE_RUN_CONTEXT"]
    journals = Journals(folder)
    assert journals.read() == ["one", "two", "left"]
    journals.read_rest()
    found = {test: {} for test in expected}
    for journal in journals:
        pieces = journals.pieces(journal)
        for record in journal.records:
            for number in record.pieces:
                found[journals.test_of(record.token)][pieces[number].code.qualname] = pieces[number].mask
    assert found == expected


@pytest.mark.parametrize("count", [1, PROBE_CHUNK, PROBE_CHUNK + 1, 10 * PROBE_CHUNK, 200_000])
def test_probes_come_back(in_process, tmp_path, count):
    contexts, marks = _open(in_process, tmp_path, 1)
    marks.add_row(count, PROBE_CHUNK)
    row = marks.first_bytes()
    chosen = {0, count // 2, count - 1}
    for probe in chosen:
        row[probe] = 1
    contexts.take = lambda: '"pieces":[' + ",".join(str(piece) for _, piece in marks.take()) + "]"
    contexts.finish()
    for probe in chosen:
        row[probe] = 1
    journals = Journals(tmp_path)
    journals.read()
    journals.read_rest()
    (journal,) = journals
    assert len(journal.records) == 2
    pieces = journals.pieces(journal)
    for record in journal.records:
        assert {
            pieces[number].chunk * PROBE_CHUNK + bit
            for number in record.pieces
            for bit in range(PROBE_CHUNK)
            if pieces[number].mask >> bit & 1
        } == chosen


def test_a_disk_without_room_is_not_mapped(in_process, tmp_path, monkeypatch):
    contexts, marks = _open(in_process, tmp_path, 1)
    monkeypatch.setattr(in_process[2], "_ROOM", 1 << 80)
    ended = []
    monkeypatch.setattr(in_process[2].atexit, "register", ended.append)
    marks.add_row(100)[7] = 1
    assert ended == [contexts.finish]
    assert marks.take() == [(0, 0)]
    assert list(tmp_path.glob("*.marks")) == []
    journals = Journals(tmp_path)
    journals.read()
    journals.read_rest()
    assert [journal.records for journal in journals] == [[]]


def test_lines_that_cannot_be_written_now_are_written_later(in_process, tmp_path):
    contexts, _ = _open(in_process, tmp_path, 1)
    path = tmp_path / f"{contexts.journal.name}.jsonl"
    path.rename(tmp_path / "away")
    path.mkdir()  # opening fails, as it does without descriptors
    contexts.begin("one")
    path.rmdir()
    (tmp_path / "away").rename(path)
    contexts.end()
    assert Journals(tmp_path).read() == ["one"]


@pytest.mark.parametrize(
    "torn", [b'{"begin":"tw', b'{"begin":"two"}\n{"end', b"\x00\xff\n", b"[]\n", b"7\n", b'{"pieces":3}\n']
)
def test_torn_and_odd_lines(in_process, tmp_path, torn):
    contexts, _ = _open(in_process, tmp_path, 1)
    contexts.begin("one")
    contexts.end("failed")
    with (tmp_path / f"{contexts.journal.name}.jsonl").open("ab") as file:
        file.write(torn)
    journals = Journals(tmp_path)
    assert journals.read()[0] == "one"
    journals.read_rest()
    (journal,) = journals
    assert journal.records[0].outcome == "failed"


def test_a_name_is_never_taken_twice(in_process, tmp_path):
    names = {_open(in_process, tmp_path, 1)[0].journal.name for _ in range(5)}
    assert names == {f"{os.getpid()}.{number}" for number in range(5)}
