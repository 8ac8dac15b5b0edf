"""What counts as a difference, and what explains one."""

from __future__ import annotations

import pytest
from tests.frameworks.differences import find_differences
from tests.frameworks.explanations import Explanation, Explanations, read_explanations
from tests.frameworks.runs import Run


def run(**outcomes):
    return Run(outcomes=outcomes)


@pytest.mark.parametrize(
    ("bare", "hooked", "expected"),
    [
        ([run(a="passed")], [run(a="passed")], []),
        ([run(a="passed")], [run(a="failed")], ["a"]),
        ([run(a="passed")], [run()], ["a"]),
        ([run()], [run(a="passed")], ["a"]),
        ([run(a="passed")] * 3, [run(a="failed"), run(a="passed"), run(a="passed")], []),
        ([run(a="passed")] * 3, [run(a="failed"), run(a="passed"), run(a="error")], ["a"]),
        ([run(a="passed"), run(a="failed"), run(a="passed")], [run(a="failed")] * 3, []),
    ],
)
def test_a_difference_shows_twice_and_never_without_hooks(bare, hooked, expected):
    assert find_differences(bare, hooked) == expected


def explanations(**given):
    entry = Explanation(tests=("test.test_dis.Of*",), reason="bytecode", why="it disassembles", **given)
    return Explanations(reasons={"bytecode": "looks at bytecode"}, entries=(entry,))


def test_an_explanation_holds_for_its_ways_and_versions():
    entry = explanations(ways=("every",), versions=("3.12",))
    assert entry.find("test.test_dis.OfCode.test_x", "every", "3.12")
    assert not entry.find("test.test_dis.OfCode.test_x", "once", "3.12")
    assert not entry.find("test.test_dis.OfCode.test_x", "every", "3.13")
    assert not entry.find("test.test_re.OfCode.test_x", "every", "3.12")


@pytest.mark.parametrize(
    ("compared", "different", "expected"),
    [
        (["test.test_dis.Of.x"], ["test.test_dis.Of.x"], []),
        (["test.test_dis.Of.x"], [], ["test.test_dis.Of*: does not differ (every, 3.12)"]),
        (["test.test_dis.Else.x"], ["test.test_dis.Else.x"], ["test.test_dis.Of*: is not there (every, 3.12)"]),
    ],
)
def test_an_explanation_that_is_not_needed_is_named(compared, different, expected):
    found = explanations().unneeded("every", "3.12", ["test.test_dis."], compared, different)
    assert list(found) == expected
    assert list(explanations(sometimes=True).unneeded("every", "3.12", ["test.test_dis."], compared, different)) == []
    assert list(explanations().unneeded("every", "3.12", ["test.test_re."], compared, different)) == []


@pytest.mark.parametrize(
    "text",
    [
        '[reasons]\nbytecode = "it looks"\n',
        '[[difference]]\ntests = ["a"]\nreason = "no such"\nwhy = "x"\n',
        '[reasons]\nb = "x"\n[[difference]]\ntests = ["a"]\nreason = "b"\nwhy = "x"\nwhen = "now"\n',
        '[reasons]\nb = "x"\n[[difference]]\ntests = ["a"]\nreason = "b"\n',
    ],
)
def test_a_bad_list_of_differences_is_refused(tmp_path, text):
    (tmp_path / "differences.toml").write_text(text)
    with pytest.raises(ValueError, match=r"differences\.toml"):
        read_explanations(tmp_path / "differences.toml")
