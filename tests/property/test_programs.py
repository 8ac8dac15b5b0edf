"""Programs that nobody thought of: hooks and probes everywhere change nothing, strip gives the original back."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meterize.cpython.identity import code_digest, walk
from meterize.cpython.instructions import assemble, decode
from meterize.cpython.pyc import compile_module, dump_pyc, load_pyc
from meterize.cpython.stack import depths
from meterize.model.feature import Policy
from meterize.rewriting import probe_module, rewrite_module

NAMES = ("a", "b", "c")
EXPRESSIONS = (
    "a + 1",
    "b * 2 - c",
    "10 // (a % 3)",
    "(a, b)[c % 3]",
    "a if b % 2 else -c",
    "a and b or c",
    "not a < b <= c",
    "[v + a for v in range(b % 4) if v != c]",
    "sum(v for v in (a, b, c) if v)",
    "{v: w for v, w in zip((a, b), (b, c))}.get(a, b)",
    "(lambda v, *, w=b: v + w + c)(a)",
    "f'{a!r:>4}{b}'.count('1')",
    "len([*(a, b), *[c]])",
    "max(a, b, key=lambda v: -v)",
)
ERRORS = ("ValueError", "KeyError", "ZeroDivisionError", "(IndexError, TypeError)", "Exception")
PRELUDE = """
class Manager:
    def __init__(self, swallow): self.swallow = swallow
    def __enter__(self): return self.swallow
    def __exit__(self, kind, error, traceback): return self.swallow
    async def __aenter__(self): return await Pause()
    async def __aexit__(self, kind, error, traceback):
        await Pause()
        return self.swallow

class Pause:
    def __await__(self): return (yield 7)

async def ticks(n):
    for i in range(n):
        await Pause()
        yield i

def drive(started):
    log = []
    if hasattr(started, "send"):
        try:
            value = started.send(None)
            while len(log) < 40:
                log.append(value)
                value = started.throw(KeyError(len(log))) if len(log) == 3 else started.send(len(log))
        except StopIteration as stop:
            log.append(stop.value)
        finally:
            started.close()
        return log
    return started
"""


class Context:
    """Where a statement stands: what the grammar allows there."""

    def __init__(self, kind: str, loop: bool = False, can_return: bool = True, depth: int = 0) -> None:
        self.kind, self.loop, self.can_return, self.depth = kind, loop, can_return, depth

    def inner(self, *, loop: bool | None = None, can_return: bool | None = None) -> Context:
        return Context(
            self.kind,
            self.loop if loop is None else loop,
            self.can_return if can_return is None else can_return,
            self.depth + 1,
        )


expressions = st.sampled_from(EXPRESSIONS)
names = st.sampled_from(NAMES)


@st.composite
def simple(draw, context):
    choices = [
        "{n} = {e}",
        "{n} += {e}",
        "a, *b_rest = {e}, {f}",
        "assert {e}, {f}",
        "pass",
        "g = lambda: {n}; {n} = g() or {e}",
    ]
    choices += ["if {e}: raise ValueError({f})", "raise KeyError({e})"] if draw(st.integers(0, 3)) == 0 else []
    if context.can_return:
        choices.append("if {e}: return {f}")
    if context.loop:
        choices += ["if {e}: break", "if {e}: continue"]
    if context.kind == "generator":
        choices += ["{n} = yield {e}", "yield {e}", "{n} = (yield from [{e}, {f}]) or {f}"]
    if context.kind == "coroutine":
        choices += ["{n} = await Pause() or {e}", "{n} = [v async for v in ticks(2)][0] + (await Pause() or 1)"]
    return draw(st.sampled_from(choices)).format(n=draw(names), e=draw(expressions), f=draw(expressions))


def block(draw, context):
    body = "\n".join(draw(st.lists(statement(context), min_size=1, max_size=2)))
    return textwrap.indent(body, "    ")


@st.composite
def statement(draw, context):
    if context.depth > 2:
        return draw(simple(context))
    shapes = ["simple", "simple", "simple", "if", "for", "while", "try", "finally", "star", "with", "match", "nested"]
    shapes += ["async for", "async with"] if context.kind == "coroutine" else []
    shape = draw(st.sampled_from(shapes))
    if shape == "simple":
        return draw(simple(context))
    return COMPOUND[shape](draw, context)


def shape_if(draw, context):
    body, other = block(draw, context.inner()), block(draw, context.inner())
    return f"if {draw(expressions)}:\n{body}\nelif {draw(expressions)}:\n{other}\nelse:\n{block(draw, context.inner())}"


def shape_for(draw, context, prefix=""):
    over = "ticks(3)" if prefix else draw(st.sampled_from(["range(3)", "(a, b, c)", "zip('ab', (1, 2))", "iter([1, 2])"]))
    text = f"{prefix}for {draw(names)} in {over}:\n{block(draw, context.inner(loop=True))}"
    return text + (f"\nelse:\n{block(draw, context.inner())}" if draw(st.booleans()) else "")


def shape_while(draw, context):
    counter = f"turns_{context.depth}"
    body = block(draw, context.inner(loop=True))
    return f"{counter} = 3\nwhile {counter} > 0:\n    {counter} -= 1\n{body}"


def shape_try(draw, context):
    name = draw(st.sampled_from(["", " as error"]))
    text = (
        f"try:\n{block(draw, context.inner())}\nexcept {draw(st.sampled_from(ERRORS))}{name}:\n{block(draw, context.inner())}"
    )
    if draw(st.booleans()):
        text += f"\nexcept LookupError:\n{block(draw, context.inner())}"
    if draw(st.booleans()):
        text += f"\nelse:\n{block(draw, context.inner())}"
    if draw(st.booleans()):
        text += f"\nfinally:\n{block(draw, context.inner())}"
    return text


def shape_finally(draw, context):
    return f"try:\n{block(draw, context.inner())}\nfinally:\n{block(draw, context.inner())}"


def shape_star(draw, context):
    # break, continue and return may not stand in an except* block, but the first two may in loops of its own.
    handler = block(draw, context.inner(loop=False, can_return=False))
    error = draw(st.sampled_from(["ValueError", "KeyError"]))
    return f"try:\n{block(draw, context.inner())}\nexcept* {error} as group:\n{handler}"


def shape_with(draw, context, prefix=""):
    return f"{prefix}with Manager({draw(st.booleans())}) as {draw(names)}:\n{block(draw, context.inner())}"


def shape_match(draw, context):
    first, second = block(draw, context.inner()), block(draw, context.inner())
    return (
        f"match {draw(expressions)}:\n    case int(x) if x > {draw(names)}:\n{textwrap.indent(first, '    ')}\n"
        f"    case 0 | [_, *_]:\n{textwrap.indent(second, '    ')}\n    case _:\n        {draw(names)} = 5"
    )


def shape_nested(draw, context):
    body = block(draw, Context("function", depth=context.depth + 1))
    return f"def inner(a=a, b=b, c=c):\n{body}\n    return a, b, c\n{draw(names)} = len(inner() or ())"


COMPOUND = {
    "if": shape_if,
    "for": shape_for,
    "while": shape_while,
    "try": shape_try,
    "finally": shape_finally,
    "star": shape_star,
    "with": shape_with,
    "match": shape_match,
    "nested": shape_nested,
    "async for": lambda draw, context: shape_for(draw, context, "async "),
    "async with": lambda draw, context: shape_with(draw, context, "async "),
}


@st.composite
def programs(draw):
    kind = draw(st.sampled_from(["function", "generator", "coroutine"]))
    body = "\n".join(draw(st.lists(statement(Context(kind)), min_size=1, max_size=3)))
    head = "async def" if kind == "coroutine" else "def"
    start = "    yield 0\n" if kind == "generator" else ""
    function = f"{head} f(a, b, c):\n{start}{textwrap.indent(body, '    ')}\n    return a, b, c"
    return f"{PRELUDE}\n{function}\nCASES = [lambda: drive(f(1, 2, 3)), lambda: drive(f(0, -1, 5)), lambda: drive(f(3, 0, 0))]"


def check_program(behaviour, source):
    try:
        code = compile_module(source.encode(), "program.py", 0)
    except Exception as error:  # the grammar above must not waste examples on programs that do not compile
        pytest.fail(f"{error}\n{source}")
    expected = behaviour.behave(code, runs=1)
    for _, inner in walk(code):
        assert_kept(inner)
    for policy in (Policy.ONCE, Policy.EVERY):
        requests = behaviour.requests_everywhere(code, policy)
        everywhere = hooked(behaviour, code, requests)
        with behaviour.runtime_present():
            assert behaviour.behave(everywhere, runs=1, trace=False).outcomes == expected.outcomes, source
        dealt = behaviour.parts(requests)
        some = hooked(behaviour, code, dealt[len(source) % len(dealt)])
        with behaviour.runtime_missing():
            seen = behaviour.behave(some, runs=1)
        assert (seen.outcomes, seen.lines()) == (expected.outcomes, expected.lines()), source
        with behaviour.runtime_present():
            seen = behaviour.behave(some, runs=1)
        assert (seen.outcomes, seen.events) == (expected.outcomes, expected.events), source
    probed, _ = probe_module(code, behaviour.FILE, 0)
    assert behaviour.behave(probed, runs=1).outcomes == expected.outcomes, source


def hooked(behaviour, code, requests):
    """By way of the bytes that are written."""
    new, _, _ = rewrite_module(code, behaviour.FILE, requests, distribution="corpus", version="1")
    return load_pyc(dump_pyc(new, b""))


def assert_kept(code):
    instructions = decode(code)
    assert assemble(code, instructions) == code
    assert max(depth for depth in depths(instructions) if depth is not None) <= code.co_stacksize
    assert code_digest(code) == code_digest(code.replace(co_firstlineno=code.co_firstlineno + 9, co_filename="elsewhere"))


QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],  # Phase.explain traces lines, as the test does
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@QUICK
@given(source=programs())
def test_hooks_and_probes_change_nothing(behaviour, source):
    check_program(behaviour, source)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(QUICK, max_examples=400, derandomize=False)
@given(source=programs())
def test_hooks_and_probes_change_nothing_in_many_programs(behaviour, source):
    check_program(behaviour, source)
