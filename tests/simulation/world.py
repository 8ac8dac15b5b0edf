"""The simulation: real processes that are killed at random, a network that lies, clocks that jump, and a judge.

Everything is drawn from one seed; when the operating system runs what, is not.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.hooks.conftest import Bench

from .ledgers import Key, SmallLedger
from .network import Network

HERE = Path(__file__).resolve().parent
HOOKS = HERE.parents[1] / "hooks"
FEATURES = 5
WORKERS = 3
LONGEST_PAUSE = 0.06
PATIENCE_SECONDS = 1.0
WAITING_PART = 0.7
"""Of the times that a ledger starts again, those in which nobody else is killed before it answers."""
ENDING_SECONDS = 60.0
"""So long may nothing move at the end."""
JUMPY = (
    "import sys, time, random, runpy; chance = random.Random(int(sys.argv.pop(1))); real = time.time; jump = [0.0]\n"
    "def now():\n"
    "    if chance.random() < 0.05: jump[0] = chance.choice((0, -86400, 3600, -1.5, 40000000))\n"
    "    return real() + jump[0]\n"
    "time.time = now\n"
    "sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('meterize_hooks.agent', run_name='__main__', alter_sys=True)"
)
"""The agent under a clock that somebody sets, to and fro, by seconds and by years."""


@dataclass
class Verdict:
    """What the judge's log and the ledger say."""

    completed: Counter[Key]
    started: Counter[Key]
    ledger: Counter[Key]
    records: Counter[Key]
    left: list[str]
    deeds: Counter[str] = field(default_factory=Counter)

    @property
    def doubtful(self) -> int:
        """Uses in flight when their process was killed."""
        return sum((self.started - self.completed).values())

    @property
    def wrong(self) -> list[tuple[Key, int, int, int]]:
        """(key, completed, ledger, started) wherever the ledger is not between the two."""
        return [
            (key, self.completed[key], self.ledger[key], self.started[key])
            for key in sorted(self.started.keys() | self.ledger.keys())
            if not self.completed[key] <= self.ledger[key] <= self.started[key]
        ]

    def line(self) -> str:
        """For a person."""
        done, doubt, ledger = sum(self.completed.values()), self.doubtful, sum(self.ledger.values())
        deeds = ", ".join(f"{count} {deed}" for deed, count in sorted(self.deeds.items()))
        return f"uses completed {done:,}, in flight at a kill {doubt}, ledger {ledger:,}, wrong {len(self.wrong)} ({deeds})"


class World:
    """All processes."""

    def __init__(self, folder: Path, seed: int, kind: type[SmallLedger] = SmallLedger) -> None:
        self.spool, self.logs = folder / "spool", folder / "logs"
        self._kind = kind(folder)
        self.logs.mkdir(parents=True)
        functions = "".join(f"def f{number}():\n    return {number}  # hook\n" for number in range(FEATURES))
        Bench(folder).meter(
            f"{functions}FEATURES = [{', '.join(f'f{number}' for number in range(FEATURES))}]\n", policy="every"
        )
        self._path = os.pathsep.join([str(folder), str(HOOKS)])
        self._chance = random.Random(seed)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._network = Network(self._port, random.Random(seed + 1))
        self._workers: list[subprocess.Popen[bytes]] = []
        self.deeds: Counter[str] = Counter()
        self._ledger = self._start_ledger()
        self._agent = self._start_agent()

    def run(self, kills: int) -> None:
        """So many kills, of whomever."""
        for _ in range(kills):
            while len(self._workers) < WORKERS:
                self._workers.append(self._start_worker())
            time.sleep(self._chance.random() * LONGEST_PAUSE)
            deed = self._chance.choice(("worker", "worker", "worker", "agent", "ledger", "both", "agent ended"))
            self.deeds[deed] += 1
            if deed != "worker":
                self._await_requests(self._chance.randrange(4))
            if deed == "worker":
                self._end(self._workers.pop(self._chance.randrange(WORKERS)))
            if deed in ("ledger", "both"):
                self._end(self._ledger)
            if deed in ("agent", "both"):
                self._end(self._agent)
                self._agent = self._start_agent()
            if deed == "agent ended":
                self._agent.send_signal(signal.SIGTERM)
                self._agent.wait(60)
                self._agent = self._start_agent()
            if deed in ("ledger", "both"):
                self._ledger = self._start_ledger()
                if self._chance.random() < WAITING_PART:
                    self._await_ledger()

    def _await_ledger(self) -> None:
        end = time.monotonic() + ENDING_SECONDS
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(0.01)

    def _await_requests(self, number: int) -> None:
        """Let an agent that has just started come to work, so that it is killed between requests and within them."""
        seen, end = self._network.deeds.total(), time.monotonic() + PATIENCE_SECONDS
        while self._network.deeds.total() < seen + number and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(self._chance.random() * 0.01)

    def finish(self) -> Verdict:
        """Everybody dies, the network heals, and the agent works until nothing is left."""
        for worker in self._workers:
            self._end(worker)
        self._network.is_calm = True
        self._await_ledger()
        left, end = -1, time.monotonic() + ENDING_SECONDS
        while left and time.monotonic() < end:
            time.sleep(0.05)
            before, left = left, len(self._left())
            if left != before:
                end = time.monotonic() + ENDING_SECONDS
        self.close()
        completed, started = self._judge()
        ledger, records = self._kind.read()
        return Verdict(completed, started, ledger, records, self._left(), self.deeds + self._network.deeds)

    def _left(self) -> list[str]:
        """Files in the spool. What a process was killed over while it made it holds no counts, and is swept after a minute."""
        return [path.name for path in self.spool.iterdir() if path.suffix != ".new"]

    def close(self) -> None:
        """End every process of ours that is left."""
        for process in (*self._workers, self._agent, self._ledger):
            self._end(process)
        self._network.close()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """With all that it forked: each worker leads a group of its own."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, *command: object, **environ: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, *map(str, command)]
        return subprocess.Popen(words, start_new_session=True, env={**os.environ, **environ}, stderr=subprocess.DEVNULL)

    def _start_worker(self) -> subprocess.Popen[bytes]:
        told = {"PYTHONPATH": self._path, "METERIZE_SPOOL": str(self.spool)}
        return self._start("-S", HERE / "worker.py", self.logs, self._chance.randrange(1 << 30), **told)

    def _start_ledger(self) -> subprocess.Popen[bytes]:
        return self._start(*self._kind.command(self._port))

    def _start_agent(self) -> subprocess.Popen[bytes]:
        url = f"http://127.0.0.1:{self._network.port}"
        options = ("--ledger", url, "--spool", self.spool, "--seconds", "0.01", "--longest-wait", "0.05")
        options += ("--items", self._chance.choice((5, 20, 200)))
        return self._start("-S", "-c", JUMPY, self._chance.randrange(1 << 30), HOOKS, *options, METERIZE_TOKEN=self._kind.token)

    def _judge(self) -> tuple[Counter[Key], Counter[Key]]:
        completed: Counter[Key] = Counter()
        started: Counter[Key] = Counter()
        for path in self.logs.iterdir():
            for line in path.read_bytes().splitlines():
                what, feature, who = line.split()
                key = (path.name, f"dist/feat/{int(feature) + 1}", f"tenant-{int(who)}" if int(who) else "")
                (completed if what == b"a" else started)[key] += 1
        return completed, started
