"""What the user says about places: taken, left alone, or refused with what there is instead."""

from __future__ import annotations

import pytest

from meterize.errors import UsageError
from meterize.model.code import CodeId
from meterize.planning import files_of, find_named, is_excluded, require_known

SOURCE = """
    class Store:
        def save(self, rows, kind="csv"):
            if kind == "xlsx":
                return self.export(rows)
            return rows

        def export(self, rows):
            return [row for row in rows]

        value = property(lambda self: 1)
"""
USES = {"a": "Store().save('x', 'xlsx')", "b": "Store().save('y', 'xlsx')"}
REST = {"c": "Store().save('x')", "d": "Store().save('z')"}


@pytest.mark.parametrize("spot", ["package.module:Store.export", "package/module.py:Store.export"])
def test_a_function_is_named_by_module_or_file(package, spot) -> None:
    [point] = package(SOURCE).choose(USES, REST, at=[spot]).hook_points
    assert point.code.qualname == "Store.export"
    assert point.covers == ("a", "b")
    assert point.why.startswith("It was named by hand (--at): all 2 feature tests pass here, and no rest test does.")


def test_a_line_names_the_block_that_begins_there(package) -> None:
    small = package(SOURCE)
    line = small.line_of("return self.export(rows)")
    [point] = small.choose(USES, REST, at=[f"package.module:Store.save:{line}"]).hook_points
    assert (point.code.qualname, point.line) == ("Store.save", line)


def test_what_the_rest_passes_too_may_be_named_and_is_said(package) -> None:
    choice = package(SOURCE).choose(USES, REST, at=["package.module:Store.save"])
    [point] = choice.hook_points
    assert "and 2 rest tests do too" in point.why
    assert any("2 rest tests pass" in warning for warning in choice.warnings)
    assert choice.alternatives[0].code.qualname == "Store.export"


def test_several_places_once_each(package) -> None:
    spots = ["package.module:Store.export", "package.module:Store.save", "package/module.py:Store.export"]
    assert len(package(SOURCE).choose(USES, REST, at=spots).hook_points) == 2


@pytest.mark.parametrize(
    ("spot", "slug", "says"),
    [
        ("package.module:Store.exprt", "at-unknown", "package.module:Store.export"),
        ("package.modul:Store.export", "at-unknown", "package.module:Store.export"),
        ("Store.export", "at-unknown", "module:qualname"),
        ("package.module:Store.export:x", "at-unknown", "module:qualname"),
        ("package.module:Store.export:-1", "at-unknown", "module:qualname"),
        (":Store.export", "at-unknown", "module:qualname"),
        ("package.module:Store.save:", "at-unknown", "module:qualname"),
        ("a:b:3:4", "at-unknown", "module:qualname"),
        ("package.module:Store.save:99999999999999999999", "at-unknown", "module:qualname"),
        ("package.module:Store.save:1", "at-no-place", "line 4, 5"),
        ("package.module:Store", "at-no-place", "never hooked"),
        ("package.module:<module>", "at-no-place", "never hooked"),
        ("package.module:Store.<lambda>", "at-not-run", "execute"),
    ],
)
def test_what_cannot_be_hooked_is_refused_with_what_there_is(package, spot, slug, says) -> None:
    with pytest.raises(UsageError) as caught:
        package(SOURCE).choose(USES, REST, at=[spot])
    assert caught.value.slug == slug
    assert says in " ".join((str(caught.value), caught.value.hint or "", *caught.value.details))


def test_a_function_that_begins_with_a_loop_is_named_by_its_beginning(package) -> None:
    small = package("def forever(n):\n    while True:\n        n -= 1\n        if not n: return n\n")
    graph, block = find_named("package.module:forever", small.graphs)
    assert graph.begins_with(block)


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [
        ("pkg.m:C.f", True),
        ("pkg/m.py:C.f", True),
        ("pkg.m", True),
        ("pkg/m.py", True),
        ("pkg.*", True),
        ("*:C.*", True),
        ("*:C", False),
        ("pkg.m:C", False),
        ("pkg", False),
        ("pkg.m:c.F", False),
        ("", False),
        ("[", False),
    ],
)
def test_functions_are_left_alone_by_pattern(pattern, excluded) -> None:
    assert is_excluded(CodeId(file="pkg/m.py", qualname="C.f", first_line=1), [pattern]) is excluded


def test_what_is_nested_goes_with_its_function() -> None:
    nested = CodeId(file="pkg/m.py", qualname="C.f.<locals>.inner", first_line=1)
    assert is_excluded(nested, ["pkg.m:C.f"])


def test_the_files_of_named_modules() -> None:
    files = ["pkg/__init__.py", "pkg/m.py", "pkg/other.py"]
    assert files_of(["pkg.m:f", "pkg:g"], files) == ("pkg/__init__.py", "pkg/m.py")
    assert files_of(["pkg/__init__.py:g"], files) == ("pkg/__init__.py",)
    assert files_of([], files) == files_of(["nothing:f"], files) == ()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("starlette/testclient.py", True),
        ("flask/testing.py", True),
        ("werkzeug/test.py", True),
        ("django/test/client.py", True),
        ("aiohttp/test_utils.py", True),
        ("aiohttp/pytest_plugin.py", True),
        ("testing/core.py", False),
        ("pkg/testament.py", False),
        ("pkg/latest.py", False),
        ("pkg/contest.py", False),
    ],
)
def test_what_packages_ship_for_tests(file, expected) -> None:
    assert CodeId(file=file, qualname="f", first_line=1).supports_tests is expected


def test_a_pattern_that_names_nothing_is_refused_with_what_is_like_it() -> None:
    codes = [
        CodeId(file="pkg/footnotes.py", qualname="parse", first_line=1),
        CodeId(file="pkg/m.py", qualname="f", first_line=1),
    ]
    require_known(["pkg.footnotes", "pkg.*:f", "pkg/m.py:f"], codes)
    with pytest.raises(UsageError) as caught:
        require_known(["pkg.m", "pkg.footnots"], codes)
    assert caught.value.slug == "exclude-unknown"
    assert "pkg.footnotes" in caught.value.details


def test_who_passes_another_place_only_is_no_stranger(package) -> None:
    """A place that is named may miss tests that run the feature's own code."""
    source = "def a(x):\n    return x + 1\n\n\ndef b(x):\n    return a(x) * 2\n"
    choice = package(source).choose({"one": "a(1)", "two": "b(2)"}, {"rest": "1"}, at=["package.module:b"])
    assert choice.warnings == ("1 of 2 feature tests passes no hook, though other places notice them: one.",)
