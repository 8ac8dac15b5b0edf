"""``--python``: the same command, run by another environment's interpreter.

As pip's ``--python`` does: the work happens in a process of the target's interpreter, to which the tool lends its own
pure-Python packages. They stand first on the path there, so that a different click or rich in the target cannot break the tool;
the target's own path is kept aside for finding the package.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NoReturn

from meterize.errors import TargetError

from . import GIVEN_PYTHON

LENT = ("meterize", "meterize_hooks", "click", "rich", "coverage", "markdown_it", "mdurl", "pygments")


def asked_for(arguments: Sequence[str]) -> Path | None:
    """The --python that stands before anything else."""
    match arguments:
        case ["--python", python, _, *_]:
            return Path(python)
        case [first, _, *_] if first.startswith("--python="):
            return Path(first.removeprefix("--python="))
    return None


def hand_over(python: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by one of ``python`` that runs the same command line, less ``--python``."""
    interpreter = find_interpreter(python)
    os.environ[GIVEN_PYTHON] = str(python)
    launcher = Path(__file__).with_name("_launch.py")
    command = [str(interpreter), str(launcher), json.dumps(lent_paths()), *without_python(arguments)]
    os.execv(command[0], command)  # noqa: S606 - the interpreter that the user named


def find_interpreter(python: Path) -> Path:
    """The interpreter meant by a path or a venv's folder; raises TargetError unless it is a supported CPython."""
    candidates = [python / "bin" / "python", python / "Scripts" / "python.exe", python]
    found = next((path for path in candidates if _can_be_run(path)), None)
    if found is None:
        raise TargetError(
            f"--python {python}: no interpreter there that you may run",
            slug="no-interpreter",
            hint="Give the path of a python executable, or the folder of a virtual environment.",
        )
    probe = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        done = subprocess.run([found, "-I", "-c", probe], capture_output=True, text=True, timeout=30, check=True)
        name, *version = done.stdout.split()
        major, minor = map(int, version)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise TargetError(
            f"--python {python}: {found} does not answer as a Python interpreter",
            slug="no-interpreter",
            hint="Give the path of a python executable, or the folder of a virtual environment.",
        ) from error
    if name != "cpython" or (major, minor) < (3, 11):
        raise TargetError(
            f"--python {python}: {name} {major}.{minor} is not supported",
            slug="interpreter-unsupported",
            hint="meterize works on CPython 3.11 to 3.14.",
        )
    return found.absolute()


def _can_be_run(path: Path) -> bool:
    """Path.is_file would raise where the way there is closed."""
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113


def lent_paths() -> list[str]:
    """The folders from which the tool's own packages are imported here, each once."""
    folders = []
    for name in LENT:
        spec = PathFinder.find_spec(name)  # importlib.util.find_spec stops at the entry of meterize_hooks in sys.modules
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        folders.append(str(origin.parent.parent if origin.name == "__init__.py" else origin.parent))
    return list(dict.fromkeys(folders))


def without_python(arguments: Sequence[str]) -> list[str]:
    """The command line without its ``--python``."""
    rest = list(arguments)
    for index, argument in enumerate(rest):
        if argument == "--python":
            return rest[:index] + rest[index + 2 :]
        if argument.startswith("--python="):
            return rest[:index] + rest[index + 1 :]
    return rest
