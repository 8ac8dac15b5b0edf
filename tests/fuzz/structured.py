"""Programs that compute something and end: every statement and expression of the language, drawn by hypothesis and so shrunk.

Each defines ``f`` and ends with ``CASES``, callables whose results and exceptions are compared.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

NAMES = ("a", "b", "c")
FUNCTION, GENERATOR, COROUTINE, ASYNC_GENERATOR = "function", "generator", "coroutine", "asynchronous generator"
ERRORS = ("ValueError", "KeyError", "ZeroDivisionError", "(IndexError, TypeError)", "Exception", "BaseException", "NameError")
HAS_TYPE_PARAMETERS = sys.version_info >= (3, 12)
HAS_TEMPLATES = sys.version_info >= (3, 14)
DEEPEST, LONGEST = 3, 24
BULK = 280
"""More than an operand of one byte can hold, of constants, names, locals or units to jump over."""

EXPRESSIONS = (
    "{x} + {y}",
    "num({x}) * 2 - num({y})",
    "10 // (num({x}) % 3)",
    "({x}, {y}, 4)[num({z}) % 4]",
    "{x} if {y} else {z}",
    "{x} and {y} or not {z}",
    "0 <= num({x}) < num({y}) != num({z})",
    "{x} is None is not {y}",
    "{x} in ({y}, 1, 2) or {z} not in [3, 4]",
    "(kept := {x}) or kept",
    "[v for v in range(num({p}) % 4) if v != {y}]",
    "{{v: w for v, w in zip((1, {p}), ({q}, 3))}}.get(1, {x})",
    "sum(num(v) for v in ({p}, {q}) if v)",
    "len({{num(v) + num({x}) for v in (1, {p}, 1)}})",
    "[[u * v for u in range(2)] for v in range(num({p}) % 3)]",
    "(lambda v, *, w={x}: num(v) + num(w))({y})",
    "f'{{{n}!r:>4}}|{{{m}}}|{{num({n}):0{{3}}d}}'.count('1')",
    "len([*(1, {x}), *[{y}]])",
    "dict(k={x}, **{{'m': {y}}})",
    "max(*(1, num({x})), key=lambda v: -v)",
    "(lambda *r, **k: (r, k))({x}, *[{y}], z={z}, **{{}})",
    "(1, 2, 3, 4)[num({x}) % 3:num({y})]",
    "-num({x}) ** 2 % 7 ^ ~num({y}) | 1 & 3 << 2",
    "Pair({x}, {y}).left",
    "'%s-%r' % ({x}, {y})",
    "print(num({x}), num({y})) or {z}",
    "frozenset((1, 2)) | {{num({x})}}",
    "str({x})[::-1]",
)
ATOMS = ("a", "b", "c", "1", "0", "-2", "None", "True", "'text'", "(1, 2)", "3.5", "70000", "b'x'", "...", "2j")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the grammar allows where a statement stands."""

    kind: str
    loop: bool = False
    can_return: bool = True
    depth: int = 0
    nested: bool = False

    def inner(self, **changes: object) -> Scope:
        return replace(self, depth=self.depth + 1, **changes)

    @property
    def is_async(self) -> bool:
        return self.kind in {COROUTINE, ASYNC_GENERATOR}


class Author:
    """Writes one program; every decision is drawn."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw
        self._bulk = 0
        self._statements = LONGEST

    def number(self, most: int) -> int:
        return self._draw(st.integers(0, most))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(len(options) - 1)]

    def one_in(self, times: int) -> bool:
        return self.number(times - 1) == times - 1  # shrinks to no

    # Expressions.

    def expression(self, depth: int = 2) -> str:
        if depth == 0 or not self.number(2):
            return self.pick(ATOMS)
        x, y, z = (self.expression(depth - 1) if depth > 1 else self.pick(ATOMS) for _ in range(3))
        # ``p`` and ``q`` stand where no walrus may, ``n`` and ``m`` where 3.11 allows no quotes.
        plain = {"p": self.pick(ATOMS), "q": self.pick(ATOMS), "n": self.pick(NAMES), "m": self.pick(NAMES)}
        if HAS_TEMPLATES and self.one_in(12):
            return f"[v.value for v in t'{{{plain['p']}}}<{{{plain['n']}!s:>5}}>'.interpolations]"
        return "(" + self.pick(EXPRESSIONS).format(x=x, y=y, z=z, **plain) + ")"

    # Statements.

    def simple(self, scope: Scope) -> str:
        choices = [*SIMPLE]
        choices += ["if {e}: return {g}", "return {e}"] if scope.can_return and scope.kind != ASYNC_GENERATOR else []
        choices += ["if {e}: return"] if scope.can_return else []
        choices += ["if num({e}) % 2: break", "if num({e}) % 2: continue"] * 2 if scope.loop else []
        if scope.kind in {GENERATOR, ASYNC_GENERATOR}:
            choices += ["{n} = yield {e}", "yield {e}", "{n} = num((yield {e})) + 1"] * 2
        if scope.kind == GENERATOR:
            choices += ["{n} = (yield from [{e}, {g}]) or {g}", "{n} = yield from (v for v in range(num({e}) % 3))"]
        if scope.is_async:
            choices += ["{n} = await Pause() or {e}", "{n} = [v async for v in ticks(2) if v][0] + num(await Pause())"] * 2
            choices += ["{n} = {{v: num(await Pause()) async for v in ticks(num({n}) % 3)}}"]
        return self.pick(choices).format(n=self.pick(NAMES), e=self.expression(), g=self.expression(1))

    def statement(self, scope: Scope) -> str:
        self._statements -= 1
        if scope.depth > DEEPEST or self._statements < 0 or not self.number(2):
            return self.simple(scope)
        shapes: list[Callable[[Scope], str]] = [
            self.branch,
            self.loop,
            self.turns,
            self.attempt,
            self.finish,
            self.group,
            self.manage,
            self.match,
            self.nested,
            self.classes,
            self.recover,
        ]
        if scope.is_async:
            shapes += [lambda scope: self.loop(scope, "async "), lambda scope: self.manage(scope, "async ")]
        if HAS_TYPE_PARAMETERS:
            shapes.append(self.typed)
        if self.one_in(16) and self._bulk < 1:
            return self.bulk(scope)
        return self.pick(shapes)(scope)

    def block(self, scope: Scope) -> str:
        body = "\n".join(self.statement(scope) for _ in range(1 + self.number(1)))
        return textwrap.indent(body, "    ")

    def branch(self, scope: Scope) -> str:
        text = f"if {self.expression()}:\n{self.block(scope.inner())}"
        if self.number(1):
            text += f"\nelif {self.expression()}:\n{self.block(scope.inner())}"
        return text + (f"\nelse:\n{self.block(scope.inner())}" if self.number(1) else "")

    def loop(self, scope: Scope, prefix: str = "") -> str:
        over = "ticks(3)" if prefix else self.pick(("range(3)", "(a, b, c)", "iter([1, 2])", "range(num(a) % 5)", "'xy'"))
        name = self.pick((*NAMES, "a, *b" if not prefix and over == "'xy'" else "c"))
        text = f"{prefix}for {name} in {over}:\n{self.block(scope.inner(loop=True))}"
        return text + (f"\nelse:\n{self.block(scope.inner())}" if self.number(1) else "")

    def turns(self, scope: Scope) -> str:
        counter, test = f"turns_{scope.depth}", self.pick(("", " and True", " and num(a) != 3"))
        text = f"{counter} = 3\nwhile {counter} > 0{test}:\n    {counter} -= 1\n{self.block(scope.inner(loop=True))}"
        return text + (f"\nelse:\n{self.block(scope.inner())}" if self.one_in(3) else "")

    def attempt(self, scope: Scope) -> str:
        text = f"try:\n{self.block(scope.inner())}"
        for error in [self.pick(ERRORS) for _ in range(1 + self.number(1))]:
            text += f"\nexcept {error}{self.pick(('', ' as error'))}:\n{self.block(scope.inner())}"
        text += f"\nelse:\n{self.block(scope.inner())}" if self.one_in(3) else ""
        return text + (f"\nfinally:\n{self.block(scope.inner())}" if self.one_in(3) else "")

    def finish(self, scope: Scope) -> str:
        # 3.14 warns of return, break and continue in finally (PEP 765); they are still the language.
        return f"try:\n{self.block(scope.inner())}\nfinally:\n{self.block(scope.inner())}"

    def recover(self, scope: Scope) -> str:
        raised = self.pick(
            ("raise KeyError(a)", "raise ValueError(b) from KeyError(c)", "1 // 0", "raise", "a.missing", "del gone")
        )
        handler = self.pick(("raise", "raise TypeError(b)", "raise TypeError(c) from error", "a = str(error)", "pass"))
        text = f"try:\n    {raised}\nexcept {self.pick(ERRORS)} as error:\n    {handler}"
        return text + (f"\nfinally:\n{self.block(scope.inner())}" if self.number(1) else "")

    def group(self, scope: Scope) -> str:
        # break, continue and return may not stand in an except* block.
        inner = scope.inner(loop=False, can_return=False)
        raised = self.pick(
            ("raise ExceptionGroup('g', [ValueError(a), KeyError(b), TypeError()])", "raise KeyError(c)", "pass")
        )
        text = f"try:\n    {raised}\n{self.block(scope.inner())}"
        for error in (("ValueError",), ("KeyError", "(TypeError, ValueError)"))[self.number(1)]:
            text += f"\nexcept* {error} as group:\n{self.block(inner)}"
        return text + (f"\nfinally:\n{self.block(scope.inner())}" if self.one_in(4) else "")

    def manage(self, scope: Scope, prefix: str = "") -> str:
        first, second = f"Manager({self.number(1)})", self.pick(("", f", Manager({self.number(1)})", ", Manager(0) as (a, b)"))
        return f"{prefix}with {first} as {self.pick(NAMES)}{second}:\n{self.block(scope.inner())}"

    def match(self, scope: Scope) -> str:
        text = f"match {self.pick((self.expression(), 'Pair(a, b)', '(a, b, c)', '{1: a, 2: b}', 'a'))}:"
        for pattern in [self.pick(PATTERNS) for _ in range(1 + self.number(2))]:
            text += f"\n    case {pattern}:\n" + textwrap.indent(self.block(scope.inner()), "    ")
        return text + ("\n    case _:\n        b = 5" if self.number(1) else "")

    def nested(self, scope: Scope) -> str:
        kind = self.pick((FUNCTION, FUNCTION, GENERATOR, COROUTINE, ASYNC_GENERATOR))
        name, outer = f"inner_{scope.depth}", self.pick(("", "nonlocal c", "global shared"))
        header = {"": "a=a, b=b, c=c", "nonlocal c": "a=a, *, b=b", "global shared": "a=a, b=b, *rest, c=c, **more"}[outer]
        decorator = self.pick(("", "@passing\n", f"@labelled({self.expression(1)})\n@passing\n"))
        body = f"    {outer}\n" if outer else ""
        body += "    shared = (a, b)\n" if outer == "global shared" else ""
        body += self._started(kind) + self.block(Scope(kind=kind, depth=scope.depth + 1, nested=True)) + self._ending(kind)
        call = f"{self.pick(NAMES)} = drive({name}(), {self.pick(MOVES)!r})"
        return f"{decorator}{self._keyword(kind)} {name}({header}):\n{body}\n{call}"

    def classes(self, scope: Scope) -> str:
        name, base = f"Class_{scope.depth}", self.pick(("", "(Pair)", "(Pair, metaclass=type)"))
        body = f"    at = {self.expression(1)}\n    for step in range(2): more = step\n"
        body += self.pick(("", "    @property\n", "    @staticmethod\n    @passing\n", "    @classmethod\n"))
        body += f"    def method(self=1, b=b, c=c):\n        a = {self.pick(('self', '__class__', '1', 'super().__init__'))}\n"
        body += textwrap.indent(self.block(Scope(kind=FUNCTION, depth=scope.depth + 2, nested=True)), "    ")
        use = self.pick(
            ("{n} = {k}.method", "{n} = {k}.method(1)", "{n} = {k}(1, 2).method", "{n} = {k}.at", "{n} = {k}.__name__")
        )
        return f"class {name}{base}:\n{body}\n{use.format(n=self.pick(NAMES), k=name)}"

    def typed(self, scope: Scope) -> str:
        return self.pick(TYPED).format(n=self.pick(NAMES), d=scope.depth, e=self.expression(1))

    def bulk(self, scope: Scope) -> str:
        """Operands beyond 255: prefixes in front of jumps, constants, names and locals, and jumps about to need one."""
        self._bulk += 1
        count = BULK // self.pick((1, 3, 8, 16))
        one = self.pick(
            (
                "c = num(c) + {k}",
                "v{n} = {k}; c = v{n}",
                "o.n{n} = a",
                "a, b = b, a",
                "if num(a) == {k}: c = {k}",
                "b = [v for v in (a,)]",
            )
        )
        body = "\n".join(one.format(k=n + 1000, n=n) for n in range(count))
        inner = textwrap.indent(body, "    ") + "\n" + self.block(scope.inner(loop=True))
        shape = self.pick(("for a in (1, 2):", "t = 2\nwhile t:\n    t -= 1"))
        return f"o = Pair(a, b)\n{shape}\n{inner}"

    # Programs.

    def _keyword(self, kind: str) -> str:
        return "async def" if kind in {COROUTINE, ASYNC_GENERATOR} else "def"

    def _started(self, kind: str) -> str:
        return "    yield 0\n" if kind in {GENERATOR, ASYNC_GENERATOR} else ""

    def _ending(self, kind: str) -> str:
        return "\n    yield a, b, c" if kind == ASYNC_GENERATOR else "\n    return a, b, c"

    def program(self) -> str:
        kind = self.pick((FUNCTION, GENERATOR, COROUTINE, ASYNC_GENERATOR))
        scope = Scope(kind=kind)
        body = "\n".join(self.statement(scope) for _ in range(1 + self.number(2)))
        declared = "    global shared\n" if self.one_in(4) else ""
        function = f"{self._keyword(kind)} f(a, b, c):\n{declared}{self._started(kind)}{textwrap.indent(body, '    ')}"
        cases = [f"lambda: drive(f({given}), {self.pick(MOVES)!r})" for given in ("1, 2, 3", "0, 'x', [5]")]
        return f"shared = None\n{function}{self._ending(kind)}\nCASES = [{', '.join(cases)}]\n"


SIMPLE = (
    "{n} = {e}",
    "{n} = num({e})",
    "{n} = num({n}); {n} += num({e})",
    "a, *b = {e}, {g}, 1",
    "a, (b, c) = {e}, ({g}, 2)",
    "assert {e}, {g}",
    "pass",
    "g = lambda: {n}; {n} = g() or {e}",
    "del {n}; {n} = {g}",
    "o = Pair({e}, {g}); o.left, o.right = o.right, {n}; del o.left",
    "d = [1, 2, 3]; d[0] = {e}; d[1:2] = [{g}]; del d[-1]; {n} = d",
    "noted: int = {e}",
    "import math as m; from math import floor, pi as p; {n} = floor(p)",
    "print({e}, {g})",
    "if {e}: raise ValueError({g})",
    "{n} = [({g}, v) for v in range(3) for w in (1, 2) if {n}]",
)
PATTERNS = (
    "int(x) if x > 2",
    "0 | 1 | 'x'",
    "[_, *b]",
    "(a, b, c)",
    "Pair(left=x, right=[*_])",
    "Pair(x, y) if num(x)",
    "{1: a, **more}",
    "None | True",
    "str() | bytes() as b",
    "[int(), str() | float() as c, *_]",
    "-2 | 2j | 3.5",
)
MOVES = ("n", "nsntsn", "nt", "nnc", "ssst", "nnts")
TYPED = (
    "def typed_{d}[T: (int, str), *Ts, **P](v: T, *r: *Ts) -> T:\n    return v, T\n{n} = num(typed_{d}({e}))",
    "class Typed_{d}[T]:\n    held: T = {e}\n    def of(self, v: T): return v\n{n} = Typed_{d}[int]().of({e})",
    "type Alias_{d}[T] = list[T] | {n}\n{n} = str(Alias_{d})",
)


@st.composite
def programs(draw: Callable[[st.SearchStrategy[int]], int]) -> str:
    """Sources of programs."""
    return Author(draw).program()
