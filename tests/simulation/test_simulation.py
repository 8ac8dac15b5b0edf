"""Whoever is killed whenever: the ledger has every use that was completed, once."""

from __future__ import annotations

import pytest

from .ledgers import LEDGERS, is_installed
from .world import WORKERS, World

MISCHIEF = ("again", "cut", "half", "lose", "slow", "twice")


USUAL = "real" if is_installed("real") else "small"


@pytest.mark.parametrize(
    ("kind", "kills", "seed"),
    [
        (USUAL, 50, 20_261_122),
        pytest.param(USUAL, 1000, 20_261_123, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_the_ledgers_total_is_the_uses_completed(tmp_path, kind, kills, seed):
    world = World(tmp_path, seed, LEDGERS[kind])
    try:
        world.run(kills)
        verdict = world.finish()
    finally:
        world.close()
    print(verdict.line())
    assert verdict.wrong == []
    assert verdict.left == [], "and nothing is left in the spool"
    assert verdict.ledger == verdict.records, "what is billed is what is recorded"
    assert sum(verdict.completed.values()) > 20 * kills
    assert sum(verdict.deeds[deed] for deed in MISCHIEF) > kills // 10
    # One use is in flight in each process of a worker's family: itself and two children.
    assert verdict.doubtful <= 3 * (verdict.deeds["worker"] + WORKERS)
