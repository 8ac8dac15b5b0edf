"""Recursion reaches as deep, whatever recurses and wherever the hooks stand."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

SOURCE = """
    import sys

    def plain(n):
        deepest[0] = n
        return plain(n + 1)

    def branching(n):
        deepest[0] = n
        if n % 2:
            found = branching(n + 1)
        else:
            found = branching(n + 1)
        return found

    def handling(n):
        deepest[0] = n
        try:
            return handling(n + 1)
        finally:
            deepest[1] += 1

    def generating(n):
        deepest[0] = n
        yield from generating(n + 1)

    def through_c(n):
        deepest[0] = n
        return max([1], key=lambda _: through_c(n + 1))

    class Item:
        def __init__(self, n):
            deepest[0] = n
            self.n = n
        def __getattr__(self, name):
            deepest[0] += 1
            return getattr(self, name + "x")

    def looping(n):
        for i in range(3):
            deepest[0] = n + i
            looping(n + 1)

    async def awaiting(n):
        deepest[0] = n
        await awaiting(n + 1)

    deepest = [0, 0]
    WAYS = {
        "plain": lambda: plain(0),
        "branching": lambda: branching(0),
        "handling": lambda: handling(0),
        "generating": lambda: next(generating(0)),
        "through_c": lambda: through_c(0),
        "attributes": lambda: Item(0).missing,
        "looping": lambda: looping(0),
        "awaiting": lambda: awaiting(0).send(None),
    }

    def caught(way):
        "How deep it got, and what stopped it."
        deepest[:] = 0, 0
        try:
            way()
        except RecursionError as error:
            return (*deepest, str(error))
    """

REACHING = """
    import metered, sys
    sys.setrecursionlimit({limit})
    for name, way in metered.WAYS.items():
        for _ in range(3):
            print(name, *metered.caught(way), sep=" | ")
    """


def reached(ran):
    """Three depths, and texts, by way."""
    assert (ran.returncode, ran.err) == (0, "")
    found = {}
    for line in ran.out.splitlines():
        name, deepest, finals, text = line.split(" | ")
        found.setdefault(name, []).append((int(deepest), int(finals), text))
    return found


@pytest.mark.parametrize("limit", [1000, pytest.param(100, marks=pytest.mark.slow), pytest.param(5000, marks=pytest.mark.slow)])
def test_as_deep_as_ever(twins, limit):
    """To the frame. On 3.12+, while a hook of policy once still waits in the function that recurses, one frame short of it."""
    twins.write(SOURCE)
    bare, metered = map(reached, twins.run_both(REACHING.format(limit=limit)))
    assert bare.keys() == metered.keys()
    for name in bare:
        allowed = 1 if twins.kind == "once" and HAS_MONITORING else 0
        for (deepest, finals, text), (other, others, said) in zip(bare[name], metered[name], strict=True):
            assert 0 <= deepest - other <= allowed, (name, deepest, other)
            assert abs(finals - others) <= allowed
            assert text.partition(" while")[0] == said.partition(" while")[0]


def test_every_frame_of_a_recursion_counts(twins):
    twins.write(SOURCE)
    bare, metered = twins.run_both(
        """
        import metered
        depth, _, _ = metered.caught(metered.WAYS["plain"])
        print(depth)
        """
    )
    if twins.kind == "every":
        assert bare.out == metered.out
        assert max(metered.uses.values()) == int(bare.out) + 1


def test_what_is_left_at_the_limit_still_works(twins):
    """Code that handles the error right where it happens, in frames that have no room for anything."""
    twins.write(SOURCE)
    twins.compare(
        """
        import metered, sys
        def dig(n, left):
            if left == 0:
                try: return metered.caught(metered.WAYS["handling"])[1] >= 0
                except RecursionError: return "full"
            return dig(n + 1, left - 1)
        found = []
        for left in range(sys.getrecursionlimit() - 40, sys.getrecursionlimit()):
            try: found.append(dig(0, left))
            except RecursionError: found.append("beyond")
        print(found.count(True) > 20, found.count("beyond") > 2, metered.caught(metered.WAYS["plain"])[2])
        """
    )
