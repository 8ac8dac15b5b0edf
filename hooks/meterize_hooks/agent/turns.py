"""Owns which files are whose where the agents are threads of the metered processes themselves.

Each delivers its own process's file. The files of all others, dead ones above all, are for the oldest process that lives and
has such a thread. Should two think so at once, or none for a moment, nothing is lost and nothing counted twice.
"""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH118, PTH208

from __future__ import annotations

import os
import time
from contextlib import suppress
from os.path import join

from .liveness import Life, Machine
from .spools import INCARNATION_LETTERS
from .usage_file import AGENT, FLAGS_AT, HEADER_BYTES, USES, DamagedFileError, read_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .usage import UsageFile

LOOK_SECONDS = 5.0
"""How seldom it is enough to see who else is there: each look is at every file."""
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Turns:
    """Of one process's thread."""

    def __init__(self, folder: str, incarnation: str) -> None:
        self._folder = folder
        self._incarnation = incarnation
        self._machine = Machine()
        self._others: set[str] = set()
        self._is_first = False
        self._is_marked = False
        self._next_look = 0.0

    def are_ours(self, file: UsageFile) -> bool:
        """Whether this process delivers that file."""
        return file.incarnation == self._incarnation or (self._is_first and file.incarnation not in self._others)

    def look(self) -> None:
        """See who else is there, now and then."""
        if not self._is_marked:
            self._mark()
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            names = os.listdir(self._folder)
        except OSError:
            names = []
        agents = {stem for stem, suffix in map(os.path.splitext, names) if suffix == USES and self._has_agent(stem)}
        self._others = agents - {self._incarnation}
        self._is_first = min(agents, default="") == self._incarnation

    def _mark(self) -> None:
        """Say in the flags of our own file that it has an agent."""
        with suppress(OSError):
            descriptor = os.open(join(self._folder, self._incarnation + USES), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                flags = int.from_bytes(os.pread(descriptor, 4, FLAGS_AT), "little") | AGENT
                os.pwrite(descriptor, flags.to_bytes(4, "little"), FLAGS_AT)
                self._is_marked = True
            finally:
                os.close(descriptor)

    def _has_agent(self, incarnation: str) -> bool:
        if len(incarnation) != INCARNATION_LETTERS:
            return False
        try:
            descriptor = os.open(join(self._folder, incarnation + USES), READ)
            try:
                header = read_header(os.pread(descriptor, HEADER_BYTES, 0), incarnation)
                return header.has_agent and self._machine.life(header, descriptor) is not Life.DEAD
            finally:
                os.close(descriptor)
        except (OSError, DamagedFileError):
            return False
