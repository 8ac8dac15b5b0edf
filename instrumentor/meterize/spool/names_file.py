"""Owns reading `<incarnation>.names`: what the cells of one process mean, and what it lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, TypeAlias
from zlib import crc32

from .uses_file import COUNT_LIMIT

FRAME: Final = Struct("<IIQ")
"""Length of the payload, CRC-32 of all behind it, sequence number."""
SEQUENCE_OFFSET: Final = 8
PAYLOAD_LIMIT: Final = 1 << 16
"""Bytes; the longest that the hooks write has some 4,000."""
NAMES_LIMIT: Final = 1 << 26
"""Bytes of a file that are read: a process names 10,000 subjects, in less than 20 MB."""

Loss: TypeAlias = tuple[str, str, str, str]
"""Reason, package, feature, hook; empty where the reason has no such name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookName:
    """A hook that counts in a process."""

    id: str
    feature: str
    package: str
    policy: str


@dataclass(slots=True, kw_only=True)
class Names:
    """What a process has named: hooks by number, subjects by row, losses with their counts. ``problems`` end a sentence."""

    hooks: dict[int, HookName] = field(default_factory=dict)
    subjects: dict[int, str] = field(default_factory=dict)
    losses: dict[Loss, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    ended: bool = False


class _FrameError(ValueError):
    """A frame that says nothing that we know."""


def read_names(data: bytes) -> Names:
    """All that can be read of a file's bytes; a last frame that is not whole is not there yet."""
    names, expected, unread = Names(), 1, 0
    for sequence, payload in _frames(data, names.problems):
        if sequence < expected:
            continue
        if sequence > expected:
            names.problems.append(f"frames {expected} to {sequence - 1} are missing")
        expected = sequence + 1
        try:
            _take(names, payload)
        except _FrameError:
            unread += 1
    if unread:
        names.problems.append(f"{unread} {'frame says' if unread == 1 else 'frames say'} nothing that is known here")
    return names


def _frames(data: bytes, problems: list[str]) -> Iterator[tuple[int, bytes]]:
    position, bad = 0, 0
    while position + FRAME.size <= len(data):
        length, crc, sequence = FRAME.unpack_from(data, position)
        end = position + FRAME.size + length
        if length > PAYLOAD_LIMIT:
            problems.append(f"what follows byte {position} is damaged")
            break
        if end > len(data):
            break
        if crc32(data[position + SEQUENCE_OFFSET : end]) == crc:
            yield sequence, data[position + FRAME.size : end]
        else:
            bad += 1
        position = end
    if bad:
        problems.append(f"{bad} {'frame is' if bad == 1 else 'frames are'} damaged")


def _take(names: Names, payload: bytes) -> None:
    try:
        members = json.loads(payload)
    except (ValueError, RecursionError):
        raise _FrameError from None
    if not isinstance(members, dict):
        raise _FrameError
    kind = members.get("kind")
    if kind == "hook":
        texts = {key: _text(members, key) for key in ("id", "feature", "package", "policy")}
        names.hooks[_number(members, "slot")] = HookName(**texts)
    elif kind == "subject":
        names.subjects[_number(members, "row")] = _text(members, "text")
    elif kind == "loss":
        loss = (_text(members, "reason"), _text(members, "package"), _text(members, "feature"), _text(members, "hook"))
        names.losses[loss] = _number(members, "count")
    elif kind == "end":
        names.ended = True
    else:
        raise _FrameError


def _text(members: Mapping[str, object], key: str) -> str:
    """Text that UTF-8 can say, for JSON can say more."""
    value = members.get(key)
    if not isinstance(value, str):
        raise _FrameError
    return value.encode("utf-8", "backslashreplace").decode()


def _number(members: Mapping[str, object], key: str) -> int:
    value = members.get(key)
    if type(value) is not int or not 0 <= value < COUNT_LIMIT:
        raise _FrameError
    return value
