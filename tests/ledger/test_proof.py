"""The chain: what is proved with an export alone, and that nothing can be changed, removed or added unseen."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.made import NOON, counter, event, report

from meterize_ledger.cli import ledger as command_line
from meterize_ledger.errors import NotFound, Refused
from meterize_ledger.model import record as model
from meterize_ledger.proof import prove, read_rows
from meterize_ledger.proof.chain import COLUMNS, HASHED, leaf_of
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.corrections import correct
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.events import take_events
from meterize_ledger.service.exports import Selection, ends, export_rows
from meterize_ledger.service.retention import retain

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))


@pytest.fixture
def full(ledger):
    make_source_token(ledger, "shop")
    take_reports(ledger, "web", [report(counter(3), counter(2, None), counter(4, "bob"))])
    take_reports(ledger, "web", [report(counter(7), counter(9, "bob"))])
    take_events(ledger, "shop", [event("1", value=2), event("2", subject="bob"), event("ü", subject=None, note="…")])
    correct(ledger, "web", 1, -2, by="support", why="a test of theirs")
    return ledger


def rows(ledger, **selection):
    return [dict(row) for row in export_rows(ledger, Selection(**selection))]


def test_an_export_is_proved(full):
    proof = prove(rows(full))
    assert proof.holds
    assert [(chain.source, chain.seq, chain.shown, chain.uses) for chain in proof.chains] == [
        ("shop", 3, 3, 4),
        ("web", 6, 6, 16),
    ]
    assert [(chain.source, chain.seq, chain.link) for chain in proof.chains] == [
        (end.source, end.seq, end.link) for end in ends(full)
    ]


def test_every_change_of_every_value_is_seen(full):
    honest = rows(full)
    for number, row in enumerate(honest):
        for key in COLUMNS:
            forged = [dict(each) for each in honest]
            value = row[key]
            forged[number][key] = value + 1 if isinstance(value, int) else "0" * 64 if key in ("leaf", "link") else f"{value}x"
            assert not prove(forged).holds, (number, key)


def test_what_is_removed_swapped_or_doubled_is_seen(full):
    honest = rows(full)
    ended = [(end.source, end.seq, end.link) for end in ends(full)]
    for number in range(len(honest)):
        assert not prove(honest[:number] + honest[number + 1 :], ended).holds, number
        assert not prove(honest[: number + 1] + honest[number:], ended).holds, number
    for number in range(len(honest) - 1):
        swapped = [*honest[:number], honest[number + 1], honest[number], *honest[number + 2 :]]
        if honest[number]["source"] == honest[number + 1]["source"]:
            assert not prove(swapped, ended).holds, number


def test_a_chain_made_anew_is_seen_by_whoever_kept_an_end(full, tmp_path):
    kept = [(end.source, end.seq, end.link) for end in ends(full)]
    take_reports(full, "web", [report(counter(11))])
    assert prove(rows(full), kept).holds  # it has only grown
    assert not prove(rows(full), [("web", 6, "0" * 64)]).holds
    assert not prove([], kept).holds


def test_one_subject_proves_its_own_uses_without_seeing_others(full):
    own = rows(full, subject="ada")
    text = json.dumps(own)
    assert "bob" not in text
    proof = prove(own, [(end.source, end.seq, end.link) for end in ends(full)])
    assert proof.holds
    assert {chain.source: (chain.shown, chain.uses, chain.hidden) for chain in proof.chains} == {
        "shop": (1, 2, 2),
        "web": (3, 5, 3),
    }
    hidden = next(row for row in own if "kind" not in row)
    assert set(hidden) == {"source", "seq", "leaf", "link"}
    assert rows(full, subject="nobody") == []


def test_a_period_is_shown_and_the_rest_is_proved(full):
    assert prove(rows(full, start=datetime(2027, 1, 1, tzinfo=UTC))).holds
    assert sum("kind" in row for row in rows(full, end=NOON)) == 0


def test_two_ledgers_that_record_the_same_have_other_leaves(full):
    """A salt: nobody can guess a hidden record and see that the guess was right."""
    leaves = [row["leaf"] for row in rows(full)]
    assert len(set(leaves)) == len(leaves)
    assert len({row["salt"] for row in rows(full)}) == len(leaves)


def test_a_correction_appends_and_amends(full):
    first = rows(full, source="web")[0]
    last = rows(full, source="web")[-1]
    assert (last["kind"], last["amends"], last["uses"], last["asked_by"]) == ("correction", first["id"], -2, "support")
    assert last["time"] == first["time"]
    done = correct(full, "web", 1, -1, by="support", why="all of it", name="ticket-7")
    assert (done.before, done.after) == (1, 0)
    again = correct(full, "web", 1, -1, by="support", why="all of it", name="ticket-7")
    assert again.after == 0
    assert len(rows(full, source="web")) == 7
    for seq, uses in ((1, -1), (6, 1), (2, 0)):
        with pytest.raises(Refused):
            correct(full, "web", seq, uses, by="support", why="too much")
    with pytest.raises(NotFound):
        correct(full, "web", 99, 1, by="support", why="none")


@settings(max_examples=200, deadline=None)
@given(texts=st.tuples(*[TEXTS] * 10), seq=st.integers(1, 2**53), uses=st.integers(-(2**53), 2**53))
def test_both_sides_hash_alike(texts, seq, uses):
    a, b, c, d, e, f, g, h, i, j = texts
    record = model.Record(
        amends=a, asked_by=b, data=c, feature=d or "f", hook=e, host=f, id=g or "i", kind="event", marks=h, origin="o",
        package=i, policy=j, received="r", salt="00", seq=seq, source="s", subject=a, time="t", uses=uses, why=b,
    )  # fmt: skip
    assert tuple(model.Record.__struct_fields__) == HASHED == tuple(sorted(HASHED))
    row = {name: getattr(record, name) for name in HASHED}
    assert leaf_of(row) == model.leaf(record).hex()


def test_files_in_the_wrong_order_or_twice_are_said_to_be(full):
    honest = rows(full, source="web")
    for wrong in ([*honest[3:], *honest[:3]], [*honest, *honest]):
        (chain,) = prove(wrong).chains
        assert any("the oldest first, each once" in problem for problem in chain.problems), chain.problems


def test_what_was_seen_before_a_cut_is_in_an_archive(full, tmp_path):
    early = [(end.source, end.seq, end.link) for end in ends(full)]
    take_reports(full, "web", [report(counter(11))])
    done = retain(full, datetime(2100, 1, 1, tzinfo=UTC), tmp_path, by="ops")
    proof = prove(rows(full), early)
    (problem,) = next(chain for chain in proof.chains if chain.source == "web").problems
    assert "name the archive that has it before the export" in problem
    assert prove([*read_rows(done.archive), *rows(full)], early).holds


def test_what_a_file_alone_cannot_show_is_said(full, tmp_path):
    """The last record taken off whole is seen by nobody who has no end from elsewhere."""
    kept = [f"{end.source}:{end.seq}:{end.link}" for end in ends(full)]
    file = tmp_path / "export.jsonl"
    for left_out in (0, 1):
        lines = [json.dumps(row) for row in rows(full)]
        file.write_text("\n".join(lines[: len(lines) - left_out]) + "\n")
        alone = shown("prove", str(file))
        assert (alone.return_value, "only an end from elsewhere shows: --end" in alone.stderr) == (0, True)
        both = shown("prove", str(file), "--end", kept[0], "--end", kept[1])
        assert (both.return_value, "only an end from elsewhere" in both.stderr) == (left_out, bool(left_out))
        one = shown("prove", str(file), "--end", kept[0])
        assert "(web)" in one.stderr


def shown(*words):
    done = CliRunner().invoke(command_line, words, standalone_mode=False)
    assert done.exception is None, done.exception
    return done
