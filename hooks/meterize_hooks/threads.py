"""Owns which threads of ours a metered process has: none, unless the operator asks for one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class OwnThread(Protocol):
        """A thread that steps aside for forks."""

        def start(self) -> None:
            """Work from now on; nothing where it does already."""

        def stop(self) -> None:
            """Be gone when this returns."""

        def finish(self) -> None:
            """The process ends: the last work."""

        def restart_in_child(self, incarnation: str) -> None:
            """In a forked child, where the thread is not."""


def own_threads(environ: Mapping[str, str], incarnation: str) -> list[OwnThread]:
    """Those that the environment asks for, not started yet."""
    if environ.get("METERIZE_AGENT") != "thread":
        return []
    from .agent.thread import AgentThread

    return [AgentThread(environ, incarnation)]
