"""Cumulative counts become records: each use once, whatever is repeated, late, in parts or refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from tests.ledger.made import INCARNATION, NOON, counter, report

from meterize_ledger.errors import Refused
from meterize_ledger.model.text import USES_LIMIT
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.counting import take_reports
from meterize_ledger.store.counters import counter_keys, raise_totals
from meterize_ledger.store.database import Database
from meterize_ledger.store.losses import list_losses
from meterize_ledger.store.schema import accounts, counters, hourly, processes, records, sources


def uses(ledger: Database) -> int:
    """The total, of records, hours and sources, which must be one."""
    with ledger.reading() as connection:
        by_record = connection.scalar(select(func.sum(records.c.uses))) or 0
        by_hour = connection.scalar(select(func.sum(hourly.c.q0 + hourly.c.q1 + hourly.c.q2 + hourly.c.q3))) or 0
        by_source = connection.scalar(select(func.sum(sources.c.uses))) or 0
    assert by_record == by_hour == by_source
    return int(by_record)


def rows(ledger: Database) -> list[tuple[int, int]]:
    with ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(select(records.c.seq, records.c.uses).order_by(records.c.seq))]


def test_a_total_is_recorded_and_what_it_grows_by(ledger):
    (taken,) = take_reports(ledger, "web", [report(counter(3))])
    assert (taken.incarnation, taken.counters, taken.recorded) == (INCARNATION + "1", 1, 1)
    take_reports(ledger, "web", [report(counter(5), seen=NOON + timedelta(minutes=1))])
    assert rows(ledger) == [(1, 3), (2, 2)]
    assert uses(ledger) == 5


def test_sent_again_it_changes_nothing(ledger):
    for _ in range(3):
        (taken,) = take_reports(ledger, "web", [report(counter(3), counter(1, None))])
    assert taken.recorded == 0
    assert rows(ledger) == [(1, 3), (2, 1)]


def test_in_another_order_the_total_is_the_same(ledger):
    for total in (4, 2, 9, 1, 9, 3):
        take_reports(ledger, "web", [report(counter(total))])
    assert uses(ledger) == 9


def test_one_batch_may_hold_a_process_several_times(ledger):
    taken = take_reports(ledger, "web", [report(counter(4), counter(2)), report(counter(9)), report(counter(7))])
    assert [each.recorded for each in taken] == [1, 1, 0]
    assert uses(ledger) == 9


def test_nobody_and_somebody_are_apart(ledger):
    take_reports(ledger, "web", [report(counter(1, None), counter(2, "a"), counter(4, "b"))])
    take_reports(ledger, "web", [report(counter(8, "b"), process=2)])
    assert uses(ledger) == 15
    assert len(rows(ledger)) == 4


def test_names_stay_as_first_reported(ledger):
    take_reports(ledger, "web", [report(counter(1, feature="xlsx"))])
    take_reports(ledger, "web", [report(counter(2, feature="other"))])
    with ledger.reading() as connection:
        assert len({row.account_id for row in connection.execute(select(records.c.account_id))}) == 1


def test_a_process_is_of_one_source(ledger):
    make_source_token(ledger, "other")
    take_reports(ledger, "web", [report(counter(3))])
    with pytest.raises(Refused) as refused:
        take_reports(ledger, "other", [report(counter(1), process=2), report(counter(4))])
    assert refused.value.problems == ({"report": 1, "reason": "this incarnation is another source's"},)
    assert uses(ledger) == 3
    assert take_reports(ledger, "other", [report(counter(1), process=2)])[0].recorded == 1


def test_a_source_that_nobody_made_is_refused(ledger):
    with pytest.raises(Refused, match="no source 'nobody'"):
        take_reports(ledger, "nobody", [report(counter(1))])


def test_no_sum_loses_its_exactness(ledger):
    take_reports(ledger, "web", [report(counter(USES_LIMIT - 1))])
    with pytest.raises(Refused) as refused:
        take_reports(ledger, "web", [report(counter(2, "b"))])
    assert refused.value.slug == "uses-limit"
    take_reports(ledger, "web", [report(counter(1, "b"))])
    assert uses(ledger) == USES_LIMIT


def test_losses_are_cumulative_too(ledger):
    from meterize_ledger.model.report import Loss

    for total in (2, 5, 3):
        take_reports(ledger, "web", [report(losses=(Loss(reason="no-room", package="tablib", total=total),))])
    take_reports(ledger, "web", [report(losses=(Loss(reason="no-room", package="tablib", total=7),), process=2)])
    with ledger.reading() as connection:
        (lost,) = list_losses(connection)
    assert (lost.reason, lost.package, lost.total, lost.processes, lost.source) == ("no-room", "tablib", 12, 2, "web")


def test_a_report_of_many(ledger):
    many = [counter(1, f"s{number}") for number in range(2500)]
    assert take_reports(ledger, "web", [report(*many)])[0].recorded == 2500
    assert take_reports(ledger, "web", [report(*many)])[0].recorded == 0
    assert uses(ledger) == 2500


def test_what_else_is_told_of_a_counter_neither_splits_nor_doubles_it(ledger):
    """Its process, its hook and its subject make it the same; names that change with a new version of a plan do not."""
    first = counter(3)
    others = [
        msgspec.structs.replace(first, **{name: "another", "total": total})
        for total, name in enumerate(("feature", "package", "policy"), 4)
    ]
    take_reports(ledger, "web", [report(first)])
    for each in others:
        take_reports(ledger, "web", [report(each, host="h2"), report(first)])
    take_reports(ledger, "web", [report(*others, first)])
    with ledger.reading() as connection:
        kept = connection.execute(select(counters.c.total, counters.c.hook, counters.c.policy)).all()
        names = connection.execute(select(accounts.c.feature, accounts.c.package, accounts.c.host)).all()
    assert kept == [(6, "tablib/xlsx/1", "every")]
    assert names == [("xlsx", "tablib", "h1")]
    assert uses(ledger) == 6


def test_in_one_batch_the_first_names_hold(ledger):
    take_reports(ledger, "web", [report(counter(1), counter(2, feature="b")), report(counter(3, feature="c"))])
    with ledger.reading() as connection:
        assert connection.scalars(select(accounts.c.feature)).all() == ["xlsx"]


def test_the_database_itself_takes_no_second_counter(ledger):
    """Its key stands for process, hook and subject, all of which it can be made from again."""
    take_reports(
        ledger, "web", [report(counter(1), counter(2, None), counter(3, "", hook="b:1")), report(counter(4), process=2)]
    )
    with ledger.reading() as connection:
        kept = connection.execute(
            select(counters, processes.c.incarnation, accounts.c.subject).join_from(counters, processes).join(accounts)
        ).all()
    for row in kept:
        made = counter_keys(row.incarnation, [counter(1, row.subject, hook=row.hook)])
        assert made == [row.key]
        again = {**row._mapping, "id": None, "account_id": row.account_id, "total": 9}
        values = {column.name: again[column.name] for column in counters.columns if column.name != "id"}
        with pytest.raises(IntegrityError):
            ledger.write(lambda connection, values=values: connection.execute(counters.insert(), values))


def test_a_counter_that_moved_elsewhere_is_no_use(ledger):
    """The second guard: a use is recorded by whoever moves its counter from where the use begins, or not at all."""
    take_reports(ledger, "web", [report(counter(3))])
    with pytest.raises(AssertionError, match="were not where they stood"):
        ledger.write(lambda connection: raise_totals(connection, {1: (2, 5)}))
    assert uses(ledger) == 3
