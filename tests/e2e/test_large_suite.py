"""A suite of thousands of tests that each run hundreds of functions: memory stays bounded, in every process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MODULES, FUNCTIONS = 100, 20
FUNCTION = """\
def f{0}(x):
    if x % {1}:
        y = x + {0}
    else:
        y = x - {0}
    for step in (1, 2):
        y += step
    return y
"""
USE = "def use(x, wanted):\n    return sum(globals()[name](x) for name in wanted)\n"
NAMES = [f"m{number:03}" for number in range(MODULES)]
SUITE = f"""\
import random, unittest
from vast import special, {", ".join(NAMES)}
MODULES = [{", ".join(NAMES)}]
def work(number):
    chance = random.Random(number)
    for module in chance.sample(MODULES, 30):
        module.use(number, ["f%d" % chance.randrange({FUNCTIONS}) for _ in range(10)])
class Tests(unittest.TestCase):
"""
LAUNCHER = """\
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the largest of it and of all its children
print(used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
"""
ENOUGH_KB = {1_000: 200 * 1024, 10_000: 1024 * 1024}


@pytest.fixture
def vast(lab):
    """The package, installed."""
    files = {f"vast/{name}.py": "\n\n".join(FUNCTION.format(f, f + 2) for f in range(FUNCTIONS)) + USE for name in NAMES}
    files |= {"vast/__init__.py": "", "vast/special.py": "def feature(x):\n    return x * 2\n"}
    metadata = "vast-1.0.dist-info"
    files[f"{metadata}/METADATA"] = "Metadata-Version: 2.1\nName: vast\nVersion: 1.0\n"
    files[f"{metadata}/RECORD"] = "".join(f"{name},,\n" for name in files)
    for name, text in files.items():
        (lab.site / name).parent.mkdir(exist_ok=True)
        (lab.site / name).write_text(text)


def _write(path, numbers, extra):
    path.write_text(SUITE + "".join(f"    def test_{number}(self): work({number}){extra}\n" for number in numbers))


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
@pytest.mark.usefixtures("vast")
def test_memory_is_bounded(lab, count):
    few = count // 10
    _write(lab.work / "test_feature.py", range(few), "; special.feature(2)")
    _write(lab.work / "test_rest.py", range(few, count), "")
    command = lab.command(
        "analyze", "vast", "--feature", "x", "--with", "python -m unittest test_feature",
        "--without", "python -m unittest test_rest", "--json",
    )  # fmt: skip
    # A process of its own in between: a child's peak begins with that of whoever started it (Linux, fs/exec.c, exec_mmap).
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=lab.work,
        env=lab.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    answer, peak_kb, seconds = json.loads(done.stdout), *map(float, done.stderr.split()[-2:])
    assert [point["qualname"] for point in answer["hook_points"]] == ["feature"]
    assert [len(answer["selection"][side]) for side in ("feature_tests", "rest_tests")] == [few, count - few]
    assert peak_kb < ENOUGH_KB[count], f"{peak_kb / 1024:.0f} MB"
    print(f"{count} tests: {peak_kb / 1024:.0f} MB, {seconds:.0f} s")
