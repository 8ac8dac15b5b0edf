"""Judges one feature by what its tests and the rest did, with hooks and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from meterize.model.coverage import FireRecord, Outcome, TestFires
from meterize.model.package import Package
from meterize.model.plan import HookPlan, Side
from meterize.model.verdict import Difference, Standing, TestEvidence, TestGroup, Verdict

from .comparison import WHOLE
from .suite_pairs import Pair

_RANK = (None, Outcome.SKIPPED, Outcome.PASSED, Outcome.FAILED)


def judge(
    plan: HookPlan, plan_digest: str, package: Package, *, with_pair: Pair, rest_pairs: Sequence[Pair], problems: Iterable[str]
) -> Verdict:
    """Passed: every feature test fires, no rest test does, nor what runs outside them (unless the plan has it that this is a
    use), and no test notices the hooks in any other way.

    ``problems`` are reasons of other kinds. Tests that fail without hooks too are told, and need not fire.
    """
    pairs = (with_pair, *rest_pairs)
    differences = tuple(dict.fromkeys(chain.from_iterable(pair.differences for pair in pairs)))
    tests = _evidence(plan, with_pair, rest_pairs)
    ran = [test for test in tests if test.after not in (None, Outcome.SKIPPED)]
    feature = _group([test for test in ran if test.side is Side.FEATURE])
    rest = _group([test for test in ran if test.side is Side.REST])
    stray = 0 if plan.selection.outside is Side.FEATURE else _uses_outside(plan, rest_pairs)
    reasons = (*_difference_reasons(differences), *_group_reasons(feature, rest), *_stray_reasons(stray), *problems)
    return Verdict(
        package=package,
        plan=plan,
        plan_digest=plan_digest,
        passed=not reasons,
        feature=feature,
        rest=rest,
        with_suite=with_pair.suite(),
        rest_suites=tuple(pair.suite() for pair in rest_pairs),
        tests=tests,
        differences=differences,
        failing_anyway=tuple(test.id for test in tests if test.before is test.after is Outcome.FAILED),
        reasons=reasons,
        warnings=tuple(_warnings(plan, tests, feature, pairs)),
    )


def _evidence(plan: HookPlan, with_pair: Pair, rest_pairs: Sequence[Pair]) -> tuple[TestEvidence, ...]:
    """What each test of all commands did, those of the rest first, as they ran."""
    pairs = (*rest_pairs, with_pair)
    before: dict[str, Outcome | None] = {}
    after: dict[str, Outcome | None] = {}
    fires: dict[str, Counter[str]] = {}
    hooks = {point.id for point in plan.hook_points}
    for pair in pairs:
        for test, (untouched, metered) in _attempts(pair).items():
            before[test] = max(before.get(test), _outcome(untouched), key=_RANK.index)
            after[test] = max(after.get(test), _outcome(metered), key=_RANK.index)
            counted = metered.fires if metered else {}
            # The most of all its runs: a test that uses two features is in the commands of both.
            own = Counter({hook: count for hook, count in counted.items() if hook in hooks})
            fires[test] = fires.get(test, Counter()) | own
    users = _users(plan, with_pair, rest_pairs)
    excused = set(plan.selection.feature_tests) - {test for point in plan.hook_points for test in point.covers}
    return tuple(
        TestEvidence(
            id=test,
            side=Side.FEATURE if test in users else Side.REST,
            must_fire=test in users - excused and not before[test] is after[test] is Outcome.FAILED,
            before=before[test],
            after=after[test],
            fires=dict(fires[test]),
        )
        for test in before
    )


def _attempts(pair: Pair) -> dict[str, tuple[TestFires | None, TestFires | None]]:
    """Each test in the run without hooks and in that with them: of a flaky one, the attempt in which it came furthest."""
    flaky = {each.test for each in pair.differences if each.standing is Standing.FLAKY}
    runs = [(_by_id(untouched), _by_id(metered)) for untouched, metered in pair.attempts]
    found = {}
    for test in dict.fromkeys((*runs[0][0], *runs[0][1])):
        told = [(before.get(test), after.get(test)) for before, after in runs]
        found[test] = max(told, key=_uses) if test in flaky else told[0]
    return found


def _uses(attempt: tuple[TestFires | None, TestFires | None]) -> int:
    """The uses with hooks; less than none where the test did not run."""
    return sum(attempt[1].fires.values()) if attempt[1] else -1


def _by_id(run: FireRecord) -> dict[str, TestFires]:
    return {test.id: test for test in run.tests}


def _outcome(test: TestFires | None) -> Outcome | None:
    return test.outcome if test else None


def _users(plan: HookPlan, with_pair: Pair, rest_pairs: Sequence[Pair]) -> frozenset[str]:
    """The tests of ``--with`` alone, sorted as the plan has them sorted: of two features told apart, one may use both."""
    rest, others = (rest_pairs[:1], rest_pairs[1:]) if plan.without_command else ((), rest_pairs)
    others_only = {test for pair in others for test in _attempts(pair)} - set(plan.selection.feature_tests)
    asked = set(_attempts(with_pair)) - others_only - {test for pair in rest for test in _attempts(pair)}
    return frozenset((asked - set(plan.selection.moved_to_rest)) | set(plan.selection.moved_to_feature))


def _group(tests: Sequence[TestEvidence]) -> TestGroup:
    uses = {test.id: count for test in tests if (count := sum(test.fires.values()))}
    return TestGroup(
        total=len(tests),
        fired=len(uses),
        odd=tuple(test.id for test in tests if _is_odd(test, uses)),
        uses=uses,
        excused=tuple(test.id for test in tests if test.side is Side.FEATURE and not test.must_fire and test.id not in uses),
        several_hooks={test.id: tuple(sorted(test.fires)) for test in tests if len(test.fires) > 1},
    )


def _is_odd(test: TestEvidence, uses: Mapping[str, int]) -> bool:
    return test.id in uses if test.side is Side.REST else test.must_fire and test.id not in uses


def _difference_reasons(differences: Sequence[Difference]) -> Iterator[str]:
    faults = [each for each in differences if each.standing is Standing.FAULT]
    tests = [each for each in faults if each.test != WHOLE]
    if tests:
        noun = "test does" if len(tests) == 1 else "tests do"
        yield f"{len(tests)} {noun} not behave with hooks as without: {tests[0].test} {tests[0].what}"
    for each in faults:
        if each.test == WHOLE:
            yield f"{each.command}: {each.what}"


def _group_reasons(feature: TestGroup, rest: TestGroup) -> Iterator[str]:
    for name, group in (("feature", feature), ("rest", rest)):
        if not group.total:
            yield f"no {name} test ran"
    if feature.odd:
        yield f"{len(feature.odd)} of {feature.total} feature tests did not fire a hook"
    elif feature.total and not feature.fired:
        yield "no feature test fired a hook"
    if rest.odd:
        yield f"{len(rest.odd)} of {rest.total} rest tests fired a hook: they use the feature, or the place is wrong"


def _uses_outside(plan: HookPlan, pairs: Sequence[Pair]) -> int:
    """The uses that were counted outside any test of these commands."""
    hooks = {point.id for point in plan.hook_points}
    metered = [pair.attempts[0][1] for pair in pairs]
    return sum(uses for run in metered for hook, uses in run.outside.items() if hook in hooks)


def _stray_reasons(uses: int) -> Iterator[str]:
    if uses:
        yield (
            f"{uses} use{'s were' if uses > 1 else ' was'} counted outside the rest tests, at their import or collection, or in"
            " fixtures that they share: if such an import is a use, analyze with --refine"
        )


def _warnings(plan: HookPlan, tests: Sequence[TestEvidence], feature: TestGroup, pairs: Sequence[Pair]) -> Iterator[str]:
    hooks = {point.id for point in plan.hook_points}
    untouched, metered = ([pair.attempts[0][side] for pair in pairs] for side in (0, 1))
    armed = {hook for run in metered for hook in run.armed_hooks}
    for hook in sorted(hooks - {hook for test in tests for hook in test.fires}):
        yield f"no test fires {hook}{'' if hook in armed else ', which no process armed either'}"
    if outside := _uses_outside(plan, pairs):
        expected = ", as the plan has it" if plan.selection.outside is Side.FEATURE else ""
        yield f"{outside} uses were counted outside any test: at import, at collection, or in shared fixtures{expected}"
    if leaks := {test.id for run in untouched for test in run.tests if hooks & set(test.fires)}:
        yield f"{len(leaks)} tests got hooked code where the untouched was to run: {', '.join(sorted(leaks)[:3])}"
    if feature.several_hooks:
        named = ", ".join(list(feature.several_hooks)[:3])
        yield f"several hooks fire in {len(feature.several_hooks)} of the feature's tests: is each of them a use? ({named})"
    yield from dict.fromkeys(warning for run in (*metered, *untouched) for warning in run.warnings)
