"""The environment that a user's command runs in: the target's interpreter first, and our files beside the suite's."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IN_PROCESS: Final = Path(__file__).parent / "_in_process"
_SETS_PATH: Final = re.compile(r"""(?<![\w$-])(?P<quote>['"]?)PYTHONPATH=(?=[^\s;&|)'"]|"[^"]|'[^'])""")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """``python`` is the target's interpreter, which ``python`` in a command means; ``variables`` are set on top of ours."""

    python: Path
    variables: Mapping[str, str]


def build_variables(environment: RunEnvironment, data: Path, spool: Path, programs: Path) -> dict[str, str]:
    """All variables of a command.

    ``data`` is the folder for data files, ``spool`` the one for usage records (a test run is no usage), ``programs`` an
    empty folder for what the interpreter's own folder lacks.
    """
    variables = {**os.environ, **environment.variables}
    for name in [name for name in variables if name.startswith("METERIZE_RUN_") and name != "METERIZE_RUN_DEBUG"]:
        del variables[name]
    variables.pop("METERIZE_SUBJECT", None)
    variables["METERIZE_SPOOL"] = str(spool)
    variables["METERIZE_RUN_FOLDER"] = str(data)
    variables["PYTHONPATH"] = _before(str(IN_PROCESS), variables.get("PYTHONPATH"), os.pathsep)
    _put_python_first(environment.python, variables, programs)
    return variables


def keep_path(command: str) -> str:
    """The command with our folder put before what it sets PYTHONPATH to."""
    return _SETS_PATH.sub(_put_before, command)


def _put_before(found: re.Match[str]) -> str:
    folder = str(IN_PROCESS) if found["quote"] else shlex.quote(str(IN_PROCESS))  # within quotes it needs no more
    return f"{found[0]}{folder}{os.pathsep}"


def _before(first: str, rest: str | None, separator: str) -> str:
    return f"{first}{separator}{rest}" if rest else first


def _put_python_first(python: Path, variables: dict[str, str], programs: Path) -> None:
    folder = python.parent
    path = _before(str(folder), variables.get("PATH", os.defpath), os.pathsep)
    if not (folder / "python").exists():
        # A link would hide the pyvenv.cfg beside the interpreter: a script starts it by its own name.
        script = programs / "python"
        script.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
        script.chmod(0o755)
        path = _before(str(programs), path, os.pathsep)
    variables["PATH"] = path
    if (folder.parent / "pyvenv.cfg").exists():
        variables["VIRTUAL_ENV"] = str(folder.parent)
    else:
        variables.pop("VIRTUAL_ENV", None)
    variables.pop("PYTHONHOME", None)
