"""Programs over the whole grammar, from pysource-codegen: few would get far with real values, so names are stand-ins.

A stand-in can be called, iterated, awaited, entered, compared, raised …; what it answers follows from how often stand-ins were
asked before, so it is the same in each run. At some point they have had enough, and raise at every question.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable, Iterator

import pysource_codegen

NODES, DEPTH = 120, 8
ENOUGH = 600
"""Questions that stand-ins answer in one case."""


class Enough(BaseException):
    """Stand-ins have answered enough questions."""


class _Questions:
    def __init__(self) -> None:
        self.asked = 0

    def next(self) -> int:
        """A number that looks random; raises now and then, as real values do."""
        self.asked += 1
        if self.asked > ENOUGH:
            raise Enough
        answer = self.asked * 2654435761 % 4294967296 >> 16
        if answer % 37 == 36:
            raise (ValueError, KeyError, TypeError, StandIn)[answer // 37 % 4](self.asked)
        return answer


QUESTIONS = _Questions()


class StandIn(Exception):
    """Stands for any value, an exception too."""

    __match_args__ = ("name_0", "name_1", "name_2")
    __hash__ = Exception.__hash__

    def __call__(self, *given: object, **named: object) -> object:
        number = QUESTIONS.next()
        callables = [each for each in given if callable(each)]
        return callables[0](*given[1:2]) if callables and number % 3 == 0 else self

    def __getattr__(self, name: str) -> StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        QUESTIONS.next()
        return self

    def __iter__(self) -> Iterator[StandIn]:
        return iter([self] * (QUESTIONS.next() % 4))

    def __await__(self) -> Iterator[object]:
        return (yield QUESTIONS.next())

    def __aiter__(self) -> StandIn:
        QUESTIONS.next()
        return self

    async def __anext__(self) -> StandIn:
        if QUESTIONS.next() % 3 == 0:
            raise StopAsyncIteration
        return self

    def __exit__(self, *_: object) -> bool:
        return QUESTIONS.next() % 2 == 0

    async def __aenter__(self) -> StandIn:
        return await self

    async def __aexit__(self, *_: object) -> bool:
        await self
        return QUESTIONS.next() % 2 == 0

    def __format__(self, _: str) -> str:
        QUESTIONS.next()
        return "stand-in"

    def __repr__(self) -> str:
        return "stand-in"

    __str__ = __repr__


def _returns(make: Callable[[StandIn], object]) -> Callable[..., object]:
    def answer(self: StandIn, *_: object) -> object:
        QUESTIONS.next()
        return make(self)

    return answer


def _answer_operators() -> None:
    binary = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
    itself = [f"__{form}{name}__" for name in binary for form in ("", "r", "i")]
    itself += [f"__{name}__" for name in ["getitem", "neg", "pos", "invert", "lt", "le", "gt", "ge", "enter"]]
    for name in itself:
        setattr(StandIn, name, _returns(lambda self: self))
    for name in ["setitem", "delitem", "delattr"]:
        setattr(StandIn, f"__{name}__", _returns(lambda _: None))
    for name in ("__bool__", "__contains__", "__ne__"):
        setattr(StandIn, name, _returns(lambda _: QUESTIONS.asked % 3 == 0))
    for name in ("__len__", "__index__", "__int__"):
        setattr(StandIn, name, _returns(lambda _: QUESTIONS.asked % 5))


_answer_operators()


def stand_ins(count: int) -> list[StandIn]:
    """Fresh ones, for a case that begins."""
    QUESTIONS.asked = 0
    return [StandIn() for _ in range(count)]


def chase(function: Callable[..., object], drive: Callable[[object], object]) -> object:
    """What a function of a wild program does, and then the functions that it leaves in its locals."""
    done = drive(function(*stand_ins(6)))
    left = done[-1] if isinstance(done, list) and done else done
    found = [each for each in left.values() if callable(each) and hasattr(each, "__code__")] if isinstance(left, dict) else []
    for inner in found:
        code = inner.__code__
        named = dict.fromkeys(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount], StandIn())
        try:
            drive(inner(*stand_ins(code.co_argcount), **named))
        except Exception as error:  # the next one has its turn all the same
            repr(error)
    return done


def write(seed: int) -> str | None:
    """A program whose functions run generated statements; None where a module's statements fit into no function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            body = ast.parse(pysource_codegen.generate(seed, node_limit=NODES, depth_limit=DEPTH)).body
        except (SyntaxError, ValueError):  # before 3.12 some f-strings cannot be written down
            return None
        for parameters in ([f"name_{n}" for n in range(6)], []):
            for keyword in (("def", "async def"), ("async def", "def"))[seed % 2]:
                source = _wrap(body, keyword, parameters)
                if _compiles(source):
                    return source
    return None


class _Continuation(ast.NodeTransformer):
    """Lets functions go on with their next statement when one raises."""

    def guard(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [self._guarded(self.visit(one)) for one in body]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = self.guard(node.body)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _guarded(self, statement: ast.stmt) -> ast.stmt:
        if isinstance(statement, (ast.Global, ast.Nonlocal, ast.Return)):
            return statement
        handler = ast.parse("try: pass\nexcept Exception as caught: print(type(caught), caught)").body[0].handlers[0]
        return ast.Try(body=[statement], handlers=[handler], orelse=[], finalbody=[])


def _wrap(body: list[ast.stmt], keyword: str, parameters: list[str]) -> str:
    module = ast.fix_missing_locations(ast.Module(_Continuation().guard(copy.deepcopy(body)), []))
    text = "\n".join("    " + line for line in ast.unparse(module).splitlines())
    given = ", ".join(parameters) or "*_"
    return f"{keyword} f({given}):\n{text}\n    return locals()\nCASES = [lambda: chase(f, drive), lambda: chase(f, drive)]\n"


def _compiles(source: str) -> bool:
    try:
        compile(source, "wild.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
