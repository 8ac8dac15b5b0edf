"""Owns what the cells of one process mean: frames, appended to ``<incarnation>.names``. docs/hook-table.md has their form."""

# pathlib is no light import:
# ruff: noqa: PTH118

from __future__ import annotations

import os
from binascii import crc32
from os.path import join

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .losses import Loss

try:
    from _json import encode_basestring_ascii
except (ImportError, SystemError):  # the latter where memory ends while it begins
    from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii

_quote: Callable[[str], str] = encode_basestring_ascii
"""JSON text of a string: ASCII, so that no encoding can break it."""

SUFFIX = ".names"


class Names:
    """Frames to append, and how far they are in the file. It is opened for each append, for the reasons of the usage file."""

    def __init__(self, folder: str | None, incarnation: str) -> None:
        self._path = None if folder is None else join(folder, incarnation + SUFFIX)
        self._waiting: list[bytes] = []
        self._meanings: list[bytes] = []
        """All frames so far that say what cells mean."""
        self._sequence = 0
        self._exists = False

    def of_child(self, folder: str | None, incarnation: str) -> Names | None:
        """The names of a child, which begins with the meanings of its parent's cells; None if those have to be written anew."""
        if self._sequence != len(self._meanings):
            return None
        names = Names(folder, incarnation)
        names._meanings = self._meanings[:]
        names._waiting = [b"".join(self._meanings)]
        names._sequence = self._sequence
        return names

    def hook(self, number: int, hook_id: str, feature: str, package: str, policy: str) -> None:
        """The hook that counts under this number."""
        texts = (("id", hook_id), ("feature", feature), ("package", package), ("policy", policy))
        self._meanings.append(self._add(f'{{"kind":"hook","slot":{number},{_members(texts)}}}'))

    def subject(self, row: int, text: str) -> None:
        """Who this row is."""
        self._meanings.append(self._add(f'{{"kind":"subject","row":{row},"text":{_quote(text)}}}'))

    def loss(self, loss: Loss, count: int) -> None:
        """How often this was lost since the process began."""
        self._add(
            f'{{"kind":"loss",{_members(zip(("reason", "package", "feature", "hook"), loss, strict=True))},"count":{count}}}'
        )

    def end(self) -> None:
        """The process ends in good order."""
        self._add('{"kind":"end"}')

    def _add(self, payload: str) -> bytes:
        sequence = self._sequence + 1
        body = sequence.to_bytes(8, "little") + payload.encode()
        frame = (len(body) - 8).to_bytes(4, "little") + crc32(body).to_bytes(4, "little") + body
        self._waiting.append(frame)
        self._sequence = sequence
        return frame

    def write(self) -> bool:
        """Append what waits, with one write; whether all of it is there. The next write goes on where this one broke off."""
        if not self._waiting:
            return True
        if self._path is None:
            return False
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if self._exists else os.O_CREAT)
            descriptor = System.open(self._path, flags, 0o600)
        except OSError:
            return False
        # Whoever interrupts the write and writes as well must not find what is being written.
        frames, self._waiting = self._waiting, []
        written = 0
        try:
            self._exists = True
            written = System.write(descriptor, b"".join(frames))
        except OSError:  # no room, no quota: nothing was written
            return False
        finally:
            self._waiting[:0] = _rest(frames, written)
            System.close(descriptor)
        return not self._waiting


def _rest(frames: list[bytes], written: int) -> list[bytes]:
    """What is left of the frames behind so many bytes."""
    done = 0
    while done < len(frames) and written >= len(frames[done]):
        written -= len(frames[done])
        done += 1
    rest = frames[done:]
    if written:
        rest[0] = rest[0][written:]
    return rest


def _members(texts: object) -> str:
    return ",".join([f'"{key}":{_quote(text)}' for key, text in texts])  # type: ignore[attr-defined]
