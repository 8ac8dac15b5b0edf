"""Owns one round: look at every usage file, send what has changed, settle what was confirmed, remove what is over.

Nothing is kept on disk. What was not confirmed is sent again, by this agent or the next: the ledger takes the higher of what it
has and what it is sent.
"""

from __future__ import annotations

import random
import time

from .answers import Confirmed, Refused, TooLarge, Unauthorized, Unavailable
from .backoff import Backoff
from .batch import Body, Limits, batches, halves, is_sent
from .delivery import Ledger
from .items import Counter, Final, Memory
from .journal import Journal
from .liveness import Machine
from .metrics import Metrics
from .spools import Spools, remove
from .usage import UsageFile
from .usage_file import DamagedFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .answers import Answer
    from .batch import Entry
    from .settings import Settings

FIRST_BOUND_SECONDS = 1.0
REFUSED_SECONDS = (60.0, 3600.0)
"""The first and the longest pause before refused items are offered again."""
PATIENT_TRIES = 3
"""After so many failures requests become smaller, for the ledger may fail because of one of their parts."""
SPREAD = 0.1
"""Rounds of many agents do not fall together: the pause between them varies by this part of itself."""


class Interrupted(Exception):  # noqa: N818 - no error
    """The round ends here; the rest is for the next."""


class Failure(Exception):  # noqa: N818 - of a try, and an everyday one
    """The ledger is not to be had for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Agent:
    """One agent, and all that it remembers; a new one knows as much after a round."""

    def __init__(
        self,
        settings: Settings,
        *,
        journal: Journal | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        chooses: Callable[[UsageFile], bool] = lambda _: True,
        greets: Callable[[], bool] = lambda: True,
        seed: int | None = None,
    ) -> None:
        self._settings = settings
        self.ledger = Ledger(settings)
        self.metrics = Metrics()
        self._journal = journal or Journal()
        self.should_stop = should_stop
        self._chooses = chooses
        self._greets = greets
        self._machine = Machine()
        self._spools = Spools(settings.spools, are_named=settings.spools_are_named)
        self._memory = Memory(settings.remembered)
        self._limits = Limits(settings.items, settings.body_bytes)
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._backoff = Backoff(FIRST_BOUND_SECONDS, settings.longest_wait, self._chance)
        self._served: set[str] = set()
        self._files: dict[tuple[str, str], UsageFile] = {}
        self._deadline = float("inf")
        if settings.travels_in_clear:
            self._journal.tell("clear", "the token travels in clear text: use https, or a ledger on this machine")
        if settings.token_lies_open:  # told and not refused: a container's secret is mounted so, where there are no other users
            self._journal.tell("open", f"every user of this machine may read the token in {settings.token_file}: chmod 600")

    def round(self, seconds: float = float("inf")) -> float:
        """Look and send, for so many seconds at most; how long to wait before the next."""
        began = time.monotonic()
        self._deadline = began + seconds
        self._served.clear()
        try:
            for batch in batches(self._entries(), self._limits):
                self._send(batch)
            if not self.metrics.last_success and self._greets():
                self._deliver(Body([]))  # there was nothing to send: is the ledger there, and does it take the token?
            pause = self._settings.seconds * self._chance.uniform(1 - SPREAD, 1 + SPREAD)
            self._succeeded()
        except Interrupted:
            pause = self._settings.seconds
        except Failure as failure:
            pause = failure.seconds
        self.metrics.rounds += 1
        self.metrics.round_seconds = time.monotonic() - began
        self._take_stock()
        return pause

    def close(self) -> None:
        """End the connection."""
        self.ledger.close()

    def _entries(self) -> Iterator[Entry]:
        """What the ledger does not have, file by file. One that is damaged stops no other."""
        for file in self._known():
            file.reconsider()
            if file.is_at_rest or not self._chooses(file):
                continue
            try:
                for item in file.changes(self._machine):
                    yield file, item
            except FileNotFoundError:
                continue
            except DamagedFileError as error:
                file.damage = str(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours that one file brings to light is no other file's trouble
                file.damage = f"the agent fails at it: {error!r}"
            if file.damage:
                self._journal.tell(file.path, f"{file.path} is left alone: {file.damage}; {file.remedy}")

    def _known(self) -> list[UsageFile]:
        """Every file that is there."""
        found = list(self._spools.scan())
        for key in self._files.keys() - set(found):
            self._files.pop(key).forget()
        self._spools.tell(self._journal)
        for key in found:
            if key not in self._files:
                self._files[key] = UsageFile(*key, self._memory)
        # Should it be one file that the ledger stumbles over, others come first next time.
        first = self._chance.randrange(len(found)) if self.metrics.failures and found else 0
        return [self._files[key] for key in found[first:] + found[:first]]

    def _send(self, batch: list[Entry]) -> None:
        """Deliver it, in parts or without what the ledger will not have. Raises Failure, Interrupted."""
        waiting = [batch]
        while waiting:
            batch = waiting.pop()
            batch = [entry for entry in batch if entry[1].key not in entry[0].refused]
            body = Body(batch)
            if not body.reports:
                self._settle(batch)
                continue
            answer = self._deliver(body)
            if isinstance(answer, Confirmed):
                self._limits.grow()
                self._settle(batch)
            elif isinstance(answer, TooLarge):
                self._limits.halve()
                waiting.extend(self._split(batch, "the ledger takes no request that small"))
            elif isinstance(answer, Refused):
                waiting.extend(self._without_blamed(batch, body, answer))

    def _deliver(self, body: Body) -> Answer:
        """One request. Raises Failure where the ledger is not to be had, Interrupted."""
        left = self._deadline - time.monotonic()
        if self.should_stop() or left <= 0:
            raise Interrupted
        data = body.encode()
        answer = self.ledger.deliver(data, min(left, self._settings.timeout))
        if isinstance(answer, Confirmed) and not body.is_confirmed_by(answer.reports):
            answer = self.ledger.stranger("its answer is not about what was sent")
        elif isinstance(answer, (Refused, TooLarge)) and not body.reports:
            answer = self.ledger.stranger("it refuses what asks for nothing")
        self.metrics.requests[answer.outcome] += 1
        self.metrics.sent_bytes += len(data)
        if isinstance(answer, Unauthorized):
            raise self._failed(answer, self._backoff.wait_slowly())
        if isinstance(answer, Unavailable):
            raise self._failed(answer, self._backoff.wait(answer.seconds))
        if isinstance(answer, Confirmed):
            self.metrics.last_success = time.time()
        return answer

    def _failed(self, answer: Unauthorized | Unavailable, seconds: float) -> Failure:
        self.metrics.failures += 1
        self.metrics.failure = answer.message
        if self.metrics.failures > PATIENT_TRIES:
            self._limits.halve()
        self._journal.tell("ledger", f"{answer.message} ({self._settings.comfort})", answer.kind)
        return Failure(seconds)

    def _succeeded(self) -> None:
        self._backoff.succeeded()
        self._journal.settle("ledger", "the ledger has taken everything again")
        self.metrics.failures = 0

    def _settle(self, batch: list[Entry]) -> None:
        for file, item in batch:
            file.settle(item)
            if isinstance(item, Counter):
                self.metrics.counters += 1
                self._served.add(file.incarnation)
            if isinstance(item, Final) and file.is_removable:
                self._remove(file)

    def _remove(self, file: UsageFile) -> None:
        try:
            remove(file)
        except OSError as error:
            file.damage = f"it is confirmed, and cannot be removed: {error.strerror}"
            file.retry_at = time.monotonic() + REFUSED_SECONDS[0]
            self._journal.tell(file.path, f"{file.path}: {file.damage}")
        else:
            self.metrics.removed += 1
            file.forget()
            self._files.pop((file.folder, file.incarnation), None)

    def _split(self, batch: list[Entry], why: str) -> list[list[Entry]]:
        """Two halves, the first last; a single item that cannot be sent is set aside."""
        first, second = halves(batch)
        if second:
            return [second, first]
        self._set_aside([entry for entry in batch if is_sent(entry[1])], why)
        return [batch]

    def _without_blamed(self, batch: list[Entry], body: Body, answer: Refused) -> list[list[Entry]]:
        """The batch without what the ledger names as bad; where it names nothing, halves, until one item is left."""
        blamed = [entry for problem in answer.problems for entry in body.blamed(problem)]
        if not blamed:
            return self._split(batch, answer.message)
        self._set_aside(blamed, answer.message)
        return [batch]

    def _set_aside(self, entries: list[Entry], why: str) -> None:
        for file, item in entries:
            first, longest = REFUSED_SECONDS
            file.refuse(item, why, min(first * 2 ** min(file.refusals, 10), longest))
            self._journal.tell(f"refused {file.incarnation}", f"the ledger will not have a part of {file.path}: {why}")

    def _take_stock(self) -> None:
        metrics, files = self.metrics, list(self._files.values())
        metrics.files = dict.fromkeys(metrics.files, 0)
        for file in files:
            metrics.files["damaged" if file.damage else file.life.value] += 1
        metrics.processes = len(self._served)
        metrics.refused = sum(len(file.refused) for file in files)
        metrics.old_files = self._spools.old
        metrics.troubles = [
            *self._spools.problems.values(),
            *(f"{path}: its process counts in memory alone, for no file could be made" for path in self._spools.unaccompanied),
            *(f"{file.path}: {file.damage}" for file in files if file.damage),
            *(f"{file.path}: refused: {why}" for file in files for why in set(file.refused.values())),
        ]
