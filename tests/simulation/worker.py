"""A metered process of the simulation: counts uses at random and keeps a log of its own: ``python worker.py SPOOL LOGS SEED``.

The log is the judge. It is written to before each use and after it, by one write(2) each, which a SIGKILL cannot take back.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.agents.files import Process, start_time

HOOKS = (0, 1, 63, 64, 130)
SUBJECTS = 12
FORK_CHANCE = 0.01
MOST_FORKS, GENERATIONS = 2, 1
LONGEST_USES = 1500


def main(spool: Path, logs: Path, seed: int) -> None:
    chance = random.Random(seed)
    process = Process(spool)
    log = os.open(logs / process.incarnation, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    hooks, rows, generation, forks = set(), {0, 1}, 0, 0
    for number in range(LONGEST_USES):
        if chance.random() < FORK_CHANCE and generation < GENERATIONS and forks < MOST_FORKS:
            forks += 1
            child = os.fork()
            if not child:
                process.close()
                os.close(log)
                generation, forks = generation + 1, 0
                chance.seed(seed + number)
                process = Process(spool, pid=os.getpid(), started=start_time())
                log = os.open(logs / process.incarnation, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                hooks, rows = set(), {0, 1}
        hook, row = chance.choice(HOOKS), chance.randrange(SUBJECTS)
        if hook not in hooks:
            process.hook(hook, f"f{hook}")
            hooks.add(hook)
        if row not in rows:
            process.subject(row, f"tenant-{row}")
            rows.add(row)
        cell = process.cell(hook, row)
        os.write(log, b"b %d %d\n" % (hook, row))
        process.cells[cell] += 1
        os.write(log, b"a %d %d\n" % (hook, row))
        if not number % 8:
            time.sleep(chance.random() * 0.004)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
