"""Which functions a test enters: in which order, how often, and from where."""

from __future__ import annotations

from meterize.model.coverage import ENOUGH_CALLS

KITCHEN = {
    "shop/kitchen.py": """
def bake(dishes):
    return [knead(dish) for dish in dishes]

def knead(dish):
    return prepare(dish)

def prepare(dish):
    return dish.upper()

def serve(callback):
    return callback("soup")

def courses(count):
    for number in range(count):
        yield prepare(str(number))
"""
}


def calls_of(record):
    """By test: function, count, callers; in order."""
    return {
        test.id.rpartition("::")[2]: [
            (call.code.qualname, call.count, {caller and caller.qualname for caller in call.callers})
            for call in test.calls
            if not call.code.qualname.endswith("<listcomp>")
        ]
        for test in record.tests
    }


def test_order_counts_and_callers(suite):
    suite.install(KITCHEN)
    suite.write(
        test_kitchen="""
from shop import kitchen

def test_many(): assert kitchen.bake("abcdef")
def test_once(): assert kitchen.prepare("a")
def test_back_and_forth(): assert kitchen.serve(lambda dish: kitchen.prepare(dish))
def test_both_ways(): kitchen.prepare("a"), kitchen.knead("b")
def test_generator(): assert list(kitchen.courses(3))
def test_far_from_here():
    def deeper(depth):
        return deeper(depth - 1) if depth else kitchen.prepare("a")
    kitchen.serve(lambda dish: deeper(60))
"""
    )
    found = calls_of(suite.collect("python -m pytest -q test_kitchen.py"))
    inlined = {caller for _, _, callers in found["test_many"] for caller in callers} - {None, "bake", "knead"}
    assert found == {
        "test_many": [
            ("bake", 1, {None}),
            ("knead", ENOUGH_CALLS, inlined or {"bake"}),
            ("prepare", ENOUGH_CALLS, {"knead"}),
        ],
        "test_once": [("prepare", 1, {None})],
        "test_back_and_forth": [("serve", 1, {None}), ("prepare", 1, {"serve"})],
        "test_both_ways": [("prepare", 2, {None, "knead"}), ("knead", 1, {None})],
        "test_generator": [("courses", 1, {None}), ("prepare", 3, {"courses"})],
        "test_far_from_here": [("serve", 1, {None}), ("prepare", 1, {None})],
    }


def test_children_and_repeated_tests_add_up(suite):
    suite.install(KITCHEN)
    suite.write(
        test_kitchen="""
import os
from shop import kitchen

def in_child(use):
    process = os.fork()
    if not process:
        use()
        os._exit(0)
    os.waitpid(process, 0)

def test_forked():
    kitchen.prepare("a")
    in_child(lambda: kitchen.knead("b"))

def test_afterwards():
    in_child(lambda: kitchen.prepare("c"))
"""
    )
    found = calls_of(suite.collect("python -m pytest -q test_kitchen.py"))
    # What a process marked after its last line is known without its calls, however it ended: the forked ones leave by os._exit.
    assert found["test_forked"] == [("prepare", 1, {None})]
    assert found["test_afterwards"] == []
