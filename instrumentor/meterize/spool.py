"""Reads the spool: the folder in which every metered process keeps a file of its uses. docs/hook-table.md specifies both."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

SUFFIX: Final = ".jsonl"
USE_TYPE: Final = "meterize.use"
LOST_TYPE: Final = "meterize.lost"
LINE_LIMIT: Final = 1 << 16
"""Bytes of a line; the longest that the hooks write has some 10,000."""
COUNT_LIMIT: Final = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTotal:
    """Uses of a feature by one subject (None: unknown) on one day (UTC)."""

    package: str
    feature: str
    subject: str | None
    day: date
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmetered:
    """Something that a process could not meter, and how often it says so; empty where the reason has no such name."""

    reason: str
    package: str
    feature: str
    hook: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the spool holds; ``problems`` are sentences for the user about what could not be read."""

    totals: tuple[UseTotal, ...]
    unmetered: tuple[Unmetered, ...] = ()
    problems: tuple[str, ...] = ()


_UseKey: TypeAlias = tuple[str, str, str | None, date]
_LossKey: TypeAlias = tuple[str, str, str, str]


class _LineError(ValueError):
    """A line that is no event of ours."""


def default_spool(environ: Mapping[str, str]) -> Path:
    """METERIZE_SPOOL, else ``meterize/spool`` under the XDG state folder: where the hooks write in that environment."""
    given, state = environ.get("METERIZE_SPOOL", ""), environ.get("XDG_STATE_HOME", "")
    if given:
        return Path(os.path.abspath(os.path.expanduser(given)))  # noqa: PTH100, PTH111 - as the hooks do, without resolving
    if state.startswith("/"):
        return Path(state, "meterize", "spool")
    return Path(os.path.expanduser("~/.local/state/meterize/spool"))  # noqa: PTH111 - no error without a home


def find_obstacle(folder: Path) -> str:
    """What keeps a process of this user from writing there, in words; empty if nothing does. Hooks make missing folders."""
    at = folder
    while not os.path.lexists(at) and at != at.parent:
        at = at.parent
    what = "it" if at == folder else f"it is not there and cannot be made: {at}"
    if not at.exists():
        return f"{what} is a link that leads nowhere"
    if not at.is_dir():
        return f"{what} is no folder"
    if not os.access(at, os.W_OK | os.X_OK):
        return f"{what} is not to be written to by this user"
    return ""


def read_uses(folder: Path) -> Usage:
    """Sum up the spool. An event counts once, however many copies there are; a folder that is not there holds nothing."""
    reading = _Reading()
    for path in reading.files(folder):
        reading.read_file(path)
    return reading.usage()


class _Reading:
    def __init__(self) -> None:
        self._uses: Counter[_UseKey] = Counter()
        self._losses: Counter[_LossKey] = Counter()
        self._seen: set[bytes] = set()
        self._problems: list[str] = []

    def files(self, folder: Path) -> list[Path]:
        try:
            return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._problems.append(f"{folder}: cannot be read ({error.strerror})")
            return []

    def read_file(self, path: Path) -> None:
        try:
            with _open_regular(path) as file:
                self._read_lines(path, file)
        except OSError as error:
            self._problems.append(f"{path.name}: cannot be read ({error.strerror or error})")

    def _read_lines(self, path: Path, file: BinaryIO) -> None:
        bad, first = 0, ""
        for number, line in enumerate(_lines(file), 1):
            try:
                if line is None:
                    raise _LineError("longer than any event")
                if not line.endswith(b"\n"):
                    self._problems.append(f"{path.name}: the last line is incomplete and not counted")
                    continue
                self._take(line)
            except _LineError as problem:
                bad += 1
                first = first or f"line {number}: {problem}"
        if bad:
            self._problems.append(f"{path.name}: {bad} {'line' if bad == 1 else 'lines'} not counted ({first})")

    def _take(self, line: bytes) -> None:
        event = _parse(line)
        data = event.get("data")
        if not isinstance(data, dict):
            raise _LineError("no data")
        kind = _text(event, "type")
        if kind not in (USE_TYPE, LOST_TYPE):
            raise _LineError("an unknown type of event")
        identity = blake2b("\0".join((_text(event, "source"), _text(event, "id"))).encode(), digest_size=16).digest()
        count = _count(data)
        if kind == USE_TYPE:
            use = (_text(data, "package"), _text(data, "feature"), _subject(event), _day(event))
            if identity not in self._seen:
                self._uses[use] += count
        else:
            loss = (_text(data, "reason"), _text(data, "package"), _text(data, "feature"), _text(data, "hook"))
            if identity not in self._seen:
                self._losses[loss] += count
        self._seen.add(identity)

    def usage(self) -> Usage:
        uses = sorted(self._uses.items(), key=lambda item: (item[0][0], item[0][1], item[0][3], item[0][2] or ""))
        return Usage(
            totals=tuple(
                UseTotal(package=package, feature=feature, subject=subject, day=day, uses=count)
                for (package, feature, subject, day), count in uses
            ),
            unmetered=tuple(
                Unmetered(reason=reason, package=package, feature=feature, hook=hook, count=count)
                for (reason, package, feature, hook), count in sorted(self._losses.items())
            ),
            problems=tuple(self._problems),
        )


def _open_regular(path: Path) -> BinaryIO:
    """Open a file, and nothing that only looks like one: a link may lead anywhere, a pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines with their ends; None for one beyond the limit, which is never held as a whole."""
    while line := file.readline(LINE_LIMIT):
        if len(line) < LINE_LIMIT or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT)
        yield None


def _parse(line: bytes) -> dict[str, object]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise _LineError("not JSON") from None
    if not isinstance(event, dict):
        raise _LineError("not an event")
    return event


def _text(values: Mapping[str, object], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise _LineError(f"no {key}")
    return _printable(value)


def _subject(event: Mapping[str, object]) -> str | None:
    return None if "subject" not in event else _text(event, "subject")


def _printable(text: str) -> str:
    """Text that UTF-8 can say, for JSON can say more."""
    return text.encode("utf-8", "backslashreplace").decode()


def _count(data: Mapping[str, object]) -> int:
    value = data.get("value")
    if type(value) is not int or not 0 < value < COUNT_LIMIT:
        raise _LineError("no value that counts")
    return value


def _day(event: Mapping[str, object]) -> date:
    try:
        time = datetime.fromisoformat(_text(event, "time"))
    except ValueError:
        raise _LineError("no time") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).date()
