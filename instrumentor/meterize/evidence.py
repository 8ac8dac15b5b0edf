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
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, Final

from meterize.errors import TargetError
from meterize.model.own_files import VERDICT_ENDS

EVIDENCE_SCHEMA: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read: some 300,000 tests."""
_DIGITS: Final = 12
"""Of a digest, in the name of evidence that is kept."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a file of evidence says of one feature: the plan's digest and that of each of its parts, the verdict, when (ISO
    8601, UTC), and of which code (by source and -O level). ``digest`` is the SHA-256 of the file."""

    distribution: str
    version: str
    feature: str
    plan_digest: str
    plan_parts: Mapping[str, str]
    passed: bool
    time: str
    files: Mapping[tuple[str, int], str]
    digest: str


def evidence_file(plan: Path) -> Path:
    """Where the evidence for a plan lies: beside it, as ``NAME.verdict.json`` for ``NAME.toml``."""
    plan = plan.resolve()
    return plan.with_name(plan.name.removesuffix(".toml") + VERDICT_ENDS)


def past_evidence(path: Path) -> tuple[Path, ...]:
    """The evidence that was kept when other was written to ``path``, by name."""
    stem, ending = _split(path)
    digits = "[0-9a-f]" * _DIGITS
    return tuple(sorted(path.parent.glob(f"{escape(stem)}.{digits}{escape(ending)}")))


def _split(path: Path) -> tuple[str, str]:
    ending = VERDICT_ENDS if path.name.endswith(VERDICT_ENDS) else path.suffix
    return path.name.removesuffix(ending), ending


def keep_passed(path: Path, content: Mapping[str, Any]) -> Path | None:
    """Before ``content`` takes the place of the evidence at ``path``: copy that to a name of its own, by its digest, if a
    feature passed by it whose plan, version and code does not pass by ``content``. Returns where it is kept, if it is.

    Raises TargetError (``evidence-unwritable``).
    """
    data = _read(path)
    proved = {_subject(proof) for proof in _parse(data or b"") if proof.passed}
    if data is None or proved <= {_subject(proof) for proof in _parse(_render(content)) if proof.passed}:
        return None
    stem, ending = _split(path)
    kept = path.with_name(f"{stem}.{hashlib.sha256(data).hexdigest()[:_DIGITS]}{ending}")
    _replace(kept, data, like=path)
    return kept


def _subject(proof: Proof) -> tuple[object, ...]:
    files = tuple(sorted(proof.files.items()))
    return proof.distribution, proof.version, proof.feature, proof.plan_digest, files


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
    data = _render(content)
    _replace(path, data, like=path if path.exists() else like)
    return hashlib.sha256(data).hexdigest()


def _render(content: Mapping[str, Any]) -> bytes:
    return (json.dumps({"schema": EVIDENCE_SCHEMA, **content}, indent=1, sort_keys=False) + "\n").encode()


def _replace(path: Path, data: bytes, *, like: Path) -> None:
    draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        _write(draft, data, stat.S_IMODE(like.stat().st_mode) & 0o666)
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _write(draft: Path, data: bytes, mode: int) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)


def read_proofs(path: Path) -> tuple[Proof, ...] | None:
    """What the evidence at ``path`` says, by feature; None if there is none, and nothing where it cannot be made out."""
    data = _read(path)
    return None if data is None else _parse(data)


def _read(path: Path) -> bytes | None:
    """None if there is nothing, and nothing where it cannot be read, or is no evidence by its size."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return b""
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _parse(data: bytes) -> tuple[Proof, ...]:
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
        plan_parts={_text(key): _text(value) for key, value in feature.get("plan", {}).items()},
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


def _unwritable(path: Path, why: str) -> TargetError:
    return TargetError(
        f"the evidence cannot be written to {path}: {why}",
        slug="evidence-unwritable",
        hint="Choose another place with --evidence FILE.",
    )
