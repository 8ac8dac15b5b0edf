"""Owns the words: why a place was chosen, what a reviewer must know, and why nothing could be chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Final

from meterize.errors import NothingFound
from meterize.model.enumeration import first_few
from meterize.model.feature import Charge
from meterize.model.plan import Fires
from meterize.model.slice import FeatureSlice, size

from .candidates import Candidate
from .places import Place, TestMask

_SHOWN: Final = 3
"""How many names a message lists."""

_MANY: Final = 5
"""More hook points than this are no plan that somebody meant."""

_BEGINNINGS: Final = {
    "function": "Each call of it begins here",
    "generator": "Each iteration over it begins here",
    "coroutine": "Each awaited run of it begins here",
    "async-generator": "Each iteration over it begins here",
}


def explain(candidate: Candidate, place: Place, *, tests: int, charge: Charge, is_named: bool = False) -> str:
    """Why this place is right: who passes it, and what follows from it."""
    name = candidate.graph.code.qualname
    who = _who(place.tests.bit_count(), tests, "passes", "pass")
    if is_named:
        others = candidate.rest_tests
        rest = (
            f"{others} rest test{'s' * (others != 1)} {'does' if others == 1 else 'do'} too" if others else "no rest test does"
        )
        return f"It was named by hand (--at): {who} here, and {rest}. {_how_often(candidate.fires(place))}"
    if candidate.whole:
        runs = f"No rest test enters {name}; {who} here."
        where = _BEGINNINGS[candidate.graph.kind]
    else:
        runs = f"{name} is shared, but no rest test passes here; {who}."
        where = "The feature's own way begins here"
    if charge is Charge.ON_SUCCESS:
        where = "Its work has succeeded here"
    others = candidate.leads_to - 1
    leads = f", and nothing else leads to {others} more of its instructions." if others > 0 else "."
    loop = " It is inside a loop." if place.loop_depth else ""
    return f"{runs} {where}{leads}{loop} {_how_often(candidate.fires(place))}"


def _how_often(fires: Fires) -> str:
    """For people: in how many tests it fires once, and in how many more often."""
    parts = [
        f"{how} in {_each(count)}"
        for how, count in (("once", fires.once), ("more often", fires.more), ("at an unknown rate", fires.unknown))
        if count
    ]
    return f"It fires {', '.join(parts)}."


def _each(count: int) -> str:
    return "one test" if count == 1 else f"each of {count} tests"


def warn(chosen: Sequence[Candidate], others: Sequence[Candidate], tests: Sequence[str]) -> tuple[str, ...]:
    """What a reviewer must know about the chosen candidates; ``others`` are all that there are."""
    return (
        *_strangers(chosen, others, tests),
        *_failures(chosen, tests),
        *_several(chosen, tests),
        *_overlaps(chosen, tests),
        *_loops(chosen),
        *_recursions(chosen),
        *_shared(chosen),
    )


def nothing_unique(feature_slice: FeatureSlice, distribution: str, charge: Charge) -> NothingFound:
    """The error for a feature that no place tells from the rest."""
    if not feature_slice.union:
        return NothingFound(
            f"no code of {distribution} is run by the feature tests alone",
            slug="nothing-unique",
            hint="Leave tests that use the feature out of --without, and check that the two are not swapped. If the feature is"
            " decided by data (an entry in a table, an option handed on), code cannot tell it: meter its nearest caller.",
        )
    where = tuple(f"{code.file}:{code.first_line} {code.qualname}" for code in sorted(feature_slice.union)[:_SHOWN])
    if charge is Charge.ON_SUCCESS:
        return NothingFound(
            "the feature's own code has no place that every successful use passes and no rest test does",
            slug="no-success-point",
            hint="Use --charge on-entry: a use then counts when it begins.",
            details=where,
        )
    return NothingFound(
        f"the feature's own {size(feature_slice.union)} instructions are outside functions, or where no hook may stand",
        slug="nothing-unique",
        hint="Module and class bodies run once, when they are imported: select tests that use the feature, not only import it.",
        details=where,
    )


def hardly_unique(chosen: Sequence[Candidate], tests: Sequence[str]) -> NothingFound:
    """The error for a feature of which only accidents are its own: most uses would go unnoticed."""
    noticed = reduce(or_, (candidate.tests for candidate in chosen)).bit_count()
    return NothingFound(
        f"only {_who(noticed, len(tests), 'runs', 'run')} anything that is the feature's own: most uses would go unnoticed",
        slug="hardly-unique",
        hint="Tests of --without use the feature, or tests of --with don't. Sort them, or name the nearest place with --at.",
        details=tuple(f"found: {_where(one)}, by {_some(_names(tests, one.tests))}" for one in chosen[:_SHOWN]),
    )


def _strangers(chosen: Sequence[Candidate], others: Sequence[Candidate], tests: Sequence[str]) -> Iterator[str]:
    noticed = reduce(or_, (candidate.tests for candidate in chosen))
    own = reduce(or_, (candidate.tests for candidate in others), 0)
    if missed := _names(tests, own & ~noticed):
        yield f"{_who(len(missed), len(tests), 'passes', 'pass')} no hook, though other places notice them: {_some(missed)}."
    if strangers := _names(tests, ~(noticed | own)):
        yield (
            f"{_who(len(strangers), len(tests), 'runs', 'run')} nothing that is the feature's own, so that no hook can notice"
            f" them: {_some(strangers)}. Do they use the feature? Else leave them out of --with."
        )


def _failures(chosen: Sequence[Candidate], tests: Sequence[str]) -> Iterator[str]:
    begun = reduce(or_, (candidate.tests for candidate in chosen))
    failures = _names(tests, begun & ~reduce(or_, (candidate.noticed for candidate in chosen)))
    if failures:
        yield (
            f"{_who(len(failures), len(tests), 'begins', 'begin')} the work without success, so that no use is charged:"
            f" {_some(failures)}."
        )


def _several(chosen: Sequence[Candidate], tests: Sequence[str]) -> Iterator[str]:
    if len(chosen) == 1:
        return
    many = " So many are rarely meant: check the two selections." if len(chosen) > _MANY else ""
    yield f"no single place notices every feature test that can be noticed: {len(chosen)} ways in are hooked.{many}"
    lonely = []
    for candidate in chosen:
        others = reduce(or_, (other.tests for other in chosen if other is not candidate))
        alone = candidate.tests & ~others
        if alone.bit_count() == 1:
            lonely.append(f"{_where(candidate)} for {_names(tests, alone)[0]}")
    if lonely:
        yield f"hooked for the sake of one test: {_some(lonely)}. Does it use the feature?"


def _overlaps(chosen: Sequence[Candidate], tests: Sequence[str]) -> Iterator[str]:
    once = twice = 0
    for candidate in chosen:
        twice |= once & candidate.noticed
        once |= candidate.noticed
    if twice:
        yield (
            f"{_who(twice.bit_count(), len(tests), 'passes', 'pass')} several hook points ({_some(_names(tests, twice))}):"
            " where one use does that, it counts several times."
        )


def _loops(chosen: Sequence[Candidate]) -> Iterator[str]:
    inside = [_where(candidate) for candidate in chosen if candidate.loop_depth]
    if inside:
        yield f"inside a loop, so that one use may count several times: {_some(inside)}."


def _recursions(chosen: Sequence[Candidate]) -> Iterator[str]:
    found = [_where(candidate) for candidate in chosen if candidate.whole and candidate.entrance.recursive]
    if found:
        yield f"calls itself, so that one use may count several times: {_some(found)}. Is there a caller to hook instead?"


def _shared(chosen: Sequence[Candidate]) -> Iterator[str]:
    for candidate in chosen:
        if candidate.rest_tests:
            yield f"{candidate.rest_tests} rest tests pass {_where(candidate)} too: verify will name them."


def _where(candidate: Candidate) -> str:
    return f"{candidate.graph.code.file}:{candidate.places[0].line} ({candidate.graph.code.qualname})"


def _names(tests: Sequence[str], mask: TestMask) -> list[str]:
    return [test for number, test in enumerate(tests) if mask >> number & 1]


def _who(count: int, of: int, one: str, many: str) -> str:
    """Who does it, with the verb."""
    if count == of:
        return f"all {of} feature tests {many}" if of > 1 else f"the only feature test {one}"
    return f"{count} of {of} feature tests {one if count == 1 else many}"


def _some(names: Sequence[str]) -> str:
    return first_few(names, _SHOWN)
