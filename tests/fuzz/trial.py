"""One program, untouched and hooked in each way, in a process of its own; what differs is the finding."""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import gc
import io
import os
import pickle
import random
import re
import resource
import signal
import sys
import types
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import company

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import hook_indices
from meterize.cpython.opcodes import RUN_AS_ONE
from meterize.cpython.pyc import dump_pyc, load_pyc
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.soundness import check_pyc

FILE = "program.py"
RUNTIME = "meterize_hooks"
MOST_HOOKS = 40
LONGEST_TEXT, LONGEST_OUTPUT, MOST_EVENTS = 400, 20_000, 30_000
SECONDS = 2.0
"""CPU time of the untouched program; hooked ones have four times that."""
MEMORY = 1 << 30
"""What a program may take."""
OTHER_PLACES = 30
LINES_REPEAT_ABOVE = 1900 if sys.version_info[:2] == (3, 13) else 1 << 30
"""Units from which on 3.13 reports a line once more where an exception enters a handler, in any code, hooked or not
(Python/instrumentation.c, COMPUTED_LINE_LINENO_CHANGE)."""
JOINS = sys.version_info[:2] == (3, 11)
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class TooLong(BaseException):
    """The untouched program has run too many lines."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What can be told of a run: outcomes of the module and its cases, what was printed, and what a tracer saw."""

    outcomes: list[object] = field(default_factory=list)
    output: str = ""
    events: list[tuple[str, str, int | None]] = field(default_factory=list)

    def lines(self) -> list[tuple[str, str, int | None]]:
        """Without exceptions: a hook whose runtime is missing raises and catches one of its own."""
        return [event for event in self.events if event[0] != "exception"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``same``, ``different``, ``crashed`` or ``endless`` once hooked; ``skipped`` where there is nothing to compare.

    ``finding`` says why; ``fired`` counts hooks that fired, of ``hooks`` put in.
    """

    kind: str
    finding: str = ""
    hooks: int = 0
    fired: int = 0

    @property
    def is_failure(self) -> bool:
        return self.kind not in {"same", "skipped"}


# In the child.


def _text(value: object) -> str:
    try:
        return ADDRESS.sub("", repr(value))[:LONGEST_TEXT]
    except Exception as error:
        return f"repr: {type(error).__name__}"


def _frames(error: BaseException) -> Iterator[object]:
    traceback = error.__traceback__
    while traceback:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILE:
            where = list(frame.f_code.co_positions())[traceback.tb_lasti // 2]
            variables = (
                {name: _text(value) for name, value in frame.f_locals.items()} if frame.f_code.co_name != "<module>" else {}
            )
            yield frame.f_code.co_name, traceback.tb_lineno, where, variables
        traceback = traceback.tb_next


def _describe(error: BaseException | None, seen: frozenset[int] = frozenset()) -> object:
    """Type, text, frames with positions and locals of an exception, and the same of all that hang on it."""
    if error is None or id(error) in seen:
        return None
    if isinstance(error, RecursionError):
        return "RecursionError"  # how deep it goes depends on the frames of the hooks
    seen |= {id(error)}
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    hanging = [_describe(other, seen) for other in (error.__cause__, error.__context__, *inner)]
    return type(error).__name__, _text(error), list(_frames(error)), hanging


def _outcome(call: Callable[[], object]) -> object:
    try:
        return _text(call())
    except TooLong:
        raise
    except BaseException as error:
        return _describe(error)


def _names(code: types.CodeType) -> dict[str, object]:
    from tests.fuzz import wild

    kept = dict(company.KEPT, chase=wild.chase)
    named = {name for _, inner in walk(code) for name in inner.co_names if re.fullmatch(r"name_\d", name)}
    return kept | {name: wild.StandIn() for name in sorted(named)} | {"__name__": "program"}


def observe(code: types.CodeType, *, trace: bool) -> Seen:
    """Run a program and its cases.

    What is garbage before ends before: an asynchronous generator that is let go closes itself, which a tracer sees.
    """
    gc.collect()
    seen, output = Seen(), io.StringIO()

    def tracer(frame: types.FrameType, event: str, _: object) -> object:
        if frame.f_code.co_filename != FILE:
            return None
        seen.events.append((event, frame.f_code.co_name, frame.f_lineno))
        if len(seen.events) > MOST_EVENTS:
            raise TooLong
        return tracer

    namespace = _names(code)
    with contextlib.redirect_stdout(output), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.disable()
        if trace:
            sys.settrace(tracer)
        try:
            seen.outcomes.append(_outcome(lambda: exec(code, namespace)))
            seen.outcomes += [_outcome(case) for _ in range(2) for case in namespace.get("CASES", ())]
        finally:
            sys.settrace(None)
            gc.enable()
    seen.output = ADDRESS.sub("", output.getvalue())[:LONGEST_OUTPUT]
    return seen


def _offsets(code: types.CodeType) -> list[int]:
    """Legal places, but those between instructions that 3.11 may run as one: an unbound variable of the second is then said to
    be at the first, and where it is if a hook stands between them (Python/ceval.c, LOAD_CONST__LOAD_FAST)."""
    instructions = decode(code)
    return [
        instructions[index].offset
        for index in hook_indices(instructions)
        if not (JOINS and (instructions[index - 1].name, instructions[index].name) in RUN_AS_ONE)
    ]


def choose_requests(code: types.CodeType, policy: Policy, chance: random.Random) -> list[HookRequest]:
    """Hooks at random legal places: at a few, at many, or at all of one function."""
    places = [(inner, offset) for _, inner in walk(code) if is_function(inner) for offset in _offsets(inner)]
    count = min(len(places), chance.choice((1, 3, 10, MOST_HOOKS, MOST_HOOKS)))
    chosen = [places[at] for at in sorted(chance.sample(range(len(places)), count))]
    digests = {id(inner): code_digest(inner) for inner in {id(inner): inner for inner, _ in chosen}.values()}
    return [
        HookRequest(
            id=f"fuzz/{policy.value}/{number}",
            feature="fuzz",
            policy=policy,
            code=code_id(FILE, inner),
            digest=digests[id(inner)],
            offset=offset,
        )
        for number, (inner, offset) in enumerate(chosen)
    ]


def _hook(code: types.CodeType, requests: list[HookRequest]) -> types.CodeType:
    """By way of the bytes that are written."""
    hooked, _, _ = rewrite_module(code, FILE, requests, distribution="fuzz", version="1")
    pyc = dump_pyc(hooked, b"")
    check_pyc(code, pyc)
    loaded = load_pyc(pyc)
    assert loaded is not None
    return loaded


def _difference(expected: Seen, seen: Seen, *, events: str | None) -> str:
    if expected.outcomes != seen.outcomes:
        pairs = zip(expected.outcomes, seen.outcomes, strict=False)
        number, (before, after) = next((n, pair) for n, pair in enumerate(pairs) if pair[0] != pair[1])
        return f"outcome {number}:\n  untouched {before}\n  hooked    {after}"
    if expected.output != seen.output:
        return f"output:\n  untouched {expected.output[-600:]!r}\n  hooked    {seen.output[-600:]!r}"
    if events is None:
        return ""
    before, after = (one.lines() if events == "lines" else one.events for one in (expected, seen))
    if before != after:
        number = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), len(before))
        around = slice(max(0, number - 3), number + 3)
        return f"event {number}:\n  untouched {before[around]}\n  hooked    {after[around]}"
    return ""


def _limit(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _longest(code: types.CodeType) -> int:
    return max(len(inner.co_code) // 2 for _, inner in walk(code))


def _compare(code: types.CodeType, chance: random.Random, tell: Callable[[object], None]) -> None:
    """Untouched first; then without a runtime, which must come before there is one; then with the real one."""
    _limit(SECONDS)
    traced, plain = observe(code, trace=True), observe(code, trace=False)
    again = observe(code, trace=False)
    if "RecursionError" in repr((plain.outcomes, again.outcomes)):
        tell(Verdict(kind="skipped", finding="recursion"))
        return
    if (plain.outcomes, plain.output) != (again.outcomes, again.output):
        tell(Verdict(kind="skipped", finding="unlike itself"))
        return
    tell("untouched")
    requests = {policy: choose_requests(code, policy, chance) for policy in (Policy.EVERY, Policy.ONCE)}
    hooked = {policy: _hook(code, found) for policy, found in requests.items()}
    sys.modules[RUNTIME] = None  # type: ignore[assignment] # importing it fails
    ways: list[tuple[str, Seen, Policy, str | None]] = [
        ("without a runtime", plain, Policy.EVERY, None),
        ("without a runtime, traced", traced, Policy.EVERY, "lines"),
        ("without a runtime", plain, Policy.ONCE, None),
        ("with the runtime", plain, Policy.EVERY, None),
        ("with the runtime", plain, Policy.ONCE, None),
        ("with the runtime, traced", traced, Policy.EVERY, "all"),
        ("with the runtime, traced", traced, Policy.ONCE, "all"),
    ]
    for way, expected, policy, events in ways:
        if way.startswith("with the") and sys.modules[RUNTIME] is None:
            del sys.modules[RUNTIME]
        _limit(4 * SECONDS)
        tell(f"{policy.value}, {way}")
        # A traced code object stays instrumented, and a hook that went away is gone: each way gets code of its own.
        seen = observe(load_pyc(dump_pyc(hooked[policy], b"")), trace=events is not None)
        finding = _difference(expected, seen, events=None if _longest(hooked[policy]) > LINES_REPEAT_ABOVE else events)
        if finding:
            unlike = _is_unlike_itself(code, expected, traced=events is not None)
            kind, finding = ("skipped", "unlike itself") if unlike else ("different", f"{policy.value}, {way}: {finding}")
            tell(Verdict(kind=kind, finding=finding))
            return
    counts = builtins.__meterize__.snapshot() if hasattr(builtins, "__meterize__") else {}
    tell(Verdict(kind="same", hooks=sum(map(len, requests.values())), fired=sum(map(bool, counts.values()))))


def _is_unlike_itself(code: types.CodeType, expected: Seen, *, traced: bool) -> bool:
    """Whether the untouched program differs where objects lie elsewhere: some count the digits of an address."""
    ballast = []
    for number in range(1, OTHER_PLACES + 1):
        ballast.append([bytearray(size) for size in range(0, 600, 8) for _ in range(number)])
        _limit(SECONDS)
        if _difference(expected, observe(code, trace=traced), events="all" if traced else None):
            return True
    return False


def _address_space() -> int:
    """Bytes that this process has: a parent with much in it (pytest's plugins) leaves its child as much room as any other."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _child(code: types.CodeType, seed: int, pipe: int) -> None:
    faulthandler.disable()  # a crash is told by how the process ends
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.freeze()  # what was there before the program is not looked through each time
    with open(pipe, "wb", closefd=False) as channel:

        def tell(what: object) -> None:
            pickle.dump(what, channel)
            channel.flush()

        try:
            _compare(code, random.Random(seed), tell)
        except TooLong:
            tell(Verdict(kind="skipped", finding="too long"))
        except BaseException as error:
            tell(Verdict(kind="different", finding=f"the trial itself: {error!r}"))


# In the parent.


def try_program(source: str) -> Verdict:
    """The verdict on one program; which hooks it gets follows from its text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, FILE, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError) as error:
        return Verdict(kind="skipped", finding=f"not compiled: {error}")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            devnull = os.open(os.devnull, os.O_RDWR)
            os.dup2(devnull, 2)
            _child(code, zlib.crc32(source.encode()), writing)
        finally:
            os._exit(0)
    os.close(writing)
    told = list(_heard(reading))
    _, status = os.waitpid(child, 0)
    return _judge(told, status)


def _heard(pipe: int) -> Iterator[object]:
    with open(pipe, "rb") as channel:
        while True:
            try:
                yield pickle.load(channel)
            except EOFError:
                return


def _judge(told: list[object], status: int) -> Verdict:
    if told and isinstance(told[-1], Verdict):
        return told[-1]
    if not told:
        return Verdict(kind="skipped", finding="endless" if os.WIFSIGNALED(status) else "stopped")
    signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    kind = "endless" if signalled == signal.SIGVTALRM else "crashed"
    return Verdict(kind=kind, finding=f"{told[-1]}: ended with {signal.Signals(signalled).name if signalled else status}")
