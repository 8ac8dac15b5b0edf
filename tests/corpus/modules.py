"""A module whose own first instructions are special."""

from __future__ import annotations

import sys as system

counted: int = 0
for name in ("a", "b"):
    counted += len(name)
    try:
        raise KeyError(name)
    except KeyError as error:
        caught = repr(error)
else:
    with open("/dev/null") as handle:
        squares = [n * n for n in range(3)]


class Holder:
    """Holds."""

    value: int = counted
    if value:
        other = value + 1

    def method(self) -> Holder:
        self.set_here = 1
        return self


if system.version_info < (3,):
    raise AssertionError

CASES = [lambda: (counted, caught, squares, Holder().method().set_here, Holder.other, __doc__, sorted(__annotations__))]
