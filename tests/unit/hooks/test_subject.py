"""Who uses: in blocks, threads, tasks, generators; and what a name may be."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest


@pytest.fixture
def subject():
    from meterize_hooks import subject

    return subject


@pytest.fixture
def current():
    from meterize_hooks import current_subject

    return current_subject


def test_blocks_nest_and_end(subject, current):
    assert current() is None
    with subject("a") as name:
        assert name == current() == "a"
        with subject("b"):
            assert current() == "b"
        assert current() == "a"
    assert current() is None


def test_a_block_ends_however_it_is_left(subject, current):
    with pytest.raises(KeyError), subject("a"):
        raise KeyError
    assert current() is None


def test_one_object_may_be_entered_again_and_again(subject, current):
    who = subject("a")
    with who, subject("b"), who:
        assert current() == "a"
    with who:
        assert current() == "a"
    assert current() is None


def test_one_object_in_many_threads(subject, current):
    who, barrier, seen = subject("a"), threading.Barrier(4), []

    def go():
        for _ in range(50):
            barrier.wait()
            with who:
                barrier.wait()
                seen.append(current())
            seen.append(current())

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.count("a") == seen.count(None) == 200


def test_generators_leave_in_any_order(subject, current):
    def steps(name):
        with subject(name):
            yield

    first, second = steps("a"), steps("b")
    next(first)
    next(second)
    assert current() == "b"
    first.close()
    assert current() == "b"
    second.close()
    assert current() is None


def test_threads_begin_unknown_and_contexts_carry_over(subject, current):
    seen = []
    with subject("a"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: seen.extend((current(), context.run(current))))
        thread.start()
        thread.join()
    assert seen[1] == "a"
    assert seen[0] in (None, "a")  # from 3.14 on a thread may inherit


def test_tasks_keep_to_their_own(subject, current):
    async def request(name):
        with subject(name):
            await asyncio.sleep(0)
            task = asyncio.create_task(asyncio.sleep(0, current()))
            await asyncio.sleep(0)
            assert current() == name
            assert await task == name

    async def main():
        await asyncio.gather(*(request(f"t{number}") for number in range(20)))
        assert current() is None

    asyncio.run(main())


def test_an_asynchronous_generator_closed_elsewhere(subject, current):
    """The event loop closes it in a context that never had the subject; that is no error."""

    async def steps():
        with subject("a"):
            yield current()

    async def main():
        agen = steps()
        assert await asyncio.create_task(anext(agen)) == "a"
        await asyncio.create_task(agen.aclose())
        assert current() is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        ("", None),
        (b"", None),
        (7, "7"),
        (b"tenant", "tenant"),
        (b"\xff", "\\xff"),
        ("tenant\n\x00\u2028", "tenant\n\x00\u2028"),
        ("\udc80", "\\udc80"),
        ("x" * 256, "x" * 256),
    ],
)
def test_what_a_name_may_be(subject, current, given, stored):
    with subject(given):
        assert current() == stored


def test_long_names_are_cut_and_stay_apart(subject, current):
    names = set()
    for end in "ab":
        with subject("é" * 1000 + end):
            names.add(current())
    assert len(names) == 2
    assert {len(name) for name in names} == {256}


def test_control_characters_and_foreign_letters_make_whole_frames(bench):
    bench.meter("def work():\n    return 1  # hook\n", policy="every")
    name = 'a"\\\n\r\x00\x85\u2028\U0001f600é\udc80'
    ran = bench.run(
        f"""
        import metered
        from meterize_hooks import subject
        with subject({name!a}): metered.work()
        """
    )
    assert ran.uses == {("1", name.replace("\udc80", "\\udc80")): 1}


def test_more_subjects_than_the_limit_overflow_into_one(bench):
    bench.meter("def work():\n    return 1  # hook\n", policy="every")
    ran = bench.run(
        """
        import metered
        from meterize_hooks import subject
        for number in range(10_100):
            with subject(str(number)): metered.work()
        with subject("7"): metered.work()
        """
    )
    assert sum(ran.uses.values()) == 10_101
    assert ran.uses["1", "7"] == 2
    assert ran.uses["1", "meterize:overflow"] == 100
    assert ran.lost == ["too-many-subjects"]


def test_subject_from_the_environment(bench):
    bench.meter("def work():\n    return 1  # hook\n", policy="once")
    ran = bench.run("import metered; metered.work()", environment={"METERIZE_SUBJECT": "only"})
    assert ran.uses == {("1", "only"): 1}
