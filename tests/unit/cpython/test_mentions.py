"""Names that instructions mention, with what is looked up behind them, and imports."""

from __future__ import annotations

from types import CodeType

import pytest

from meterize.cpython.mentions import find_imports, find_mentions


def body(text: str, head: str = "def f(self, y, *z):") -> CodeType:
    module = compile(f"{head}\n    {text}\n", "f.py", "exec")
    return next(const for const in module.co_consts if isinstance(const, CodeType))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [("a", False)]),
        ("a(y)", [("a", True)]),
        ("a(*z)", [("a", True)]),
        ("a(k=y)(y)", [("a", True)]),
        ("a.b.c", [("a.b.c", False)]),
        ("a.b(y).c", [("a.b", True)]),
        ("a.b(*z)", [("a.b", True)]),
        ("y(a)", [("a", False)]),
        ("y(*a)", [("a", False)]),
        ("a(b)", [("a", True), ("b", False)]),
        ("self.v", [("self.v", False)]),
        ("self.v(y)", [("self.v", True)]),
        ("self.v.w(y)", [("self.v.w", True)]),
        ("y.v", []),
        ("self", []),
        ("[self for _ in y]", []),
        ("return y, self.v", [("self.v", False)]),
        ("return lambda: self.v", []),
        ("(lambda: self, self.v)", [("self.v", False)]),
    ],
)
def test_mentions(text, expected):
    found = [(".".join((*["self"] * one.is_own, *one.path)), one.is_called) for one in find_mentions(body(text))]
    assert found == expected


def test_a_function_without_arguments_has_no_first_one():
    assert [one.path for one in find_mentions(body("x = a; return x.b", "def f():"))] == [("a",)]


def test_many_names_need_prefixes():
    """From the 128th name on EXTENDED_ARG stands between what belongs together."""
    many = "\n    ".join(f"n{number}.m{number}(y)" for number in range(300))
    found = list(find_mentions(body(many)))
    assert [one.path for one in found] == [(f"n{number}", f"m{number}") for number in range(300)]
    assert all(one.is_called for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a", [("a", ())]),
        ("import a.b as c", [("a.b", ())]),
        ("from . import a", [(".", ("a",))]),
        ("from ..a.b import c as d, e", [("..a.b", ("c", "e"))]),
        ("pass", []),
    ],
)
def test_imports(text, expected):
    assert [(one.module, one.names) for one in find_imports(body(text))] == expected
