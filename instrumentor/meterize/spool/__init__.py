"""Reads the spool: the folder in which every metered process keeps its counts. docs/hook-table.md specifies both."""

from __future__ import annotations

from .answering import answer_question
from .folder import default_spool, find_obstacle
from .names_file import HookName, Loss
from .processes import ProcessUse, read_processes
from .states import LiveHook, LiveProcess, State, read_states
from .usage import Usage, UseTotal, read_uses
from .uses_file import Header

__all__ = [
    "Header",
    "HookName",
    "LiveHook",
    "LiveProcess",
    "Loss",
    "ProcessUse",
    "State",
    "Usage",
    "UseTotal",
    "answer_question",
    "default_spool",
    "find_obstacle",
    "read_processes",
    "read_states",
    "read_uses",
]
