"""The checks of CI as nox sessions: `nox -s lint types imports build`, and `nox -s tests` on every interpreter found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_existing_virtualenvs = True

# nox looks for python3.x in PATH; the search of `make test` finds pyenv's as well, and what was fetched.
_found = subprocess.run(
    ["sh", ROOT / "tools" / "newest_python.sh", "--all"], capture_output=True, text=True, check=False
).stdout
_folders = [str(Path(line.split(" ", 1)[1]).parent) for line in _found.splitlines()]
os.environ["PATH"] = os.pathsep.join([*_folders, os.environ["PATH"]])
# The suite is about .pyc files.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def install(session: nox.Session, *groups: str) -> None:
    """Installs this project, for its own tests and types with the ledger, and dependency groups."""
    needs = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), *groups)
    extra = "[ledger]" if "test" in groups else ""
    session.install("--quiet", "-e", f"{ROOT}{extra}", *needs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: rules and format."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install(session, "lint", "test", "dev")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """The import rules of pyproject.toml."""
    install(session, "lint")
    session.run("lint-imports", "--no-logo")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite on one interpreter; arguments after -- go to pytest."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Wheel and sdist, and a look into them."""
    session.install("--quiet", "build")
    folder = Path(session.create_tmp())
    for old in folder.glob("meterize-*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(folder), str(ROOT), silent=True)
    session.run("python", "-m", "tools.check_dist", str(folder))


@nox.session
def samples(session: nox.Session) -> None:
    """The sample apps' own tests, in one environment; the greenhouse's with unittest as well."""
    service, greenhouse = ROOT / "sample_apps" / "report_service", ROOT / "sample_apps" / "greenhouse"
    needs = nox.project.dependency_groups(nox.project.load_toml(service / "pyproject.toml"), "test")
    session.install("--quiet", str(service), str(greenhouse), *needs)
    for app in (service, greenhouse):
        session.chdir(app / "tests")  # from the project's folder they would test the source tree, not what is installed
        session.run("python", "-m", "pytest", "-q")
    session.run("python", "-m", "unittest")


@nox.session
def cases(session: nox.Session) -> None:
    """Real packages all the way: with pytest, unittest, child processes and coroutines. Others after --, by name."""
    install(session)
    few = ["greenhouse", "tablib-xlsx", "markdown-footnotes", "humanize-gnu", "asgiref-threads", "tabulate-cli"]
    session.run("python", "benchmarks/cases.py", *(session.posargs or few))


TORTURE = {
    "cpython": ["tests.frameworks.cpython", "--jobs", "2"],
    "packages": ["tests.frameworks.packages", "--jobs", "2"],
    "promises": [
        *("pytest", "-q", "--timeout", "1800", "-o", "faulthandler_timeout=1700", "-m", "slow or not slow"),
        *("tests/promises", "tests/unit/hooks/agent/test_thread.py"),
    ],
    "fuzz": ["tests.fuzz", "--programs", "2000"],
}
"""Long runs that try to make hooks noticeable, by name: a module and what it is always given."""


@nox.session(python=PYTHONS)
def torture(session: nox.Session) -> None:
    """Hooks at every block of real code. After --: names of steps, else all, then options for them: -- cpython --few"""
    options = list(session.posargs)
    steps = []
    while options and not options[0].startswith("-"):
        steps.append(options.pop(0))
    install(session, "test", "observers")
    for step in steps or TORTURE:
        session.run("python", "-m", *TORTURE[step], *options)
