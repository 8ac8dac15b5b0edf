"""Owns reading a ``.names`` file: what the hooks and rows of a usage file mean, and what its process could not meter."""

from __future__ import annotations

import json
import os
import struct
import sys
from dataclasses import dataclass, field
from zlib import crc32

from .usage_file import DamagedFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    LossKey: TypeAlias = "tuple[str, str, str, str]"
    """Reason, package, feature, hook."""

FRAME = struct.Struct("<IIQ")
"""Length of the payload, CRC-32 of number and payload, sequence number."""
PAYLOAD_LIMIT = 1 << 16
CHUNK_BYTES = 1 << 18
OVERFLOW_SUBJECT = "meterize:overflow"


@dataclass(frozen=True, slots=True)
class Hook:
    """What a slot counts."""

    id: str
    feature: str
    package: str
    policy: str


@dataclass(slots=True)
class Names:
    """What has been read of one file so far; it only grows, as the file does."""

    hooks: dict[int, Hook] = field(default_factory=dict)
    subjects: dict[int, str | None] = field(default_factory=lambda: {0: None, 1: OVERFLOW_SUBJECT})
    losses: dict[LossKey, int] = field(default_factory=dict)
    has_ended: bool = False
    last_row: int = 1
    missing: int = 0
    """Frames that the sequence numbers tell of and that are not there."""
    _offset: int = 0
    _next: int = 1

    def read(self, descriptor: int) -> None:
        """Read what was appended. A frame that is not complete is not there yet. Raises DamagedFileError, OSError."""
        while True:
            data = os.pread(descriptor, CHUNK_BYTES, self._offset)
            used = self._read_frames(data)
            self._offset += used
            if not used or len(data) < CHUNK_BYTES:
                return

    def _read_frames(self, data: bytes) -> int:
        start = 0
        while start + FRAME.size <= len(data):
            length, checksum, number = FRAME.unpack_from(data, start)
            if length > PAYLOAD_LIMIT:
                raise DamagedFileError(f"a frame of its names at byte {self._offset + start} would be {length} bytes long")
            end = start + FRAME.size + length
            if end > len(data):
                break
            if crc32(data[start + 8 : end]) != checksum:
                raise DamagedFileError(f"the checksum of its names is wrong at byte {self._offset + start}")
            # One number is one frame, however often it was written.
            if number >= self._next:
                self.missing += number - self._next
                self._next = number + 1
                self._take(data[start + FRAME.size : end])
            start = end
        return start

    def _take(self, payload: bytes) -> None:
        try:
            frame = json.loads(payload)
            kind = frame["kind"]
            if kind == "hook":
                self.hooks[_number(frame["slot"])] = Hook(
                    *(_text(frame[key]) for key in ("id", "feature", "package", "policy"))
                )
            elif kind == "subject":
                row = _number(frame["row"])
                self.subjects[row] = _text(frame["text"])
                self.last_row = max(self.last_row, row)
            elif kind == "loss":
                reason, package, feature, hook = (_text(frame[key]) for key in ("reason", "package", "feature", "hook"))
                self.losses[reason, package, feature, hook] = _number(frame["count"])
            elif kind == "end":
                self.has_ended = True
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise DamagedFileError(f"its names hold a frame that is none: {type(error).__name__}") from error


def _text(value: Any) -> str:
    """One copy of each text for all processes: the same tenants are known to many. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(value)
    return sys.intern(value)


def _number(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError(value)
    return value
