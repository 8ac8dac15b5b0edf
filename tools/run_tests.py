"""What `make test` runs: the test suite, in an environment of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from tools.environments import ROOT, SetupError, clean_variables, dependency_group, digest_files, make_environment

WORKERS = "2"


def main() -> int:
    folder = ROOT / ".venv-test"
    log = ROOT / ".venv-test.log"
    log.unlink(missing_ok=True)
    try:
        python = make_environment(
            folder, ["-e", str(ROOT), *dependency_group("test")], log=log, fingerprint=digest_files([ROOT / "pyproject.toml"])
        )
    except SetupError as error:
        print(f"make test: {error}", file=sys.stderr)
        return 1
    command = [str(python), "-m", "pytest", "-q", "-n", WORKERS, "--dist", "loadfile", *shlex.split(os.environ.get("ARGS", ""))]
    return subprocess.run(command, cwd=ROOT, env=clean_variables(), check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
