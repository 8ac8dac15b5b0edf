"""What one agent sends, and when a file goes."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from tests.agents.files import Process, dead
from tests.agents.stub import TOKEN


def left(spool):
    return sorted(path.suffix for path in spool.iterdir())


def test_only_what_changed_is_sent(agent, ledger, spool):
    process = Process(spool)
    process.hook(0)
    process.hook(70, "other")
    process.subject(2, "tenant")
    process.use(0, 0, 3)
    process.use(70, 2, 5)
    agent.round()
    assert ledger.by() == {"feat": 3, "other": 5}
    assert ledger.by("subject") == {"None": 3, "tenant": 5}
    agent.round()
    assert len(ledger.requests) == 1
    process.use(70, 2)
    agent.round()
    [report] = ledger.requests[-1]["reports"]
    assert [(each["subject"], each["total"]) for each in report["counters"]] == [("tenant", 6)]


def test_a_report_says_whose_it_is(agent, ledger, spool):
    process = Process(spool, host="höst", made_at=1_700_000_000_123_456_789)
    process.hook()
    process.use()
    agent.round()
    [report] = ledger.requests[0]["reports"]
    assert (report["incarnation"], report["host"], report["pid"]) == (process.incarnation, "höst", process.pid)
    assert report["started"] == "2023-11-14T22:13:20.123456Z"
    assert report["seen"].endswith("Z")
    assert report["counters"] == [
        {"hook": "dist/feat/1", "feature": "feat", "package": "dist", "policy": "every", "subject": None, "total": 1}
    ]


def test_a_file_goes_when_its_final_totals_are_confirmed_after_death(agent, ledger, spool):
    process = dead(spool)
    process.hook()
    process.use(times=7)
    agent.round()
    assert left(spool) == [".names", ".uses"], "somebody still holds the lock"
    process.use(times=2)
    process.close()
    agent.round()
    assert left(spool) == []
    assert ledger.total == 9
    assert ledger.finals == {process.incarnation}


def test_the_final_report_holds_all_totals_even_those_confirmed_before(agent, ledger, spool):
    """A ledger that was put back to yesterday's copy meanwhile has them again."""
    process = dead(spool)
    process.hook(0)
    process.hook(1, "second")
    process.use(0)
    process.use(1)
    agent.round()
    ledger.totals.clear()
    process.close()
    agent.round()
    assert ledger.total == 2
    assert left(spool) == []


def test_a_use_right_behind_the_agents_look_and_the_end_right_behind_that(agent, ledger, spool, monkeypatch):
    """What is read before its process is known to be dead is not final."""
    from meterize_hooks.agent import usage

    process = dead(spool)
    process.hook()
    process.use()

    def read_and_die(*where, read=usage.read_pages):
        data = read(*where)
        monkeypatch.setattr(usage, "read_pages", read)
        process.use(times=2)
        process.close()
        return data

    monkeypatch.setattr(usage, "read_pages", read_and_die)
    monkeypatch.setattr(usage, "live_cells", lambda *_: [1] + [0] * 511)
    agent.round()
    assert process.uses.exists()
    agent.round()
    assert not process.uses.exists()
    assert ledger.total == 3


def test_a_live_process_keeps_its_file(agent, spool):
    process = Process(spool)
    process.hook()
    process.use()
    for _ in range(3):
        agent.round()
    assert left(spool) == [".names", ".uses"]


def test_a_new_agent_knows_as_much_after_a_round(make_agent, ledger, spool):
    process = Process(spool)
    process.hook()
    process.use(times=4)
    for _ in range(3):
        make_agent().round()
    assert ledger.total == 4


def test_requests_are_bounded(make_agent, ledger, spool):
    process = Process(spool)
    for slot in range(64):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    agent = make_agent(items=10)
    agent.round()
    assert [len(request["reports"][0]["counters"]) for request in ledger.requests] == [10] * 6 + [4]
    small = make_agent(body_bytes=2000)
    ledger.bodies.clear()
    small.round()
    assert max(map(len, ledger.bodies)) <= 2000
    assert ledger.total == 64


def test_only_the_last_part_of_a_dead_file_is_final(make_agent, ledger, spool):
    process = dead(spool)
    for slot in range(20):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    process.close()
    make_agent(items=7).round()
    finals = [request["reports"][0]["final"] for request in ledger.requests]
    assert finals == [False, False, True]
    assert left(spool) == []


def test_many_spools_and_one_that_is_not_there(make_agent, ledger, spool, tmp_path):
    for number in range(3):
        process = Process(tmp_path / f"s{number}")
        process.hook()
        process.use(times=number + 1)
    agent = make_agent(spools=(*(str(tmp_path / f"s{number}") for number in range(3)), str(tmp_path / "none")))
    agent.round()
    assert ledger.total == 6
    assert agent.metrics.health()[0]


def test_subjects_beyond_a_page_and_hooks_of_all_banks(agent, ledger, spool):
    process = dead(spool)
    for row in range(2, 502):
        process.subject(row, f"t{row}")
    for slot in (0, 63, 64, 300, 511):
        process.hook(slot, f"f{slot}")
        for row in (0, 1, 2, 9, 250, 501):
            process.use(slot, row, slot + row + 1)
    process.close()
    agent.round()
    assert ledger.total == sum(slot + row + 1 for slot in (0, 63, 64, 300, 511) for row in (0, 1, 2, 9, 250, 501))
    assert ("meterize:overflow", 5) in {(key[2], 5) for key in ledger.totals}
    assert left(spool) == []


def test_where_memory_is_short_pages_are_sent_whole_and_nothing_else_changes(make_agent, ledger, spool):
    process = Process(spool)
    for slot in range(6):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    agent = make_agent(remembered=2)
    agent.round()
    agent.round()
    assert len(ledger.requests) == 1
    process.use(5)
    agent.round()
    assert len(ledger.requests[-1]["reports"][0]["counters"]) == 4
    assert ledger.total == 7


def test_losses_are_told_once_and_what_may_be_mended_only_at_the_end(agent, ledger, spool):
    process = dead(spool)
    process.hook()
    process.loss("not-armed", 2)
    process.loss("no-room", 5)
    agent.round()
    assert ledger.losses == {(process.incarnation, "not-armed"): 2}
    agent.round()
    assert len(ledger.requests) == 1
    process.loss("no-room", 0)
    process.loss("no-spool", 3)
    process.close()
    agent.round()
    assert ledger.losses == {(process.incarnation, "not-armed"): 2, (process.incarnation, "no-spool"): 3}
    assert left(spool) == []


@pytest.mark.parametrize("step", ["counts renamed", "names gone"])
def test_a_removal_that_was_broken_off_is_finished(agent, ledger, spool, step):
    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    process.uses.rename(process.uses.with_suffix(".done"))
    if step == "names gone":
        process.names.unlink()
    agent.round()
    assert left(spool) == []
    assert ledger.requests == []


def test_what_was_never_finished_is_swept_but_not_while_it_is_made(agent, spool, monkeypatch):
    from meterize_hooks.agent import spools

    process = Process(spool)
    unfinished = spool / f".{process.incarnation}.new"
    process.uses.rename(unfinished)
    agent.round()
    monkeypatch.setattr(spools, "UNFINISHED_SECONDS", -1)
    agent.round()
    assert unfinished.exists(), "its maker holds the lock"
    process.close()
    agent.round()
    assert not unfinished.exists()


def test_a_clock_that_is_set_ahead_makes_no_file_old(agent, spool, monkeypatch):
    """A process that has not come to take its lock would lose the file that it is about to count into."""
    from meterize_hooks.agent import spools

    process = Process(spool)
    unfinished = spool / f".{process.incarnation}.new"
    process.uses.rename(unfinished)
    process.close()
    later = time.time() + 1e9
    monkeypatch.setattr(time, "time", lambda: later)
    for _ in range(2):
        agent.round()
        assert unfinished.exists()
    now = time.monotonic() + spools.UNFINISHED_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: now)
    agent.round()
    assert not unfinished.exists()


def test_a_file_that_another_agent_removes_is_nobodys_trouble(agent, make_agent, ledger, spool):
    process = dead(spool)
    process.hook()
    process.use()
    copy = spool.parent / "copy"
    agent.round()
    process.close()
    shutil.copytree(spool, copy)
    other = make_agent()
    other.round()
    agent.round()
    assert agent.metrics.health()[0]
    assert left(spool) == []
    assert ledger.total == 1


def test_confirmed_but_not_removable_is_told(agent, ledger, spool, lines, monkeypatch):
    from meterize_hooks.agent import rounds

    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    monkeypatch.setattr(rounds, "remove", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    agent.round()
    agent.round()
    assert len(ledger.requests) == 1
    assert not agent.metrics.health()[0]
    assert any("cannot be removed" in line for line in lines.said)


def test_old_files_are_counted_and_left(agent, spool):
    spool.mkdir()
    (spool / "0195f3a0-0000-7000-8000-000000000000.jsonl").write_text("{}\n")
    agent.round()
    assert agent.metrics.old_files == 1
    assert left(spool) == [".jsonl"]


def test_the_token_is_in_no_line_and_no_repr(make_agent, ledger, spool, lines):
    process = Process(spool)
    process.hook()
    process.use()
    agent = make_agent(token_text=TOKEN + "x")
    agent.round()
    assert TOKEN not in " ".join(lines.said) + repr(agent._settings)
    assert TOKEN not in agent.metrics.text() + str(agent.metrics.health())


def test_a_process_that_counts_in_memory_alone_is_told_of(agent, ledger, spool):
    """Its names are there, with the loss `no-spool`; its counts are in no file that could be read."""
    process = Process(spool)
    process.loss("no-spool", 3)
    process.uses.unlink()
    agent.round()
    assert agent.metrics.health()[0], "it may just be making its file"
    os.utime(process.names, (1, 1))
    agent.round()
    [trouble] = agent.metrics.troubles
    assert process.incarnation in trouble
    assert process.names.exists()
    assert not ledger.requests
