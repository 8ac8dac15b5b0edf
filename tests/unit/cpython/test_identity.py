"""Names and digests of code: stable where nothing changed, different where something did."""

from __future__ import annotations

import subprocess
import sys

import pytest

from meterize.cpython.identity import code_digest, code_id, is_function, kind, walk
from meterize.model.code import CodeId

SOURCE = """
class Outer:
    def method(self, value):
        return [v for v in (value, {"a", "b", "c"}) if v]

    async def waits(self): pass

    async def ticks(self): yield 1

def generates(): yield lambda: 1
"""


def function(source, name="f"):
    return next(code for _, code in walk(compile(source, "x.py", "exec")) if code.co_name == name)


def test_paths_lead_to_the_code():
    module = compile(SOURCE, "x.py", "exec")
    found = dict(walk(module))
    assert found[()] is module
    for path, code in found.items():
        reached = module
        for index in path:
            reached = reached.co_consts[index]
        assert reached is code
    assert {"Outer", "method", "waits", "ticks", "generates", "<lambda>"} <= {code.co_name for code in found.values()}


def test_outer_code_comes_first():
    paths = [path for path, _ in walk(compile(SOURCE, "x.py", "exec"))]
    assert all(path[:-1] in paths[:at] for at, path in enumerate(paths) if path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("<module>", "module"),
        ("Outer", "class"),
        ("method", "function"),
        ("waits", "coroutine"),
        ("ticks", "async-generator"),
        ("generates", "generator"),
        ("<lambda>", "function"),
    ],
)
def test_kinds(name, expected):
    assert kind(function(SOURCE, name)) == expected


def test_calls_run_functions_of_every_kind_but_no_bodies():
    called = {code.co_name: is_function(code) for _, code in walk(compile(SOURCE, "x.py", "exec"))}
    assert called == {
        **dict.fromkeys(("<module>", "Outer"), False),
        **dict.fromkeys(("method", "waits", "ticks", "generates", "<lambda>"), True),
        **dict.fromkeys({"<listcomp>"} & called.keys(), True),
    }


LAZY = """
def outer(value: list[int]) -> str:
    class Inner:
        field: int
x: int
def named(format, /): return format
class __annotate__:
    def __init__(self, format, /): pass
"""
LAZY_WITH_TYPES = "type Alias = list[int]\nclass C[T: (int, str)]:\n    def m[U: int, *Us](self, u: U): pass\n"


def test_what_is_made_of_annotations_is_no_function():
    sources = [LAZY, LAZY_WITH_TYPES] if sys.version_info >= (3, 12) else [LAZY]
    codes = [code for source in sources for _, code in walk(compile(source, "x.py", "exec", dont_inherit=True))]
    annotations = [code for code in codes if kind(code) == "annotation"]
    names = {"__annotate__", "outer.<locals>.Inner.__annotate__", "C.__annotate__", "Alias", "T", "C.U"}
    assert {code.co_qualname for code in annotations} == (names if sys.version_info >= (3, 14) else set())
    assert not any(map(is_function, annotations))
    assert {"outer", "named", "__annotate__.__init__"} <= {code.co_qualname for code in codes if is_function(code)}


def test_an_id_is_readable():
    assert code_id("pkg/x.py", function(SOURCE, "method")) == CodeId(file="pkg/x.py", qualname="Outer.method", first_line=3)


@pytest.mark.parametrize("name", ["<module>", "Outer", "method", "waits"])
def test_a_digest_ignores_lines_columns_and_the_file(name):
    moved = compile("# above\n\n" + SOURCE, "elsewhere.py", "exec")
    assert code_digest(function(SOURCE, name)) == code_digest(next(c for _, c in walk(moved) if c.co_name == name))


@pytest.mark.parametrize("above", [0, 1, 252, 253, 254, 300, 70000])
@pytest.mark.parametrize("body", ["x = 7", "x = 'a'\n  y = 1000\n  z = 2.5", "'Doc.'\n  def m(self): return 300"])
def test_a_class_keeps_its_digest_on_every_line(above, body):
    """3.13 on stores the line in the class: as a constant, 3.14 up to 255 as an operand."""
    source = f"def f():\n class C:\n  {body}\n return C\n"
    assert code_digest(function("\n" * above + source)) == code_digest(function(source))


@pytest.mark.parametrize("above", [0, 300])
@pytest.mark.parametrize("other", ["x = 8", "y = 7", "x = 700", "x = '7'", "x = 7; y = 8", "def x(self): pass"])
def test_the_digest_of_a_class_sees_its_body(above, other):
    lines = "\n" * above
    assert code_digest(function(f"{lines}class f:\n x = 7\n")) != code_digest(function(f"{lines}class f:\n {other}\n"))


@pytest.mark.parametrize(
    "other",
    [
        "def f(a): return a + 1.0",
        "def f(a): return a + True",
        "def f(a): return a - 1",
        "def f(b): return b + 1",
        "def f(a, /): return a + 1",
        "def f(a):\n  try: return a + 1\n  finally: print()\n",
        "def f(a, *b): return a + 1",
        "async def f(a): return a + 1",
        "def f(a): return a + -1",
    ],
)
def test_a_digest_sees_every_difference_in_what_runs(other):
    assert code_digest(function("def f(a): return a + 1")) != code_digest(function(other))


def test_a_digest_sees_nested_code():
    assert code_digest(function("def f(): return lambda: 1")) != code_digest(function("def f(): return lambda: 2"))


def test_a_digest_does_not_depend_on_the_hash_seed():
    program = (
        "from meterize.cpython.identity import code_digest\n"
        "print(code_digest(compile('x in {\"a\", \"b\", \"c\", 1.5, None}', 'x', 'eval')))"
    )
    digests = {
        subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_running_code_keeps_its_digest():
    """Specialised and instrumented opcodes are not what was compiled."""
    namespace: dict = {}
    exec("def f(n):\n  t = 0\n  for i in range(n): t += i\n  return t\n", namespace)
    before = code_digest(namespace["f"].__code__)
    namespace["f"](10_000)
    sys.settrace(lambda *_: None)
    try:
        namespace["f"](10)
    finally:
        sys.settrace(None)
    assert code_digest(namespace["f"].__code__) == before
