"""Owns how the corpus is run and watched: outcomes, tracebacks with columns, line events, and a stand-in for the runtime.

Handed out by `_fixtures.py`. The snippets beside it are read as text; each ends with ``CASES``, a list
of callables whose results and exceptions are compared.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import re
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.sequences import DOOR, GUARD, ONCE, RUNTIME, slot_name
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest

FOLDER = Path(__file__).parent
FILE = "corpus/snippet.py"
NEEDS = {"type_parameters": (3, 12), "lazy_annotations": (3, 14)}
"""Snippets that older interpreters cannot compile."""

GUARDED = (NameError, RecursionError, MemoryError, TypeError, AttributeError, IndexError)


def snippets() -> dict[str, str]:
    """Every snippet that this interpreter can compile, by name."""
    found = {path.stem: path.read_text() for path in sorted(FOLDER.glob("[!_]*.py"))}
    found["extended_arguments"] = extended_arguments(40)
    found["long_jumps"] = long_jumps()
    return {name: text for name, text in found.items() if sys.version_info >= NEEDS.get(name, (3, 11))}


def extended_arguments(statements: int) -> str:
    """Operands over 255 in every kind of instruction that a hook may precede: names, constants, locals, jumps."""
    fill = [f"    v{n} = {n + 1000}" for n in range(280)]
    work = []
    for n in range(240, 240 + statements):
        work += [
            f"        v{n} += a{n}.b{n} * {n + 3000} if flag else g(v{n}, k{n}=v{n})",
            f"        a{n}.b{n} = v{n} = v{n} + {n + 5000}",
        ]
    body = ["def f(flag):", *fill, "    total = 0", "    for i in range(2):", *work, "        total += v279", "    return total"]
    names = [f"a{n} = N()\na{n}.b{n} = {n}" for n in range(240, 240 + statements)]
    tail = ["def g(*args, **options): return len(options)", "CASES = [lambda: f(True), lambda: f(False)]"]
    return "\n".join(["class N: pass", *names, *body, *tail])


def long_jumps() -> str:
    """Jumps so near to 255 units, forward and back, that a hook makes them need a prefix; some that need one already."""
    lines = ["def f(n, flag):", "    t = 0", "    while n:", "        n -= 1"]
    for size in (1, 30, 62):
        lines += ["        if flag:", *(f"            t = t + {size + k % 3}" for k in range(size)), "        else:", "            t -= 1"]
        lines += ["        for i in (1, 2):", *(f"            t = t - {k % 5}" for k in range(size)), "        try:"]
        lines += ["            if t % 7 == 3: raise KeyError(t)", *("            t += 1" for _ in range(size)), "        except KeyError:"]
        lines += [*("            t -= 1" for _ in range(size)), "            continue"]
    return "\n".join([*lines, "    return t", "CASES = [lambda: f(3, True), lambda: f(3, False), lambda: f('x', True)]"])


def requests_everywhere(code: types.CodeType, policy: Policy) -> list[HookRequest]:
    """A hook before every instruction of every function where one may stand."""
    found: list[HookRequest] = []
    for _, inner in walk(code):
        if not is_function(inner):
            continue
        digest = code_digest(inner)
        for offset in sorted(hook_offsets(inner)):
            found.append(
                HookRequest(
                    id=f"corpus/{policy.value}/{len(found) + 1}",
                    feature="feature",
                    policy=policy,
                    code=code_id(FILE, inner),
                    digest=digest,
                    offset=offset,
                )
            )
    return found


def parts(requests: list[HookRequest], most: int = 20) -> list[list[HookRequest]]:
    """The requests, dealt out so that no function gets more than ``most`` hooks at once.

    Above some 2,000 units 3.13 reports a line once more where an exception enters a handler, in any code, hooked or not
    (Python/instrumentation.c, COMPUTED_LINE_LINENO_CHANGE): with a hook before every instruction, functions get there.
    """
    dealt: dict[object, int] = {}
    found: list[list[HookRequest]] = []
    count = -(-max(Counter(one.code for one in requests).values(), default=0) // most)
    for one in requests:
        number = dealt[one.code] = dealt.get(one.code, -1) + 1
        while len(found) <= number % count:
            found.append([])
        found[number % count].append(one)
    return found


def renamed(request: HookRequest, prefix: str) -> HookRequest:
    """The same request under an id that no other snippet has."""
    return replace(request, id=f"{prefix}/{request.id.rpartition('/')[2]}")


def positions(error: BaseException | None, seen: frozenset[int] = frozenset()) -> list[object]:
    """Type, text and every frame's positions of an exception of a snippet, and the same of all that hang on it."""
    if error is None or id(error) in seen:
        return []
    frames, traceback = [], error.__traceback__
    while traceback:
        code = traceback.tb_frame.f_code
        if code.co_filename != __file__:
            where = list(code.co_positions())[traceback.tb_lasti // 2]
            frames.append((code.co_name, traceback.tb_lineno, where))
        traceback = traceback.tb_next
    seen |= {id(error)}
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    hanging = [positions(other, seen) for other in (error.__cause__, error.__context__, *inner)]
    return [type(error).__name__, str(error), frames, hanging]


@dataclass
class Behaviour:
    """What a snippet did: the outcome of its module and of each case, run after run, and the events that were seen."""

    outcomes: list[object] = field(default_factory=list)
    events: list[tuple[str, str, int | None]] = field(default_factory=list)

    def lines(self) -> list[tuple[str, str, int | None]]:
        """The events without those of exceptions: a hook whose runtime is missing raises and catches one of its own."""
        return [event for event in self.events if event[0] != "exception"]


def _outcome(call: Callable[[], object]) -> object:
    try:
        # Objects' addresses are no behaviour.
        return re.sub(r" at 0x[0-9a-f]+", "", repr(call()))
    except RecursionError as error:
        return type(error).__name__
    except Exception as error:
        return positions(error)


def behave(code: types.CodeType, *, runs: int = 2, trace: bool = True) -> Behaviour:
    """Run a snippet and all its cases, each ``runs`` times, under ``sys.settrace`` if told."""
    behaviour = Behaviour()

    def tracer(frame: types.FrameType, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename != code.co_filename:
            return None
        behaviour.events.append((event, frame.f_code.co_name, frame.f_lineno))
        return tracer

    namespace: dict[str, object] = {"__name__": "snippet"}
    before = sys.gettrace()
    if trace:
        sys.settrace(tracer)
    try:
        exec(code, namespace)
        for _ in range(runs):
            for case in namespace["CASES"]:
                behaviour.outcomes.append(_outcome(case))
    finally:
        if trace:
            sys.settrace(before)
    return behaviour


def behave_monitored(code: types.CodeType, names: tuple[str, ...]) -> list[tuple[object, ...]]:
    """The raw ``sys.monitoring`` events with these names that another tool sees; instruction offsets are left out."""
    monitoring = sys.monitoring
    seen: list[tuple[object, ...]] = []
    tool = 2
    monitoring.use_tool_id(tool, "corpus")
    chosen = [getattr(monitoring.events, name) for name in names]

    def watch(name: str) -> Callable[..., object]:
        def callback(watched: types.CodeType, detail: object, *_: object) -> None:
            if watched.co_filename == code.co_filename:
                seen.append((name, watched.co_name, detail if name == "LINE" else None))

        return callback

    for name, event in zip(names, chosen, strict=True):
        monitoring.register_callback(tool, event, watch(name))
    try:
        monitoring.set_events(tool, sum(chosen))
        behave(code, trace=False)
    finally:
        monitoring.set_events(tool, 0)
        for event in chosen:
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)
    return seen


class Door:
    """What ``__meterize__`` is: something with ``counts``."""

    def __init__(self) -> None:
        self.counts: list[int] = []


class StandIn:
    """The runtime's contract with rewritten code, and nothing more: arms tables, counts fires by hook id."""

    TOOL = 4

    def __init__(self, tool: int = TOOL) -> None:
        self.tool = tool
        self.door = Door()
        self.tables: list[tuple[object, ...]] = []
        self.slots: dict[str, int] = {}
        self.once: dict[str, int] = {}
        self._places: dict[tuple[int, int], list[str]] = {}
        self._codes: list[types.CodeType] = []

    def arm(self, table: tuple[object, ...]) -> None:
        """Called by a module's prologue."""
        self.tables.append(table)
        module = sys._getframe(1).f_code
        for hook_id, _, _, mechanism, path, offset, extra in table[4]:
            code = module
            for index in path:
                code = code.co_consts[index]
            getattr(self, "_" + mechanism.replace("-", "_"))(code, hook_id, offset, extra)

    def _inline(self, code: types.CodeType, hook_id: str, offset: int, extra: int) -> None:
        self.slots.setdefault(hook_id, len(self.door.counts))
        self.door.counts.append(0)
        setattr(builtins, slot_name(hook_id), self.slots[hook_id])

    def _in_place(self, code: types.CodeType, hook_id: str, offset: int, extra: int) -> None:
        self._places.setdefault((id(code), offset), []).append(hook_id)
        self._codes.append(code)

    def _monitoring(self, code: types.CodeType, hook_id: str, offset: int, extra: int) -> None:
        self._in_place(code, hook_id, offset, extra)
        sys.monitoring.set_local_events(self.tool, code, sys.monitoring.events.INSTRUCTION)

    def on_instruction(self, code: types.CodeType, offset: int) -> object:
        """The monitoring callback."""
        for hook_id in self._places.get((id(code), offset), ()):
            self.once[hook_id] = self.once.get(hook_id, 0) + 1
        return sys.monitoring.DISABLE

    def call_once(self, hook_id: str) -> None:
        """``__meterize_once__``: write JUMP_FORWARD over the NOP in front of the call."""
        self.once[hook_id] = self.once.get(hook_id, 0) + 1
        code = sys._getframe(1).f_code
        for (key, offset), ids in self._places.items():
            if key == id(code) and hook_id in ids:
                ctypes.c_ubyte.from_address(id(code) + types.CodeType.__basicsize__ + offset).value = JUMP_FORWARD

    def fired(self) -> dict[str, int]:
        """Uses by hook id, of hooks that fired at all."""
        counted = {hook_id: self.door.counts[slot] for hook_id, slot in self.slots.items()}
        return {hook_id: uses for hook_id, uses in (counted | self.once).items() if uses}


JUMP_FORWARD = 110
"""Lib/opcode.py of 3.11, the only version where a hook retires in place."""


@contextlib.contextmanager
def runtime_present(*, beside: bool = False) -> Iterator[StandIn]:
    """The stand-in in place of the runtime: as module and in ``builtins``; ``beside``: the real one has armed and comes back."""
    stand_in = StandIn(StandIn.TOOL - 1 if beside else StandIn.TOOL)
    module = types.ModuleType(RUNTIME)
    module.arm = stand_in.arm
    before = sys.modules.get(RUNTIME)
    sys.modules[RUNTIME] = module
    names = {DOOR: stand_in.door, ONCE: stand_in.call_once, GUARD: GUARDED}
    displaced = {name: getattr(builtins, name) for name in names if hasattr(builtins, name)}
    for name, value in names.items():
        setattr(builtins, name, value)
    if hasattr(sys, "monitoring"):
        sys.monitoring.use_tool_id(stand_in.tool, "stand-in")
        sys.monitoring.register_callback(stand_in.tool, sys.monitoring.events.INSTRUCTION, stand_in.on_instruction)
    try:
        yield stand_in
    finally:
        if hasattr(sys, "monitoring"):
            sys.monitoring.register_callback(stand_in.tool, sys.monitoring.events.INSTRUCTION, None)
            for code in stand_in._codes:
                sys.monitoring.set_local_events(stand_in.tool, code, 0)
            sys.monitoring.free_tool_id(stand_in.tool)
        for name in (*names, *map(slot_name, stand_in.slots)):
            delattr(builtins, name)
        for name, value in displaced.items():
            setattr(builtins, name, value)
        _restore_module(before)


@contextlib.contextmanager
def runtime_missing() -> Iterator[None]:
    """No runtime: importing it fails, and ``builtins`` has none of its names."""
    before = sys.modules.get(RUNTIME)
    sys.modules[RUNTIME] = None
    try:
        yield
    finally:
        _restore_module(before)


def _restore_module(before: types.ModuleType | None) -> None:
    if before is None:
        sys.modules.pop(RUNTIME, None)
    else:
        sys.modules[RUNTIME] = before
