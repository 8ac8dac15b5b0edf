"""A metered process of the simulation: uses features at random and keeps a log of its own: ``python worker.py LOGS SEED``.

The log is the judge. It is written to before each use and after it, by one write(2) each, which a SIGKILL cannot take back.
"""

from __future__ import annotations

import builtins
import os
import random
import sys
import time
from pathlib import Path

import metered  # made by world.py, with a hook in each function

from meterize_hooks import subject

SUBJECTS = 12
FORK_CHANCE = 0.002
MOST_FORKS, GENERATIONS = 2, 1
LONGEST_USES = 2500
BURST = 64


def open_log(logs: Path) -> int:
    """That of this process, by the name that its hooks have given it."""
    return os.open(logs / builtins.__meterize__.runtime.incarnation, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def main(logs: Path, seed: int) -> None:
    chance = random.Random(seed)
    log = open_log(logs)
    generation = forks = 0
    for number in range(LONGEST_USES):
        if chance.random() < FORK_CHANCE and generation < GENERATIONS and forks < MOST_FORKS:
            forks += 1
            if not os.fork():
                log = open_log(logs)
                generation, forks = generation + 1, 0
                chance.seed(seed + number)
        feature, who = chance.randrange(len(metered.FEATURES)), chance.randrange(SUBJECTS)
        with subject(f"tenant-{who}" if who else None):
            os.write(log, b"b %d %d\n" % (feature, who))
            metered.FEATURES[feature]()
            os.write(log, b"a %d %d\n" % (feature, who))
        if not number % BURST:
            time.sleep(chance.random() * 0.004)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
