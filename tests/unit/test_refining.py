"""Sorting tests by what they execute: synthetic suites whose users of the feature are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.flow import build_graph
from meterize.model.code import CodeId
from meterize.model.coverage import Call, CoverageRecord, Outcome, TestRecord
from meterize.refining import doubt, explain, explain_veil, find_veil, is_better, refine, veto_of

SOURCE = """
def shared():
    return 1

def export():
    return 2

def import_():
    return 3
"""
CODES = {code.co_name: code for code in compile(SOURCE, "pkg/m.py", "exec").co_consts if hasattr(code, "co_name")}
IDS = {name: CodeId(file="pkg/m.py", qualname=name, first_line=code.co_firstlineno) for name, code in CODES.items()}
GRAPHS = {IDS[name]: build_graph("pkg/m.py", code) for name, code in CODES.items()}
ALL = (1 << 64) - 1


def suite(*tests: tuple[str, str], outside: str = "", outcome: Outcome = Outcome.PASSED) -> CoverageRecord:
    """Tests by id and the functions that they call, one word each."""
    records = tuple(
        TestRecord(id=name, outcome=outcome, executed={IDS[called]: ALL for called in calls.split()}) for name, calls in tests
    )
    at_import = {IDS[called]: ALL for called in outside.split()}
    return CoverageRecord(command="", tests=records, outside=at_import, exit_code=0, seconds=0.0)


def many(prefix: str, calls: str, count: int) -> list[tuple[str, str]]:
    return [(f"{prefix}{number}", calls) for number in range(count)]


def test_a_clean_selection_is_left_alone() -> None:
    assert refine(suite(*many("f", "shared export", 5)), suite(*many("r", "shared", 9)), GRAPHS) is None


def test_users_among_the_rest_join_and_others_leave() -> None:
    found = refine(
        suite(*many("f", "shared export", 8), ("idle", "shared")),
        suite(*many("r", "shared", 9), ("generic", "shared export")),
        GRAPHS,
    )
    assert found is not None
    assert found.moved_to_feature == ("generic",)
    assert found.moved_to_rest == ("idle",)
    assert [way.code for way in found.evidence] == [IDS["export"]]
    assert {test.id for test in found.with_run.tests} == {*(f"f{n}" for n in range(8)), "generic"}
    assert {test.id for test in found.without_run.tests} == {*(f"r{n}" for n in range(9)), "idle"}
    sentences = " ".join(explain(found))
    assert "generic" in sentences
    assert "idle" in sentences


def test_a_feature_may_have_several_ways_in() -> None:
    found = refine(
        suite(*many("e", "shared export", 8), *many("i", "shared import_", 5)),
        suite(*many("r", "shared", 30), ("both", "export import_")),
        GRAPHS,
    )
    assert found is not None
    assert found.moved_to_feature == ("both",)
    assert found.moved_to_rest == ()
    assert {way.code.qualname for way in found.evidence} == {"export", "import_"}


def test_common_ground_is_no_way_in() -> None:
    """What feature tests without the feature run is run by all the rest too: they leave, the rest does not join."""
    found = refine(suite(*many("f", "export", 9), *many("idle", "shared", 6)), suite(*many("r", "shared", 13)), GRAPHS)
    assert found is not None
    assert found.moved_to_feature == ()
    assert len(found.moved_to_rest) == 6


def test_code_that_runs_outside_tests_proves_nothing() -> None:
    assert refine(suite(*many("f", "export", 5)), suite(*many("r", "export", 5), outside="export"), GRAPHS) is None


def test_skipped_tests_take_no_part() -> None:
    found = refine(
        suite(*many("f", "export", 5)),
        suite(*many("r", "export", 2), outcome=Outcome.SKIPPED),
        GRAPHS,
    )
    assert found is None


def test_a_test_of_both_commands_is_one_of_the_rest() -> None:
    assert refine(suite(("a", "export"), ("b", "shared")), suite(("b", "shared")), GRAPHS) is None


@pytest.mark.parametrize("calls", ["", "shared"])
def test_nothing_can_be_said_without_a_difference(calls: str) -> None:
    assert refine(suite(*many("f", calls, 3)), suite(*many("r", calls, 40)), GRAPHS) is None


@given(st.data())
def test_every_test_ends_on_exactly_one_side(data: st.DataObject) -> None:
    calls = st.lists(st.sampled_from(["shared", "export", "import_"]), unique=True, max_size=3).map(" ".join)
    feature = [(f"f{number}", called) for number, called in enumerate(data.draw(st.lists(calls, max_size=12)))]
    rest = [(f"r{number}", called) for number, called in enumerate(data.draw(st.lists(calls, max_size=12)))]
    found = refine(suite(*feature), suite(*rest), GRAPHS)
    if found is not None:
        sides = [*(test.id for test in found.with_run.tests), *(test.id for test in found.without_run.tests)]
        assert sorted(sides) == sorted([name for name, _ in (*feature, *rest)])
        assert found.moved_to_feature or found.moved_to_rest
        assert found.with_run.tests


def test_a_whole_function_stands_for_a_block_in_its_middle() -> None:
    """Whether a call passes the inner block is chance: all who enter the function use it."""
    code = compile("def work(a):\n    b = a\n    if b:\n        b = b + 1\n    return b\n", "pkg/w.py", "exec").co_consts[0]
    name = CodeId(file="pkg/w.py", qualname="work", first_line=1)
    graph = build_graph("pkg/w.py", code)
    inner = next(block for block in graph.blocks if block.line == 4)
    everything, shorter = ALL, ALL & ~inner.mask

    def run(*masks: int) -> CoverageRecord:
        tests = tuple(
            TestRecord(id=f"{len(masks)}-{number}", outcome=Outcome.PASSED, executed={name: mask} if mask else {})
            for number, mask in enumerate(masks)
        )
        return CoverageRecord(command="", tests=tests, outside={}, exit_code=0, seconds=0.0)

    found = refine(run(*[everything] * 8, shorter), run(everything, shorter, *[0] * 20), {name: graph})
    assert found is not None
    assert found.moved_to_feature == ("22-0", "22-1")
    assert found.moved_to_rest == ()


def test_alike_scores_are_decided_by_the_name_that_users_know() -> None:
    codes = [
        const
        for const in compile("def _check(): pass\ndef use(): pass\n", "pkg/u.py", "exec").co_consts
        if hasattr(const, "co_name")
    ]
    names = [CodeId(file="pkg/u.py", qualname=code.co_name, first_line=code.co_firstlineno) for code in codes]
    graphs = {name: build_graph("pkg/u.py", code) for name, code in zip(names, codes, strict=True)}
    check, use = names

    def run(*called: tuple[CodeId, ...]) -> CoverageRecord:
        tests = tuple(
            TestRecord(id=f"{len(called)}-{number}", outcome=Outcome.PASSED, executed=dict.fromkeys(codes, ALL))
            for number, codes in enumerate(called)
        )
        return CoverageRecord(command="", tests=tests, outside={}, exit_code=0, seconds=0.0)

    found = refine(run(*[(check, use)] * 20, (check,)), run((use,), *[()] * 40), graphs)
    assert found is not None
    assert [way.code for way in found.evidence] == [use]


def test_of_places_that_tell_the_same_the_first_entered_tells_it_best() -> None:
    """A helper deep inside may agree with the selection even better, by an accident or two."""
    source = "def parse(): pass\ndef load_paths(): pass\n"
    codes = [const for const in compile(source, "pkg/u.py", "exec").co_consts if hasattr(const, "co_name")]
    parse, load = (CodeId(file="pkg/u.py", qualname=code.co_name, first_line=code.co_firstlineno) for code in codes)
    graphs = {name: build_graph("pkg/u.py", code) for name, code in zip((parse, load), codes, strict=True)}

    def test(number: int, *called: CodeId) -> TestRecord:
        calls = tuple(Call(code=code, count=1, callers=frozenset({None})) for code in called)
        return TestRecord(id=str(number), outcome=Outcome.PASSED, executed=dict.fromkeys(called, ALL), calls=calls)

    users = [test(number, parse, load) for number in range(300)]
    feature = CoverageRecord(command="", tests=(*users, test(300, load)), outside={}, exit_code=0, seconds=0.0)
    rest = CoverageRecord(
        command="", tests=tuple(test(number) for number in range(301, 900)), outside={}, exit_code=0, seconds=0.0
    )
    found = refine(feature, rest, graphs)
    assert found is not None
    assert [way.code for way in found.evidence] == [parse]
    assert found.moved_to_rest == ("300",)


def test_who_executes_a_named_place_uses_the_feature() -> None:
    place = next(block for block in GRAPHS[IDS["import_"]].blocks if block.hook_offset is not None)
    found = refine(
        suite(*many("e", "shared export", 8), ("i", "import_")),
        suite(*many("r", "shared", 30), ("other", "import_")),
        GRAPHS,
        [(IDS["import_"], place)],
    )
    assert found is not None
    assert found.moved_to_feature == ("other",)
    assert len(found.moved_to_rest) == 8


def test_what_nearly_all_tests_execute_says_nothing() -> None:
    assert refine(suite(*many("f", "shared", 2)), suite(*many("r", "shared", 250), *many("idle", "", 40)), GRAPHS) is None


def test_what_ran_while_tests_were_imported_is_named_if_it_agrees_best() -> None:
    feature = suite(*many("f", "shared export import_", 8), *many("idle", "shared export", 3))
    rest = suite(*many("r", "shared", 9), outside="export")
    veil = find_veil(feature, rest, GRAPHS)
    assert veil is not None
    assert (veil.files, veil.is_all) == (("pkg/m.py",), False)
    sentence = explain_veil(veil, "ran somewhere")
    assert sentence.startswith("export (pkg/m.py:6) agrees best with the selection (11 tests of --with, 0 of --without)")
    assert "but ran somewhere, and so is nobody's own" in sentence
    assert "--at" in sentence


def test_it_may_be_all_that_there_is() -> None:
    veil = find_veil(suite(*many("f", "shared export", 8)), suite(*many("r", "shared", 90), outside="export"), GRAPHS)
    assert veil is not None
    assert veil.is_all


@pytest.mark.parametrize("outside", ["", "shared", "shared import_"])
def test_nothing_is_said_of_imports_that_explain_nothing(outside: str) -> None:
    feature = suite(*many("f", "shared export import_", 8), ("idle", "shared export"))
    assert find_veil(feature, suite(*many("r", "shared", 9), outside=outside), GRAPHS) is None


def test_what_ran_outside_the_tests_counts_as_one_of_the_rest_where_it_may_move() -> None:
    feature = suite(*many("f", "shared export", 8), ("idle", "shared"))
    rest = suite(*many("r", "shared", 9), ("user", "export"), outside="shared export")
    found = refine(feature, rest, GRAPHS, veto={})
    assert found is not None
    assert (found.moved_to_feature, found.moved_to_rest, found.moved_outside) == (("user",), ("idle",), True)
    [way] = found.evidence
    assert (way.code, way.feature_tests, way.rest_tests, way.outside) == (IDS["export"], 8, 1, True)
    assert found.without_run.outside == {}
    assert found.with_run.outside.keys() == {IDS["export"], IDS["shared"]}, "it ran all the same"
    assert [test.id for test in (*found.with_run.tests, *found.without_run.tests) if not test.id] == []
    assert "executes export (pkg/m.py:6) too: such an import is a use" in explain(found)[-1]


def test_it_may_move_alone_and_stays_where_it_takes_no_way_in() -> None:
    feature = suite(*many("f", "shared export", 8))
    moved = refine(feature, suite(*many("r", "shared", 9), outside="export"), GRAPHS, veto={})
    assert moved is not None
    assert (moved.moved_to_feature, moved.moved_to_rest, moved.moved_outside) == ((), (), True)
    assert refine(feature, suite(*many("r", "shared", 9), outside="shared"), GRAPHS, veto={}) is None


def test_what_an_import_alone_runs_stays_no_place_nor_what_else_its_functions_ran() -> None:
    rest = suite(*many("r", "shared", 90), outside="export shared")
    veto = veto_of({IDS["export"]: 1, IDS["import_"]: 3}, rest.outside)
    assert veto == {IDS["export"]: ALL, IDS["import_"]: 3}
    assert refine(suite(*many("f", "shared export", 8)), rest, GRAPHS, veto=veto) is None


def test_who_names_a_place_may_have_what_ran_outside_too() -> None:
    place = next(block for block in GRAPHS[IDS["export"]].blocks if block.hook_offset is not None)
    rest = suite(*many("r", "shared", 9), outside="export")
    found = refine(suite(*many("f", "export", 3)), rest, GRAPHS, [(IDS["export"], place)])
    assert found is not None
    assert found.moved_outside
    assert found.without_run.outside == rest.outside, "all else that ran there stays nobody's own"


@pytest.mark.parametrize(("usual", "expected"), [("f0 f1", True), ("f0 f1 f2 f3", False), ("f0 f1 x y", False), ("x", True)])
def test_a_sorting_is_better_if_it_finds_more_than_it_misses(usual: str, expected: bool) -> None:
    lifted = refine(suite(*many("f", "export", 4)), suite(("r", "shared"), outside="export"), GRAPHS, veto={})
    assert lifted is not None
    assert is_better(lifted, suite(*((name, "") for name in usual.split())).tests) is expected


def module(source: str) -> dict[str, CodeId]:
    """The functions of a module, methods included, by qualified name; their graphs are in GRAPHS from then on."""
    found = {}
    pending = [const for const in compile(source, "pkg/n.py", "exec").co_consts if hasattr(const, "co_name")]
    while pending:
        code = pending.pop()
        name = CodeId(file="pkg/n.py", qualname=code.co_qualname, first_line=code.co_firstlineno)
        found[code.co_qualname] = name
        GRAPHS[name] = build_graph("pkg/n.py", code)
        pending.extend(const for const in code.co_consts if hasattr(const, "co_name"))
    return found


def entering(name: str, codes: dict[str, CodeId], calls: str) -> TestRecord:
    """A test that enters functions; ``name*3`` enters one three times."""
    entered = {}
    for call in calls.split():
        qualname, _, count = call.partition("*")
        entered[codes[qualname]] = int(count or 1)
    return TestRecord(
        id=name,
        outcome=Outcome.PASSED,
        executed=dict.fromkeys(entered, ALL),
        calls=tuple(Call(code=code, count=count, callers=frozenset({None})) for code, count in entered.items()),
    )


def record(*tests: TestRecord) -> CoverageRecord:
    return CoverageRecord(command="", tests=tests, outside={}, exit_code=0, seconds=0.0)


CACHE = """
class Cache:
    def __init__(self): pass
    def expire(self): pass
    def get(self): pass
    def _check(self): pass
"""


@pytest.mark.parametrize(("use", "expected"), [("Cache.expire*4", "Cache.__init__"), ("Cache.get", "Cache.get")])
def test_what_is_made_is_made_to_be_used_unless_the_use_is_a_helper_s(use: str, expected: str) -> None:
    codes = module(CACHE)
    users = [entering(f"f{n}", codes, f"Cache.__init__ Cache._check {use}") for n in range(20)]
    found = refine(
        record(*users, entering("made", codes, "Cache.__init__ Cache._check")),
        record(*(entering(f"r{n}", codes, "") for n in range(40)), entering("too", codes, f"Cache.__init__ {use}")),
        GRAPHS,
    )
    assert found is not None
    assert [way.code.qualname for way in found.evidence] == [expected]


def test_of_two_constructors_the_one_that_keeps_the_selection() -> None:
    """One is purer, the other loses no test that the user named."""
    codes = module("class Sync:\n    def __init__(self): pass\nclass Async:\n    def __init__(self): pass\n")
    sync = [entering(f"s{n}", codes, "Sync.__init__") for n in range(23)]
    both = [entering(f"a{n}", codes, "Sync.__init__ Async.__init__") for n in range(23)]
    others = [entering(f"v{n}", codes, "Sync.__init__") for n in range(62)]
    found = refine(record(*sync, *both), record(*others, *(entering(f"r{n}", codes, "") for n in range(370))), GRAPHS)
    assert found is not None
    assert len(found.moved_to_feature) == 62
    assert found.moved_to_rest == ()


def test_common_ground_is_no_reason_to_keep_the_selection() -> None:
    codes = module("class Timed:\n    def unsign(self): pass\nclass Signer:\n    def make(self): pass\n")
    timed = [entering(f"t{n}", codes, "Signer.make Timed.unsign") for n in range(97)]
    named = [entering(f"n{n}", codes, "Signer.make") for n in range(62)]
    found = refine(record(*timed, *named), record(*(entering(f"r{n}", codes, "Signer.make") for n in range(138))), GRAPHS)
    assert found is not None
    assert len(found.moved_to_rest) == 62
    assert doubt(found) == ()


def test_a_selection_that_is_mostly_sorted_out_is_doubted() -> None:
    codes = module("class Slots:\n    def make(self): pass\n    def cached(self): pass\n")
    some = [entering(f"c{n}", codes, "Slots.make Slots.cached") for n in range(16)]
    named = [entering(f"n{n}", codes, "Slots.make") for n in range(20)]
    found = refine(record(*some, *named), record(*(entering(f"r{n}", codes, "Slots.make") for n in range(100))), GRAPHS)
    assert found is not None
    [sentence] = doubt(found)
    assert sentence.startswith("20 of the 36 tests of --with were sorted to the rest")
