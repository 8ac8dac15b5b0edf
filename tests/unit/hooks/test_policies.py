"""What each policy counts, with modules that the real rewriting has made."""

from __future__ import annotations

import pytest

SOURCE = """
    def work(n):
        total = 0
        for i in range(n):
            if i % 2:
                total += i  # hook
        return total

    def other():
        return "other"  # hook
    """


def test_once_fires_once_and_tells_who(bench):
    bench.meter(SOURCE, policy="once")
    ran = bench.run(
        """
        import metered
        from meterize_hooks import subject
        with subject("tenant-7"):
            metered.work(10)
        with subject("tenant-8"):
            metered.work(10)
        """
    )
    assert ran.uses == {("1", "tenant-7"): 1}
    assert not ran.lost
    assert not ran.err


@pytest.mark.parametrize("subject", [None, "tenant-7"])
def test_every_counts_every_use(bench, subject):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import metered
        metered.work(10); metered.work(11); metered.other()
        """,
        environment={"METERIZE_SUBJECT": subject} if subject else None,
    )
    assert ran.uses == {("1", subject): 10, ("2", subject): 1}
    assert not ran.err


def test_every_counts_by_subject_of_the_context(bench):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import metered
        from meterize_hooks import subject
        metered.other()
        with subject("a"):
            metered.other()
            with subject("b"):
                metered.other(); metered.other()
            metered.other()
        metered.other()
        """
    )
    assert ran.uses == {("2", None): 2, ("2", "a"): 2, ("2", "b"): 2}


@pytest.mark.parametrize("policy", ["once", "every"])
def test_without_the_runtime_the_application_runs_unmetered(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run("import metered; print(metered.work(10), metered.other())", hooks=False)
    assert (ran.out, ran.err) == ("25 other\n", "")
    assert not ran.processes
