"""The place is where the feature is entered, and counts each use once: judged by who called what, and how often."""

from __future__ import annotations

from meterize.model.coverage import ENOUGH_CALLS
from meterize.model.plan import Fires


def places(choice) -> list[str]:
    return [point.code.qualname for point in choice.hook_points]


BOOKS = """
    def save(rows, kind):
        return export_set(rows) if kind == "xlsx" else rows

    def save_all(sheets, kind):
        return export_book(sheets) if kind == "xlsx" else sheets

    def export_set(rows):
        return sheet(rows)

    def export_book(sheets):
        found = []
        for rows in sheets:
            found.append(sheet(rows))
        return found

    def sheet(rows):
        return [row for row in rows]
"""


def test_what_a_use_may_pass_several_times_is_left_to_its_callers(package) -> None:
    """One hook would do for the tests, but would count an exported book by its sheets."""
    small = package(BOOKS)
    uses = {
        "set": "save('ab', 'xlsx')",
        "other set": "save('cd', 'xlsx')",
        "book": "save_all(['a'], 'xlsx')",
        "other book": "save_all(['b'], 'xlsx')",
    }
    choice = small.choose(uses, {"rest": "save('ab', 'csv'), save_all('ab', 'csv')"})
    assert places(choice) == ["export_set", "export_book"]
    assert [point.fires for point in choice.hook_points] == [Fires(once=2), Fires(once=2)]
    [sheet] = [one for one in choice.alternatives if one.code.qualname == "sheet"]
    assert (sheet.feature_tests, sheet.rest_tests) == (4, 0)
    assert "one use may pass it several times" in sheet.why_not
    assert "it lies behind export_book and export_set" in sheet.why_not
    assert places(small.choose(uses, {"rest": "save('ab', 'csv'), save_all('ab', 'csv')"}, max_hooks=1)) == ["sheet"]


def test_helpers_stand_behind_what_is_called_from_outside(package) -> None:
    """All three are public and run in each feature test; only one is what the tests call."""
    small = package("""
        def count(rows): return len(rows)
        def render(rows): return arrange(rows)
        def arrange(rows): return measure(rows)
        def measure(rows): return count(rows) + sum(range(9)) + max(range(3)) + min(range(3))
    """)
    choice = small.choose({"a": "render('x')", "b": "render('y')"}, {"c": "count('z')"})
    assert places(choice) == ["render"]
    assert [one.code.qualname for one in choice.alternatives] == ["arrange", "measure"]
    assert "It fires once in each of 2 tests." in choice.hook_points[0].why


def test_a_use_begins_where_it_is_first_entered(package) -> None:
    """What runs later in a thread or a callback is entered from outside as well."""
    small = package("""
        def other(): return 1
        def run(callback): return callback()
        class Task:
            def __call__(self): return run(self.handle)
            def handle(self): return other()
    """)
    choice = small.choose({"a": "Task()()", "b": "Task()()"}, {"c": "run(other)"})
    assert places(choice) == ["Task.__call__"]


def test_a_further_step_of_the_same_use_needs_no_hook(package) -> None:
    """Keys are prepared or read, then used to verify: who verifies has always done one of the two before."""
    small = package("""
        def other(): return 1
        def prepare(key): return key
        def read(key): return key
        def verify(key): return key
    """)
    uses = {f"p{number}": "verify(prepare(1))" for number in range(4)} | {
        f"r{number}": "verify(read(1))" for number in range(4)
    }
    one_only = {"p": "prepare(1)", "r": "read(1)"}
    assert places(small.choose(uses, {"c": "other()"})) == ["verify"]
    assert places(small.choose(uses | one_only, {"c": "other()"})) == ["prepare", "read"]


def test_a_way_in_that_other_hooks_miss_gets_its_own(package) -> None:
    """Each test reads at the end, and so would be noticed; but who only writes would not."""
    small = package("""
        def other(): return 1
        def read(x): return x
        def write(x): return x
        def convert(x): return x
    """)
    uses = {f"w{number}": "write(1), read(1)" for number in range(5)} | {
        f"c{number}": "convert(1), read(1)" for number in range(5)
    }
    assert places(small.choose(uses, {"c": "other()"})) == ["read"]
    uses |= {f"only{number}": "write(1)" for number in range(3)}
    assert places(small.choose(uses, {"c": "other()"})) == ["read", "write"]


def test_recursion_is_left_to_a_caller_and_else_named(package) -> None:
    source = """
        def other(): return 1
        def walk(depth):
            return walk(depth - 1) + 1 if depth else 0
        def measure(depth):
            return walk(depth)
    """
    small = package(source)
    assert places(small.choose({"a": "measure(3)", "b": "measure(2)"}, {"c": "other()"})) == ["measure"]
    alone = small.choose({"a": "walk(3)", "b": "walk(2)"}, {"c": "other()"})
    assert places(alone) == ["walk"]
    assert alone.hook_points[0].fires == Fires(more=2)
    [warning] = alone.warnings
    assert "calls itself" in warning


def test_how_often_is_said_where_it_is_known(package) -> None:
    small = package("""
        def size(n, binary):
            return n.__index__() if binary else n
        def other(): return 1
        def use(): return 2
    """)
    [arm] = small.choose({"a": "size(1, True)", "b": "size(1, True), size(2, True)"}, {"c": "size(1, False)"}).hook_points
    assert arm.fires == Fires(once=1, unknown=1)
    [whole] = small.choose({"a": "use()", "b": "[use() for _ in range(9)]"}, {"c": "other()"}).hook_points
    assert whole.fires == Fires(once=1, more=1)
    assert ENOUGH_CALLS < 9
    assert "once in one test, more often in one test" in whole.why


def test_a_generator_is_used_once_an_iteration(package) -> None:
    small = package("""
        def other(): return 1
        def parts(n):
            for number in range(n):
                yield number
    """)
    [point] = small.choose({"a": "list(parts(5))", "b": "list(parts(2))"}, {"c": "other()"}).hook_points
    assert point.fires == Fires(once=2)
    assert "Each iteration over it begins here" in point.why


def test_the_place_that_most_tests_pass_comes_first(package) -> None:
    small = package("def other(): return 1\ndef load(x): return x\ndef save(x): return x\n")
    uses = {"l": "load(1)"} | {f"s{number}": "save(1)" for number in range(3)}
    choice = small.choose(uses, {"c": "other()"})
    assert [(point.id, point.code.qualname) for point in choice.hook_points] == [("d/f/1", "save"), ("d/f/2", "load")]


def test_no_more_hooks_than_allowed(package) -> None:
    small = package("def other(): return 1\ndef a(): return 1\ndef b(): return 2\ndef c(): return 3\n")
    uses = {"a": "a()", "b1": "b()", "b2": "b()", "c1": "c()", "c2": "c()", "c3": "c()"}
    choice = small.choose(uses, {"r": "other()"}, max_hooks=2)
    assert places(choice) == ["c", "b"]
    assert choice.uncovered == ("a",)
    assert any("a" in one.code.qualname for one in choice.alternatives)


def test_what_a_use_starts_in_a_loop_is_no_use_of_its_own(package) -> None:
    """As tasks or threads: nobody is seen to call it, but who starts it is always entered before."""
    small = package("""
        def other(): return 1
        def poll(stations):
            started = []
            for station in stations:
                started.append(lambda: ask(station))
            return started
        def watch(rounds):
            return [poll("ab") for _ in range(rounds)]
        def ask(station): return read(station)
        def read(station): return station
    """)
    start = "[task() for task in {}]"
    uses = {f"p{n}": start.format("poll('ab')") for n in range(3)} | {f"w{n}": start.format("watch(2)[0]") for n in range(2)}
    assert places(small.choose(uses, {"r": "other()"})) == ["poll"]
