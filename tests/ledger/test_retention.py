"""Old records are let go of, sealed and archived: nothing is counted twice, the sums stay, and what remains is proved."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from unittest.mock import patch

import pytest
from sqlalchemy import func, select
from tests.ledger.made import counter, event, report
from tests.ledger.serving import PROCESSES, command

from meterize_ledger.errors import NotFound, Unavailable
from meterize_ledger.proof import prove, read_rows
from meterize_ledger.service import retention
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.corrections import correct
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.events import take_events
from meterize_ledger.service.exports import Selection, ends, export_rows
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.service.retention import retain
from meterize_ledger.store import seals
from meterize_ledger.store.database import Database
from meterize_ledger.store.schema import hourly, records, sources


def fill(ledger) -> None:
    make_source_token(ledger, "shop")
    make_source_token(ledger, "idle")
    take_reports(ledger, "web", [report(counter(3), counter(2, None), counter(4, "bob"))])
    take_events(ledger, "shop", [event(str(number), value=2) for number in range(8)])
    correct(ledger, "web", 1, -2, by="support", why="a test of theirs", name="t1")


def more(ledger) -> None:
    take_reports(ledger, "web", [report(counter(7), counter(4, "bob"), counter(1, "eve"))])
    take_events(ledger, "shop", [event(str(number), value=2) for number in range(10)])


@pytest.fixture
def full(ledger):
    fill(ledger)
    return ledger


LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""All that there is arrived before."""


def rows(ledger, **selection):
    return [dict(row) for row in export_rows(ledger, Selection(**selection))]


def known(ledger):
    return [(end.source, end.seq, end.link) for end in ends(ledger) if end.seq]


def sums(ledger) -> tuple[int, int]:
    """By hour and by source, which no retention changes."""
    with ledger.reading() as connection:
        by_hour = connection.scalar(select(func.sum(hourly.c.q0 + hourly.c.q1 + hourly.c.q2 + hourly.c.q3)))
        return int(by_hour), int(connection.scalar(select(func.sum(sources.c.uses))))


def left(ledger) -> list[str]:
    with ledger.reading() as connection:
        return list(connection.scalars(select(records.c.kind).order_by(records.c.source_id, records.c.seq)))


def test_what_remains_is_proved_against_the_ends_seen_before(full, tmp_path):
    early = known(full)
    then = datetime.now(UTC)
    more(full)
    late, before = known(full), sums(full)
    done = retain(full, then, tmp_path, by="ops")
    assert (done.dropped, sorted((cut.end.source, cut.end.seq, cut.end.link) for cut in done.cuts)) == (12, early)
    assert left(full) == ["use", "use", "seal", "event", "event", "seal"]
    assert sums(full) == before == (32, 32)
    assert prove(rows(full), [*early, *late]).holds  # the cut itself is an end that was seen
    whole = prove(chain(read_rows(done.archive), rows(full)), [*early, *late])
    assert whole.holds
    assert {each.source: (each.uses, each.sealed) for each in whole.chains} == {"shop": (20, 0), "web": (12, 0)}


def test_a_seal_says_what_was_dropped_and_where_it_is(full, tmp_path):
    done = retain(full, LATER, tmp_path, by="ops")
    told = [row for row in rows(full) if row.get("kind") == "seal"]
    digest = sha256(done.archive.read_bytes()).hexdigest()
    for seal, cut in zip(told, sorted(done.cuts, key=lambda cut: cut.end.source), strict=True):
        assert (seal["uses"], seal["asked_by"], seal["origin"]) == (0, "ops", "urn:meterize:retention")
        assert f'"archive":"{digest}"' in seal["data"]
        assert f'"link":"{cut.end.link}","seq":{cut.end.seq}}}' in seal["data"]
    own = rows(full, subject="ada")
    assert {row["source"] for row in own} == {"web", "shop"}  # nothing of hers is left but sums, and she sees the seals
    assert [row["kind"] for row in own if "kind" in row] == ["seal", "seal"]
    assert prove(own, known(full)).holds
    assert {row["source"] for row in rows(full, subject="bob")} == {"web"}
    assert rows(full, subject="nobody") == []
    more(full)
    own = rows(full, subject="ada")
    assert {row["kind"] for row in own if "kind" in row} == {"use", "event", "seal"}
    assert prove(own, known(full)).holds


def test_what_is_dropped_without_a_seal_is_seen(full, tmp_path):
    retain(full, LATER, tmp_path, by="ops")
    more(full)
    honest = rows(full, source="web")
    assert [set(row) for row in honest[:1]] == [{"source", "seq", "link"}]
    assert prove(honest).holds
    assert not prove(honest[1:]).holds
    assert not prove([{**honest[0], "link": "0" * 64}, *honest[1:]]).holds
    begin = {name: honest[2][name] for name in ("source", "seq", "link")}
    assert not prove([begin, *honest[3:]]).holds  # cut later than the seal says
    assert not prove([*honest, honest[0]]).holds
    hidden = {name: honest[1][name] for name in ("source", "seq", "leaf", "link")}
    assert not prove([hidden, *honest[2:]]).holds


def test_nothing_that_was_dropped_is_counted_again(full, tmp_path):
    before = sums(full)
    retain(full, LATER, tmp_path, by="ops")
    assert take_events(full, "shop", [event(str(number), value=2) for number in range(8)]).recorded == 0
    take_reports(full, "web", [report(counter(3), counter(1, None), counter(4, "bob"))])
    assert sums(full) == before
    assert take_events(full, "shop", [event("8", value=2)]).recorded == 1
    with pytest.raises(NotFound):
        correct(full, "web", 1, -1, by="support", why="too late")
    assert sums(full) == (before[0] + 2, before[1] + 2)


def test_again_and_again(full, tmp_path):
    """Each archive goes on where the one before ended; a ledger without news is left alone."""
    assert retain(full, datetime(2026, 1, 1, tzinfo=UTC), tmp_path, by="ops").archive is None
    first = retain(full, LATER, tmp_path, by="ops").archive
    again = retain(full, LATER, tmp_path, by="ops")
    assert (again.archive, again.cuts, again.dropped) == (None, (), 0)
    more(full)
    second = retain(full, LATER, tmp_path, by="ops").archive
    assert second is not None
    assert left(full) == ["seal", "seal"]
    assert prove(chain(read_rows(first), read_rows(second), rows(full)), known(full)).holds
    assert not prove(chain(read_rows(second), read_rows(first), rows(full)), known(full)).holds
    assert sum(each.uses for each in prove(chain(read_rows(first), read_rows(second), rows(full))).chains) == 32


def test_an_archive_that_cannot_be_written_lets_go_of_nothing(full, tmp_path):
    before = rows(full)
    with pytest.raises(Unavailable, match="cannot be written"):
        retain(full, LATER, tmp_path / "none", by="ops")
    with patch.object(retention, "write_rows", lambda rows, path, form: path.write_text("")), pytest.raises(Unavailable) as bad:
        retain(full, LATER, tmp_path, by="ops")
    assert bad.value.slug == "archive-unproved"
    assert rows(full) == before


def _retain_and_die(place: str, folder: str, turn: int) -> None:
    """SIGKILL in the middle of a transaction: all of it done, and nothing durable."""
    from pathlib import Path

    write, turns = Database.write, iter(range(100))

    def dying(self, work):
        def killed(connection):
            result = work(connection)
            if next(turns) == turn:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write(self, killed)

    ledger = open_ledger(place)
    retention.CHUNK = 3
    Database.write = dying
    retain(ledger, LATER, Path(folder), by="ops")


def test_two_at_once(full, tmp_path):
    """One of them lets go; the other one finds that, and seals nothing."""
    with full.reading() as connection:
        found = seals.cuts(connection, 2**60)
        connection.rollback()
        retain(full, LATER, tmp_path, by="ops")
    before = rows(full)
    stale = patch.multiple(retention, cuts=lambda *_: found, _archived=lambda *_: "00")
    with stale, pytest.raises(Unavailable) as late:
        retain(full, LATER, tmp_path, by="other")
    assert late.value.slug == "ledger-busy"
    assert rows(full) == before


def test_killed_in_any_transaction_it_goes_on(full, place, tmp_path):
    before, seen = sums(full), known(full)
    turn = 0
    while True:
        process = PROCESSES.Process(target=_retain_and_die, args=(place, str(tmp_path), turn))
        process.start()
        process.join(60)
        assert sums(full) == before
        assert prove(rows(full)).holds
        assert take_events(full, "shop", [event(str(number), value=2) for number in range(8)]).recorded == 0
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        turn += 1
    assert turn >= 4  # the seals, and three for what is dropped
    assert left(full) == ["seal", "seal"]
    archives = {sha256(path.read_bytes()).hexdigest(): path for path in sorted(tmp_path.glob("sealed-*.jsonl"))}
    (archive,) = (path for digest, path in archives.items() if any(digest in str(row.get("data")) for row in rows(full)))
    assert prove(chain(read_rows(archive), rows(full)), [*seen, *known(full)]).holds


def test_the_command(full, place, tmp_path):
    done = command("retain", "--days", "0", "--archive", str(tmp_path), database=place)
    assert done["dropped"] == 12
    export = tmp_path / "now.csv"
    command("export", str(export), database=place)
    (cut, *_) = done["chains"]
    end = f"{cut['source']}:{cut['seq']}:{cut['link']}"
    proof = command("prove", str(export), "--end", end)
    assert (proof["holds"], [each["sealed"] for each in proof["chains"]]) == (True, [8, 4])
    assert command("prove", done["archive"], str(export), "--end", end)["holds"]
    assert command("prove", str(export), "--end", f"{cut['source']}:1:{cut['link']}", code=1)["holds"] is False
