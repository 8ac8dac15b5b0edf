"""One process's data file: JSON lines, appended at once, so that a killed process leaves what it knew."""

from __future__ import annotations

from _json import encode_basestring_ascii  # the json package itself would load re
from os import O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_WRONLY, close, getpid, write
from os import open as open_file

quote = encode_basestring_ascii
"""A text as a JSON string."""


class Journal:
    """Appends to FOLDER/PID.N.jsonl.

    The file is opened anew for each write: a descriptor that is kept can be closed by a suite and its number reused.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.name = ""
        self._pending: list[str] = []
        self._claim()

    def _claim(self) -> None:
        """Take a name that no process of this run has: a process id may come again, and exec keeps it."""
        process = getpid()
        for attempt in range(1000):
            self.name = f"{process}.{attempt}"
            try:
                close(open_file(self._path(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
            except FileExistsError:
                continue
            return

    def _path(self) -> str:
        return f"{self.folder}/{self.name}.jsonl"

    def add(self, line: str) -> None:
        """Keep a line for the next ``flush``."""
        self._pending.append(line)

    def flush(self) -> None:
        """Append the kept lines; what cannot be written now (no descriptor left, say) is kept for the next time."""
        if not self._pending:
            return
        lines, self._pending = self._pending, []
        data = ("\n".join(lines) + "\n").encode()
        try:
            descriptor = open_file(self._path(), O_WRONLY | O_APPEND | O_CLOEXEC)
            try:
                while data:
                    data = data[write(descriptor, data) :]
            finally:
                close(descriptor)
        except FileNotFoundError:  # the run is over, and this process lives on
            return
        except OSError:
            self._pending = [*lines, *self._pending]

    def note(self, key: str, text: str) -> None:
        """Write a line with one text in it."""
        self.add(f"{{{quote(key)}:{quote(text)}}}")
        self.flush()

    def renew(self) -> None:
        """In a forked child: a file of its own; what the parent had not written yet is the parent's."""
        self._pending = []
        self._claim()
