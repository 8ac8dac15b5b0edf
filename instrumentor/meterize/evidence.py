"""The evidence on disk: a JSON file beside the plan that says what was verified, so that a bill can point to it by digest.

It names no host and no folder: hooked files are known by the digest of their code, wherever they were compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from meterize.errors import TargetError
from meterize.model.own_files import VERDICT_ENDS
from meterize.model.verdict import ProvenFile

EVIDENCE_SCHEMA: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read: some 300,000 tests."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a file of evidence says of one feature: the plan's digest, the verdict, when (ISO 8601, UTC), and of which code
    (by source and -O level). ``digest`` is the SHA-256 of the file."""

    distribution: str
    version: str
    feature: str
    plan_digest: str
    passed: bool
    time: str
    files: Mapping[tuple[str, int], str]
    digest: str


def evidence_file(plan: Path) -> Path:
    """Where the evidence for a plan lies: beside it, as ``NAME.verdict.json`` for ``NAME.toml``."""
    plan = plan.resolve()
    return plan.with_name(plan.name.removesuffix(".toml") + VERDICT_ENDS)


def require_place(path: Path, plan: Path) -> Path:
    """The file to write, links followed. Raises TargetError (``evidence-unwritable``): better now than after the suites."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, up to Python 3.12
        raise _unwritable(path, "its links lead nowhere") from error
    if real == plan.resolve():
        raise _unwritable(path, "it is the plan itself")
    if os.path.lexists(real) and not real.is_file():
        raise _unwritable(path, "it is no regular file")
    if not os.access(real.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "no files can be made in its folder")
    return real


def write_evidence(path: Path, content: Mapping[str, Any], *, like: Path) -> str:
    """Write the evidence, whole or not at all, readable by whom ``like``, the plan, is; its SHA-256 in hex.

    Evidence that lies there is replaced, and keeps its permissions. Raises TargetError (``evidence-unwritable``).
    """
    data = (json.dumps({"schema": EVIDENCE_SCHEMA, **content}, indent=1, sort_keys=False) + "\n").encode()
    draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        mode = stat.S_IMODE((path if path.exists() else like).stat().st_mode) & 0o666
        _write(draft, data, mode)
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return hashlib.sha256(data).hexdigest()


def _write(draft: Path, data: bytes, mode: int) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)


def read_proofs(path: Path) -> tuple[Proof, ...] | None:
    """What the evidence at ``path`` says, by feature; None if there is none, and nothing where it cannot be made out."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return ()
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return ()
    try:
        content = json.loads(data)
        if content["schema"] != EVIDENCE_SCHEMA:
            return ()
        digest = hashlib.sha256(data).hexdigest()
        return tuple(_proof(content, feature, digest) for feature in content["features"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()


def _proof(content: Any, feature: Any, digest: str) -> Proof:
    files = (file for file in content["files"] if file["distribution"] == feature["distribution"])
    return Proof(
        distribution=_text(feature["distribution"]),
        version=_text(feature["version"]),
        feature=_text(feature["feature"]),
        plan_digest=_text(feature["plan_digest"]),
        passed=feature["verdict"] == "passed",
        time=_time(content["time"]),
        files={(_text(file["source"]), _level(file["optimization"])): _text(file["code_digest"]) for file in files},
        digest=digest,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _level(value: object) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _time(value: object) -> str:
    text = _text(value)
    if not _TIME.fullmatch(text):  # it is shown on terminals
        raise ValueError(value)
    return text


def is_of(proof: Proof, files: Iterable[ProvenFile]) -> bool:
    """Whether the evidence is of exactly this code."""
    return proof.files == {(file.source, file.optimization): file.code_digest for file in files}


def _unwritable(path: Path, why: str) -> TargetError:
    return TargetError(
        f"the evidence cannot be written to {path}: {why}",
        slug="evidence-unwritable",
        hint="Choose another place with --evidence FILE.",
    )
