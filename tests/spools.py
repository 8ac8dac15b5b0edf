"""Spool files as docs/hook-table.md describes them, written by neither of its two sides."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

MADE = datetime(2026, 1, 1, tzinfo=UTC)
ROWS, SLOTS, BANKS = 10_002, 64, 8


def header(incarnation="i", *, flags=0, version=2, host="h", rows=ROWS, slots=SLOTS, banks=BANKS, outside=0, pid=7) -> bytes:
    before = b"meterize" + version.to_bytes(4, "little")
    texts = [text.encode().ljust(36, b"\0") for text in (incarnation, "", "boot")]
    numbers = struct.pack("<QQQ", pid, 99, int(MADE.timestamp()) * 10**9)
    born = b"".join((*texts, numbers, host.encode().ljust(64, b"\0"), bytes(32), struct.pack("<IIIQ", rows, slots, banks, 5)))
    crc = zlib.crc32(before + born)
    whole = before + flags.to_bytes(4, "little") + born + crc.to_bytes(4, "little") + bytes(4) + outside.to_bytes(8, "little")
    return whole.ljust(4096, b"\0")


def uses(counts: Mapping[tuple[int, int], int], *, rows=ROWS, slots=SLOTS, banks=BANKS, **fields) -> dict[int, bytes]:
    """What stands at which offset, for counts by (hook, row)."""
    parts = {0: header(rows=rows, slots=slots, banks=banks, **fields)}
    for (hook, row), count in counts.items():
        cell = ((hook // slots) * rows + row) * slots + hook % slots
        parts[4096 + 8 * cell] = count.to_bytes(8, "little")
    return parts


def frame(sequence: int, payload: Mapping[str, object] | bytes) -> bytes:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    body = sequence.to_bytes(8, "little") + data
    return struct.pack("<II", len(data), zlib.crc32(body)) + body


def hook(number=0, *, id="d/f/1", feature="f", package="d", policy="every") -> dict[str, object]:  # noqa: A002
    return {"kind": "hook", "slot": number, "id": id, "feature": feature, "package": package, "policy": policy}


def subject(row: int, text: str) -> dict[str, object]:
    return {"kind": "subject", "row": row, "text": text}


def loss(reason: str, count: int, package="d") -> dict[str, object]:
    return {"kind": "loss", "reason": reason, "package": package, "feature": "", "hook": "", "count": count}


def write(
    folder: Path,
    counts: Mapping[tuple[int, int], int],
    names: Iterable[Mapping[str, object]] = (),
    *,
    incarnation="i",
    size: int | None = None,
    **fields,
) -> tuple[Path, Path]:
    """Both files of a process."""
    geometry = {"rows": ROWS, "slots": SLOTS, "banks": BANKS} | fields
    paths = folder / f"{incarnation}.uses", folder / f"{incarnation}.names"
    with paths[0].open("wb") as file:
        for offset, data in uses(counts, incarnation=incarnation, **geometry).items():
            file.seek(offset)
            file.write(data)
        file.truncate(4096 + 8 * geometry["rows"] * geometry["slots"] * geometry["banks"] if size is None else size)
    paths[1].write_bytes(b"".join(frame(number, name) for number, name in enumerate(names, 1)))
    return paths
