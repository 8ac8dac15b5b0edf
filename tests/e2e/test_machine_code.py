"""A feature that lies in machine code: the call sites that are offered can be taken as they are."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from pathlib import Path

import pytest

PACKAGE = {
    "depot/__init__.py": """
try:
    from ._queue import Empty, SimpleQueue
except ImportError:
    from queue import Empty, SimpleQueue

def deliver(goods, urgent=False):
    store = SimpleQueue()
    for one in goods:
        store.put(one, urgent)
    return store

def count(store):
    return store.qsize()
""",
    "depot/cart.py": "def total(prices):\n    return sum(prices)\n",
}
TESTS = """
from depot import count, deliver
from depot.cart import total
def test_urgent(): assert count(deliver([1, 2], urgent=True)) == 2
def test_urgent_one(): assert count(deliver([1], urgent=True)) == 1
def test_slow(): assert count(deliver([1, 2])) == 2
def test_total(): assert total([1, 2]) == 3
"""


@pytest.fixture
def depot(lab, install):
    """A package with an extension module: one of the interpreter's, under its own name."""
    origin = Path(importlib.util.find_spec("_queue").origin or "built-in")
    if not origin.is_file():
        pytest.skip("the interpreter's extension modules are built in")
    install(lab.site, PACKAGE, name="depot")
    shutil.copyfile(origin, lab.site / "depot" / origin.name)
    (lab.work / "test_depot.py").write_text(TESTS)
    return origin.name


def analyze(lab, *options, code=0):
    run = "python -m pytest -q -p no:cacheprovider test_depot.py -k"
    words = ["--feature", "urgent", "--with", f"{run} urgent", "--without", f"{run} 'not urgent'"]
    return lab.ask("analyze", "depot", *words, "--cwd", lab.work, *options, code=code)


def test_the_call_sites_are_offered_and_can_be_taken(lab, depot):
    details = analyze(lab, code=1)["error"]["details"]
    assert f"compiled modules can carry no hook: depot/{depot}" in details
    assert (
        "called without any Python code of the package, since they are machine code: depot.Empty, depot.SimpleQueue" in details
    )
    [offered] = [detail for detail in details if detail.startswith("leads to depot._queue.SimpleQueue: ")]
    assert offered.endswith("(passed by 2 of 2 feature tests, and by 1 of 2 rest tests)")
    option, spot = shlex.split(offered.partition(": ")[2].partition(" (")[0])
    [point] = analyze(lab, option, spot)["hook_points"]
    assert (point["qualname"], point["covers"]) == ("deliver", ["test_depot.py::test_urgent", "test_depot.py::test_urgent_one"])
    lab.instrument(lab.work / "depot.urgent.plan.toml")
