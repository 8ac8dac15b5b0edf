"""The process of real_programs.py that runs one program of pyperformance, with modules that were compiled before.

    real_program.py SCRIPT FOLDER list               the modules that it imports, as JSON
    real_program.py SCRIPT FOLDER time ROUNDS        CPU seconds a turn, in so many rounds, as JSON
    real_program.py SCRIPT FOLDER count BENCHMARK N  so many turns, for callgrind, which collects nothing before them

FOLDER holds MODULE.pyc for each module that is to come from there; the script's own is ``__main__``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    Turns = Callable[[int], object]
    """Runs a benchmark so many times."""

WARM_UPS = 20
"""Turns until instructions are specialised and every hook that can has fired."""
LEAST_SECONDS = 0.15
"""A sample takes so long at least."""


def main() -> None:
    script, folder, what, *more = sys.argv[1:]
    import meterize_hooks  # noqa: F401  # what the runtime imports is the same in every variant

    before = set(sys.modules)
    serve(folder)
    benchmarks = load_program(script, folder)
    if what == "list":
        turns = {name: warm_up(run) for name, run in benchmarks.items()}
        loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in before}
        print(as_json({"modules": {**loaded, "__main__": script}, "turns": turns}))
    elif what == "time":
        print(as_json({"seconds": measure(benchmarks, int(more[0])), "fired": fired()}))
    else:
        count(benchmarks[more[0]], int(more[1]))


def serve(folder: str) -> None:
    """Import modules from ``folder`` that are there."""
    import marshal
    from importlib.machinery import PathFinder, SourceFileLoader

    present = set(os.listdir(folder))  # noqa: PTH208 - pathlib is one of the modules to be served

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType:
            with open(f"{folder}/{fullname}.pyc", "rb") as file:  # noqa: PTH123
                code: CodeType = marshal.loads(file.read()[16:])
            return code

    class Finder:
        @staticmethod
        def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
            if f"{name}.pyc" not in present:
                return None
            spec = PathFinder.find_spec(name, path, target)
            assert spec is not None
            assert spec.origin is not None
            spec.loader = Loader(name, spec.origin)
            return spec

    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]


def load_program(script: str, folder: str) -> dict[str, Turns]:
    """What the script would have pyperf measure, by name."""
    import pyperf

    found: dict[str, Turns] = {}

    def noting(repeat: Callable[..., object]) -> Callable[..., None]:
        def note(_runner: object, name: str, function: Callable[..., object], *args: object, **_options: object) -> None:
            found[name] = lambda turns: repeat(turns, function, *args)

        return note

    pyperf.Runner.bench_func = noting(call)
    pyperf.Runner.bench_async_func = noting(call_in_loop)
    pyperf.Runner.bench_time_func = noting(lambda turns, function, *args: function(turns, *args))
    sys.argv = [script]
    sys.path[0] = os.path.dirname(script)  # noqa: PTH120
    run_as_main(script, folder)
    return found


def call(turns: int, function: Callable[..., object], *args: object) -> None:
    for _ in range(turns):
        function(*args)


def call_in_loop(turns: int, function: Callable[..., Any], *args: object) -> None:
    import asyncio

    for _ in range(turns):
        asyncio.run(function(*args))


def run_as_main(script: str, folder: str) -> None:
    import marshal
    from types import ModuleType

    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = script
    served = f"{folder}/__main__.pyc"
    if os.path.exists(served):  # noqa: PTH110
        with open(served, "rb") as file:  # noqa: PTH123
            code = marshal.loads(file.read()[16:])
    else:
        with open(script, "rb") as file:  # noqa: PTH123
            code = compile(file.read(), script, "exec", dont_inherit=True)
    exec(code, module.__dict__)


def measure(benchmarks: dict[str, Turns], rounds: int) -> dict[str, float]:
    """CPU seconds a turn: the median of the rounds."""
    import gc
    from time import process_time

    found = {}
    for name, run in benchmarks.items():
        turns = warm_up(run)
        samples = []
        for _ in range(rounds):
            gc.collect()
            began = process_time()
            run(turns)
            samples.append((process_time() - began) / turns)
        found[name] = sorted(samples)[len(samples) // 2]
    return found


def warm_up(run: Turns) -> int:
    """The turns that make a sample."""
    from time import process_time

    run(1)
    began = process_time()
    run(1)
    once = max(process_time() - began, 1e-7)
    enough = int(LEAST_SECONDS / once) + 1
    for _ in range(min(WARM_UPS, enough)):
        run(1)
    return enough


def count(run: Turns, turns: int) -> None:
    """The turns with callgrind's eyes open. Nothing that follows is counted."""
    import gc
    import subprocess

    for _ in range(min(WARM_UPS, 2 + 3 * turns)):
        run(turns // WARM_UPS + 1)
    gc.collect()  # when the next one is due must not depend on what was allocated up to here
    control = ["callgrind_control", "--instr=on", str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run(turns)
    os._exit(0)


def fired() -> list[int]:
    """How many hooks fired, and how many there are: none in the bare program."""
    import builtins

    door: Any = getattr(builtins, "__meterize__", None)
    uses = list(door.snapshot().values()) if door is not None else []
    return [sum(map(bool, uses)), len(uses)]


def as_json(value: object) -> str:
    import json

    return json.dumps(value)


if __name__ == "__main__":
    main()
