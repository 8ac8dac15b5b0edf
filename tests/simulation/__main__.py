"""``python -m tests.simulation --kills 10000 --seed 7``: kills until one total is wrong, or all are right."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .ledgers import LEDGERS, is_installed
from .world import World

A_WORLD = 250
"""Kills in one world; then another begins, so that none grows old."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first world; the next ones count on from it")
    parser.add_argument("--ledger", choices=LEDGERS, default="real" if is_installed("real") else "small")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    left, completed, doubtful = options.kills, 0, 0
    while left > 0:
        folder = Path(tempfile.mkdtemp(prefix="meterize-soak-"))
        world = World(folder, seed, LEDGERS[options.ledger])
        try:
            world.run(min(left, A_WORLD))
            verdict = world.finish()
        finally:
            world.close()
        left -= A_WORLD
        completed += sum(verdict.completed.values())
        doubtful += verdict.doubtful
        print(f"seed {seed}: {verdict.line()}", flush=True)
        if verdict.wrong or verdict.left or verdict.ledger != verdict.records:
            print(f"WRONG: {verdict.wrong[:5]} left {verdict.left[:5]}; see {folder}", flush=True)
            return 1
        shutil.rmtree(folder)
        seed += 1
    print(f"{options.kills:,} kills: {completed:,} uses completed, all in the ledger, once; {doubtful} in flight at a kill")
    return 0


if __name__ == "__main__":
    sys.exit(main())
