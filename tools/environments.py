"""Virtual environments that `make` and CI build: quietly, once, and again when what goes in has changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOG_TAIL = 25

# They make an environment's Python find other modules, or keep it from writing the .pyc files that this project is about.
MISLEADING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "VIRTUAL_ENV")


class SetupError(Exception):
    """An environment could not be made; the message holds the end of the log."""


def clean_variables() -> dict[str, str]:
    """This process's environment without the variables that mislead a Python of another environment."""
    return {name: value for name, value in os.environ.items() if name not in MISLEADING and not name.startswith("METERIZE_")}


def run_quietly(
    command: Sequence[str | Path], *, log: Path, cwd: Path = ROOT, variables: Mapping[str, str] | None = None
) -> None:
    """Runs the command with its output in the log; raises SetupError with the log's tail if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(words)}\n")
        stream.flush()
        done = subprocess.run(
            words,
            cwd=cwd,
            env=variables or clean_variables(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            check=False,
        )
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:]
        raise SetupError(f"`{' '.join(words[:6])} …` failed ({done.returncode}). The end of {log}:\n  " + "\n  ".join(tail))


def make_environment(
    folder: Path, requirements: Sequence[str], *, log: Path, fingerprint: str = "", options: Sequence[str] = ()
) -> Path:
    """Makes a virtual environment of this interpreter with the requirements in it and returns its interpreter.

    An environment that was finished with the same requirements and fingerprint is taken as it is; any other is made anew.
    Raises SetupError if that fails. The options are for pip and make no difference to the result.
    """
    stamp = folder / ".made.json"
    wanted = json.dumps([sys.version, sys.executable, str(folder), *requirements, fingerprint], indent=1)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return folder / "bin" / "python"
    print(f"Making {folder.relative_to(ROOT)} (Python {sys.version.split()[0]}) …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    has_ensurepip = find_spec("ensurepip") is not None
    run_quietly([sys.executable, "-m", "venv", *([] if has_ensurepip else ["--without-pip"]), folder], log=log)
    install(folder / "bin" / "python", [*options, *requirements] if requirements else [], log=log)
    stamp.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def install(python: Path, arguments: Sequence[str], *, log: Path) -> None:
    """Runs `pip install`; where the environment has no pip (Debian without python3-venv), with this interpreter's."""
    own_pip = (python.parent / "pip").exists()
    pip = [str(python), "-m", "pip"] if own_pip else [sys.executable, "-m", "pip", "--python", str(python)]
    if arguments:
        run_quietly([*pip, "install", "--quiet", "--disable-pip-version-check", *arguments], log=log)


def pyproject(folder: Path = ROOT) -> dict[str, Any]:
    """A project's pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def dependency_group(name: str) -> list[str]:
    """The requirements of one of pyproject.toml's dependency groups, included groups too (pip knows groups from 25.1 on)."""
    found: list[str] = []
    for entry in pyproject()["dependency-groups"][name]:
        found += [entry] if isinstance(entry, str) else dependency_group(entry["include-group"])
    return found


def digest_files(files: Iterable[Path]) -> str:
    """One sha256 over the names and contents of the files."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
