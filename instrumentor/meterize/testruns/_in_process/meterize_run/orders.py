"""Runs tests in another order than they come in: what an order decides is not what a test executes by itself.

Modules and classes stay together, since they share fixtures.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REVERSED = 1


def _reorder(units: list[Any], order: int) -> None:
    """1 is the other way round; any other order is as good as random, and always the same."""
    if order == REVERSED:
        units.reverse()
    else:
        from random import Random  # pytest and unittest have loaded it by now

        Random(order).shuffle(units)  # noqa: S311  # no secret


def reorder_items(items: list[Any], order: int) -> None:
    """Put pytest's items into this order, in place."""
    modules: dict[str, dict[str, list[Any]]] = {}
    for item in items:
        parent = item.parent.nodeid if item.parent is not None else ""
        modules.setdefault(item.nodeid.partition("::")[0], {}).setdefault(parent, []).append(item)
    ordered = [list(classes.values()) for classes in modules.values()]
    _reorder(ordered, order)
    for classes in ordered:
        _reorder(classes, order)
        for tests in classes:
            _reorder(tests, order)
    items[:] = [item for classes in ordered for tests in classes for item in tests]


def reorder_suite(suite: Any, order: int) -> None:
    """Put a unittest suite, and those in it, into this order; other things are left alone."""
    tests = getattr(suite, "_tests", None)
    if isinstance(tests, list):
        _reorder(tests, order)
        for test in tests:
            reorder_suite(test, order)
