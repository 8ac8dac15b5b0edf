"""What stays of hooks that fired and removed themselves, in the programs of pyperformance: a hook at every function's entry.

python benchmarks/real_programs.py                     ratios of CPU time
python benchmarks/real_programs.py --callgrind         machine instructions (needs valgrind)
python benchmarks/real_programs.py deltablue richards  some of the programs
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measure import Report, Samples, Shown, clean_variables, options, run_worker, say, summarize, take_in_turns
from metered import DISTRIBUTION

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.errors import MeterizeError
from meterize.flow import build_graph
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module

PROGRAMS = (
    "async_generators", "chaos", "comprehensions", "coroutines", "deepcopy", "deltablue", "fannkuch", "float", "generators",
    "go", "hexiom", "json_dumps", "logging", "meteor_contest", "nbody", "nqueens", "pprint", "pyflate",
    "raytrace", "regex_compile", "richards", "richards_super", "scimark", "spectral_norm", "telco", "typing_runtime_protocols",
    "unpack_sequence", "xml_etree",
)  # fmt: skip
"""Those that need nothing but the standard library, no other process and no files that are gone when their script ends; whose
work is Python's, and no turn takes seconds."""
BARE, AGAIN, REMOVED = "bare", "bare, again", "removed"
WORKER = str(Path(__file__).with_name("real_program.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A script of pyperformance and its modules as .pyc files, bare and metered."""

    name: str
    script: Path
    turns: Mapping[str, int]
    """By benchmark: those that take some hundredths of a second."""
    folders: Mapping[str, Path]
    hooks: int


def prepare(name: str, folder: Path) -> Program:
    """Compile all that the program imports, with and without a hook at each function's entry."""
    spec = find_spec("pyperformance")
    if spec is None or spec.origin is None:
        raise SystemExit("pyperformance is not installed: pip install pyperformance")
    script = Path(spec.origin).parent / "data-files" / "benchmarks" / f"bm_{name}" / "run_benchmark.py"
    if not script.is_file():
        raise SystemExit(f"pyperformance has no {name}: {script}")
    folders = {variant: folder / name / variant for variant in (BARE, REMOVED)}
    for one in folders.values():
        one.mkdir(parents=True)
    found = json.loads(run_worker(WORKER, [str(script), str(folders[BARE]), "list"]))
    hooks = 0
    for module, file in found["modules"].items():
        if file and file.endswith(".py"):
            hooks += _compile(module, Path(file), folders)
    return Program(
        name=name,
        script=script,
        turns={key: max(1, most // 5) for key, most in found["turns"].items()},
        folders=folders,
        hooks=hooks,
    )


def _compile(module: str, file: Path, folders: Mapping[str, Path]) -> int:
    bare, metered, hooks = _compiled(module, file)
    (folders[BARE] / f"{module}.pyc").write_bytes(bare)
    if metered:
        (folders[REMOVED] / f"{module}.pyc").write_bytes(metered)
    return hooks


@cache
def _compiled(module: str, file: Path) -> tuple[bytes, bytes, int]:
    """The .pyc file, bare and metered, and its hooks; most modules are those of many programs."""
    source = file.read_bytes()
    code = compile_module(source, str(file), 0)
    entries = list(_entries(code, module))
    try:
        metered, sites, _ = rewrite_module(code, f"{module}.py", entries, distribution=DISTRIBUTION, version="1")
    except MeterizeError as error:
        say(f"{module}: {error}")
        return dump_pyc(code, source), b"", 0
    return dump_pyc(code, source), dump_pyc(metered, source), len(sites)


def _entries(code: Any, module: str) -> Iterator[HookRequest]:
    for number, (path, function) in enumerate(walk(code)):
        graph = build_graph(f"{module}.py", function)
        entry = next((block for block in graph.blocks if graph.begins_with(block) and block.hook_offset is not None), None)
        if path and graph.is_function and entry is not None and entry.hook_offset is not None:
            yield HookRequest(
                id=f"{DISTRIBUTION}/{module}/{number}",
                feature=module,
                policy=Policy.ONCE,
                code=code_id(f"{module}.py", function),
                digest=code_digest(function),
                offset=entry.hook_offset,
            )


def measure_time(program: Program, processes: int, rounds: int) -> Iterator[list[object]]:
    """A row for each benchmark of the program."""
    found: dict[str, list[dict[str, float]]] = {variant: [] for variant in (BARE, AGAIN, REMOVED)}
    fired: list[int] = [0, 0]

    def run(variant: str) -> float:
        nonlocal fired
        folder = program.folders[BARE if variant == AGAIN else variant]
        answer = json.loads(run_worker(WORKER, [str(program.script), str(folder), "time", str(rounds)]))
        found[variant].append(answer["seconds"])
        if variant == REMOVED:
            fired = answer["fired"]
        elif answer["fired"] != [0, 0]:
            raise SystemExit(f"{program.name}: the bare program has hooks")
        return 0.0

    take_in_turns({variant: lambda variant=variant: run(variant) for variant in found}, processes)  # type: ignore[misc]
    if not fired[0]:
        raise SystemExit(f"{program.name}: no hook fired")
    for name in program.turns:
        samples: Samples = {variant: [one[name] for one in found[variant]] for variant in found}
        base = samples[BARE]
        shown = (
            Shown(figure=summarize([one / other for one, other in zip(samples[variant], base, strict=True)]), pattern="{:.3f}×")
            for variant in (AGAIN, REMOVED)
        )
        yield [name, f"{fired[0]} of {program.hooks}", f"{1000 * statistics.median(base):.2f} ms", *shown]


def count_instructions(program: Program) -> Iterator[list[object]]:
    """A row for each benchmark of the program."""
    for name, turns in program.turns.items():
        bare, removed = (_collected(program, variant, name) for variant in (BARE, REMOVED))
        yield [name, program.hooks, f"{bare / turns / 1e6:.2f} M", f"{removed / bare:.4f}×"]


def _collected(program: Program, variant: str, benchmark: str) -> int:
    # Neither the order of sets nor the flushing thread may differ between two runs.
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as spool:
        fixed = {"PYTHONHASHSEED": "0", "METERIZE_SPOOL": spool, "METERIZE_HOOK_LIMIT": "16384"}
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", "--instr-atstart=no"]
        command = [
            *tool,
            sys.executable,
            WORKER,
            str(program.script),
            str(program.folders[variant]),
            "count",
            benchmark,
            str(program.turns[benchmark]),
        ]
        done = subprocess.run(command, env=clean_variables() | fixed, capture_output=True, text=True, check=False, timeout=1800)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found or not int(found[1]):
        raise SystemExit(f"{program.name}: {done.stderr[-2000:]}")
    return int(found[1])


def overall(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """The geometric mean and the worst of the last column."""
    ratios = {
        str(row[0]): row[-1].figure.median if isinstance(row[-1], Shown) else float(str(row[-1]).rstrip("×")) for row in rows
    }
    worst = max(ratios, key=ratios.__getitem__)
    blanks = [""] * (len(rows[0]) - 2)
    return [
        ["geometric mean", *blanks, f"{statistics.geometric_mean(ratios.values()):.4f}×"],
        [f"worst ({worst})", *blanks, f"{ratios[worst]:.4f}×"],
    ]


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}")
    parser.add_argument("--callgrind", action="store_true", help="count machine instructions instead (needs valgrind; slow)")
    given = parser.parse_args()
    processes, rounds = given.repeats or (2 if given.quick else 7), 2 if given.quick else 3
    report = Report("real_programs")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        for name in given.programs or PROGRAMS:
            program = prepare(name, Path(folder))
            say(f"{name}: {program.hooks} hooks")
            for row in count_instructions(program) if given.callgrind else measure_time(program, processes, rounds):
                say(f"  {row[0]}: {row[-1]}")
                rows.append(row)
    if given.callgrind:
        columns, note = ["", "hooks", "bare, a turn", "removed"], "machine instructions; all hooks that fire have fired before"
    else:
        columns = ["", "hooks fired", "bare, a turn", AGAIN, REMOVED]
        note = f"CPU time; median of {processes} processes, lowest to highest; “again” is the noise"
    report.add("Real programs, a hook at every function's entry, fired and removed", columns, rows + overall(rows), note)
    report.show(given)


if __name__ == "__main__":
    main()
