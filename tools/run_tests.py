"""What `make test`, `make fuzz` and `make soak` run, in an environment of its own: tests, random programs, random kills."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys

from tools.environments import ROOT, SetupError, clean_variables, dependency_group, make_environment, pyproject

COMMANDS = {"test": ("pytest", "-q", "-n", "2", "--dist", "loadfile"), "fuzz": ("tests.fuzz",), "soak": ("tests.simulation",)}


def main(made: str = "test") -> int:
    folder = ROOT / ".venv-test"
    log = ROOT / ".venv-test.log"
    log.unlink(missing_ok=True)
    described = pyproject()
    fingerprint = json.dumps([described["project"], described["tool"]["hatch"]])
    try:
        needs = ["-e", f"{ROOT}[ledger]", *dependency_group("test")]
        python = make_environment(folder, needs, log=log, fingerprint=fingerprint)
    except SetupError as error:
        print(f"make {made}: {error}", file=sys.stderr)
        return 1
    command = [str(python), "-m", *COMMANDS[made], *shlex.split(os.environ.get("ARGS", ""))]
    _listen_to_signals()
    return subprocess.run(command, cwd=ROOT, env=clean_variables(), check=False).returncode


def _listen_to_signals() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, nohup to hang-ups; some tests are about being interrupted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
