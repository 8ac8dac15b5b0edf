"""The minimum hitting set against all subsets."""

from __future__ import annotations

import time
from functools import reduce
from itertools import combinations
from operator import or_

from hypothesis import given, settings
from hypothesis import strategies as st

from meterize.planning.hitting_set import MAX_EXACT, minimum_hitting_set

Case = list[tuple[int, tuple[int, int, int]]]
cases = st.lists(st.tuples(st.integers(0, 127), st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(0, 5))), max_size=8)


def cost_of(chosen: tuple[int, ...], case: Case) -> tuple[int, ...]:
    return tuple(sum(case[index][1][column] for index in chosen) for column in range(3))


def hit_by(chosen: tuple[int, ...], case: Case) -> int:
    return reduce(or_, (case[index][0] for index in chosen), 0)


@given(cases)
def test_no_subset_hits_all_for_less(case: Case) -> None:
    goal = hit_by(tuple(range(len(case))), case)
    answers = [
        chosen
        for size in range(len(case) + 1)
        for chosen in combinations(range(len(case)), size)
        if hit_by(chosen, case) == goal
    ]
    chosen = minimum_hitting_set([one for one, _ in case], [cost for _, cost in case])
    assert hit_by(chosen, case) == goal
    assert cost_of(chosen, case) == min(cost_of(answer, case) for answer in answers)


@given(st.lists(st.integers(0, 2**40 - 1), min_size=30, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_a_hard_case_ends_soon_and_still_hits_all(sets: list[int], random: object) -> None:
    costs = [(1, one.bit_count() % 3) for one in sets]
    begin = time.process_time()
    chosen = minimum_hitting_set(sets, costs)
    assert time.process_time() - begin < 10
    assert reduce(or_, (sets[index] for index in chosen), 0) == reduce(or_, sets, 0)


def test_many_unrelated_elements_need_many_sets() -> None:
    """More than the recursion limit, and more than is searched exactly."""
    count = 3000
    assert count > MAX_EXACT
    assert minimum_hitting_set([1 << index for index in range(count)], [(1,)] * count) == tuple(range(count))


def test_the_greedy_answer_is_improved() -> None:
    """Greedy takes the set of four first and needs three."""
    sets = [0b001111, 0b010101, 0b101010]
    assert minimum_hitting_set(sets, [(1,)] * 3) == (1, 2)


def test_first_elements_of_costs_matter_most() -> None:
    assert minimum_hitting_set([0b11, 0b01, 0b10], [(1, 9), (1, 0), (1, 0)]) == (0,)
    assert minimum_hitting_set([0b11, 0b01, 0b10], [(2, 9), (1, 0), (1, 0)]) == (1, 2)


def test_of_equals_the_first_is_taken() -> None:
    assert minimum_hitting_set([0b1, 0b1], [(1,), (1,)]) == (0,)


def test_nothing_to_hit_needs_nothing() -> None:
    assert minimum_hitting_set([], []) == ()
    assert minimum_hitting_set([0, 0], [(1,), (1,)]) == ()
