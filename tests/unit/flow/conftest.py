"""Functions of every control-flow shape, each with calls that walk through it in different ways."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import pytest


@dataclass(frozen=True)
class Shape:
    """A snippet that defines ``run``; each of ``arguments`` is one call of it."""

    name: str
    source: str
    arguments: tuple[object, ...]

    def define(self) -> Callable[[object], object]:
        scope: dict[str, object] = {"asyncio": asyncio}
        exec(compile(textwrap.dedent(self.source), f"<{self.name}>", "exec", dont_inherit=True), scope)
        run = scope["run"]
        assert isinstance(run, FunctionType)
        return run


def _long_body(statements: int) -> str:
    lines = "\n".join(f"        total += {number} * x" for number in range(statements))
    return f"def run(x):\n    total = 0\n    for x in range(x):\n{lines}\n    return total\n"


NEWER = {
    "type-parameters": ((3, 12), "def run(x):\n    def f[T: int, *Us](a: T): return a\n    return f(x) or 1\n"),
    "defaults": ((3, 13), "def run(x):\n    class C[T: int = bool, *Us = ()]:\n        a: T = x\n    return C.a or 1\n"),
    "templates": (
        (3, 14),
        """def run(x):\n    return len(t"{x}{x!r}{x!s:>4}{x:4}{x!a:{x}}{x=}{x=!s}".values) if x else t""\n""",
    ),
}

SHAPES = (
    Shape("straight", "def run(x):\n    y = x + 1\n    return y\n", (1,)),
    Shape(
        "branches",
        """
        def run(x):
            if x > 2 and x < 9 or x == 20:
                return "a" if x % 2 else "b"
            elif x:
                y = 1
            else:
                y = 2
            assert y
            return y
        """,
        (0, 1, 3, 4, 20),
    ),
    Shape(
        "loops",
        """
        def run(x):
            total = 0
            for a in range(x):
                if a == 3:
                    continue
                for b in range(a):
                    if b == 5:
                        break
                    total += b
                else:
                    total += 1
            while total > 10:
                total -= 3
                while total % 2:
                    total -= 1
            return total
        """,
        (0, 1, 4, 9),
    ),
    Shape(
        "exceptions",
        """
        def run(x):
            z = 0
            for value in x:
                try:
                    try:
                        y = 1 / value
                    except ZeroDivisionError as error:
                        y = error
                        continue
                    else:
                        y = int(y)
                    finally:
                        z += 1
                except (TypeError, ValueError):
                    break
                except KeyError:
                    pass
            else:
                return z
            return None
        """,
        ((1, 0), ("a",), ()),
    ),
    Shape(
        "groups",
        """
        def run(x):
            try:
                if x:
                    raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
            except* ValueError as found:
                x = len(found.exceptions)
            except* KeyError:
                x += 5
            return x
        """,
        (0, 1),
    ),
    Shape(
        "reraise",
        """
        def run(x):
            try:
                try:
                    return {}[x]
                finally:
                    x += 1
            except KeyError:
                if x > 3:
                    raise
                return x
        """,
        (0, 7),
    ),
    Shape(
        "with",
        """
        import contextlib
        def run(x):
            with contextlib.suppress(ZeroDivisionError), contextlib.nullcontext(x) as y:
                if y == 3:
                    return "early"
                y = 1 / y
            return y
        """,
        (0, 1, 3),
    ),
    Shape(
        "comprehensions",
        """
        def run(x):
            squares = [a * b for a in range(x) if a % 2 for b in range(a)]
            names = {str(a): {b for b in range(a)} for a in squares}
            return sum(a for a in squares if a), names, (lambda: squares)()
        """,
        (0, 5),
    ),
    Shape(
        "match",
        """
        def run(x):
            match x:
                case {"k": [1, *rest], **others}:
                    return rest, others
                case [a, b] if a == b:
                    return a
                case int() | str():
                    return x
                case _:
                    return None
        """,
        ({"k": [1, 2]}, [1, 1], [1, 2], 5, None),
    ),
    Shape(
        "generator",
        """
        def run(x):
            def inner(n):
                for a in range(n):
                    try:
                        got = yield a
                    except ValueError:
                        return "stopped"
                    if got:
                        yield from range(got)
                return "done"
            source = inner(x)
            first = next(source, None)
            try:
                if x > 2:
                    source.send(2)
                    source.throw(ValueError)
                return first, list(source)
            except (StopIteration, ValueError) as end:
                return end.args
        """,
        (0, 2, 5),
    ),
    Shape(
        "coroutines",
        """
        def run(x):
            async def numbers(n):
                for a in range(n):
                    await asyncio.sleep(0)
                    yield a
            class Guard:
                async def __aenter__(self):
                    return self
                async def __aexit__(self, *error):
                    return x == 3
            async def main():
                total = 0
                async with Guard() as guard:
                    async for a in numbers(x):
                        if a == 2:
                            raise ValueError(a)
                        total += a
                    else:
                        total += 100
                    total += sum([b async for b in numbers(2)])
                return total
            try:
                return asyncio.run(main())
            except ValueError as error:
                return error.args
        """,
        (0, 2, 3, 4),
    ),
    *(Shape(name, source, (0, 3)) for name, (version, source) in NEWER.items() if sys.version_info >= version),
    Shape("loop-first", "def run(x):\n    while x:\n        x -= 1\n    return x\n", (0, 3)),
    Shape("long-jumps", _long_body(300), (0, 2)),
)


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.name)
def shape(request: pytest.FixtureRequest) -> Shape:
    return request.param
