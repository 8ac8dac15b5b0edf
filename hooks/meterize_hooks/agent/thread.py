"""Owns the agent of METERIZE_AGENT=thread: in the metered process, in a thread that neither ``threading`` nor signals know of.

It steps aside for forks, keeps no descriptor over one, and nothing of it ever reaches the application: should it fail, the
counts stay in the spool. What it needs is imported in the thread, when it first runs.
"""

from __future__ import annotations

from _thread import _local, allocate_lock, get_native_id

from ..origin import is_ours
from ..threads import IS_MAIN_INTERPRETER, PATIENCE_SECONDS, await_gone, start_unheard, tell_at_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .journal import OnceJournal
    from .rounds import Agent

LAST_SECONDS = 2.0
"""How long the end of the process waits for the last round; what is not delivered then stays in the spool."""


class AgentThread:
    """Carries this process's counts, and those of dead ones, to the ledger."""

    def __init__(self, environ: Mapping[str, str], incarnation: str) -> None:
        self._environ = {key: value for key, value in environ.items() if key.startswith(("METERIZE_", "XDG_", "HOME"))}
        self._incarnation = incarnation
        self._wake: Any = None
        self._gone: Any = None
        self._thread_id = 0
        self._is_stopping = self._is_last = False
        self._agent: Agent | None = None
        self._journal: OnceJournal | None = None
        self._has_greeted = False
        """Once is enough, also for the children: what they count goes to the same ledger."""
        self._own = _local()
        tell_at_end(self._own, self.finish)

    def start(self) -> None:
        """Deliver from now on. Not in a subinterpreter, which may be ended by any thread of the process."""
        if self._wake is not None or not IS_MAIN_INTERPRETER:
            return
        try:
            wake, gone = allocate_lock(), allocate_lock()
            wake.acquire()
            gone.acquire()
            self._wake, self._gone, self._thread_id = wake, gone, 0
            self._is_stopping = False
            start_unheard(self._run, wake, gone)
        except (RuntimeError, MemoryError) as error:  # no more threads here; the counts stay in the spool
            self._wake = self._gone = None
            if not is_ours(error):
                raise

    def stop(self) -> None:
        """End the thread, in the middle of a request if need be: nothing of it is there any more when this returns.

        Only a look-up of the ledger's name cannot be cut short; a fork waits for it for a while, and then goes on.
        """
        self._is_stopping = True
        agent = self._agent
        if agent is not None:
            agent.ledger.cut()
        self._end(PATIENCE_SECONDS)

    def finish(self) -> None:
        """The last round, at the end of the process."""
        self._is_last = True
        if not self._end(LAST_SECONDS):
            agent = self._agent
            if agent is not None:
                agent.ledger.cut()

    def restart_in_child(self, incarnation: str) -> None:
        """The parent's thread is not here, nor its locks; the child has an incarnation of its own."""
        self._incarnation = incarnation
        self._wake = self._gone = self._agent = None
        self._is_last = False
        tell_at_end(self._own, self.finish)

    def _end(self, seconds: float) -> bool:
        wake, gone, self._wake, self._gone = self._wake, self._gone, None, None
        if wake is None:
            return True
        try:
            wake.release()
        except RuntimeError:  # two threads end it at once
            return True
        if not gone.acquire(True, seconds):
            return False
        await_gone(self._thread_id)
        return True

    def _run(self, wake: Any, gone: Any) -> None:
        self._thread_id = get_native_id()
        try:
            self._work(wake)
        except BaseException:  # noqa: BLE001, S110 - nothing of the application runs here, and nobody would see it
            pass
        finally:
            self._agent = None
            gone.release()

    def _is_over(self) -> bool:
        """Whether requests end because of us."""
        return self._is_stopping or (self._agent is not None and self._agent.ledger.is_cut)

    def _work(self, wake: Any) -> None:
        from .journal import OnceJournal
        from .rounds import Agent
        from .settings import Settings, SettingsError, from_environment
        from .turns import Turns

        if self._journal is None:
            self._journal = OnceJournal(self._is_over)
        try:
            settings = Settings(**from_environment(self._environ), in_process=True)  # type: ignore[arg-type]
            settings.token()
        except SettingsError as error:
            self._journal.tell("ledger", f"{error}. {error.hint_here(in_process=True)}", error.slug)
            return
        turns = Turns(settings.spools[0], self._incarnation)
        self._agent = agent = Agent(
            settings,
            journal=self._journal,
            should_stop=lambda: self._is_stopping,
            chooses=turns.are_ours,
            greets=lambda: not self._has_greeted,
        )
        try:
            pause = 0.0
            while not wake.acquire(True, pause):
                turns.look()
                pause = agent.round()
                self._has_greeted |= not self._is_stopping
            if self._is_last and not self._is_stopping:
                agent.round(LAST_SECONDS)
        finally:
            agent.close()
