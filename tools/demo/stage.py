"""Where the demo plays: its folder, its environments, and running commands there in the sight of the audience or behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.demo import screen
from tools.environments import ROOT, clean_variables, digest_files, install, make_environment, pyproject

FOLDER = ROOT / ".demo"
LOG = FOLDER / "demo.log"


class DemoError(Exception):
    """A step's result is not what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Commands run in `folder`; `tool/bin/meterize` is on the path, usage goes to `spool`, the ledger is `usage.db`."""

    folder: Path
    variables: Mapping[str, str]

    def show(self, *words: str, extra: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        """Shows the command, runs it in the open; DemoError unless it succeeds."""
        screen.show_command(words, variables=" ".join(f"{name}={value}" for name, value in (extra or {}).items()))
        done = subprocess.run(words, cwd=cwd or self.folder, env={**self.variables, **(extra or {})}, check=False)
        if done.returncode:
            raise DemoError(f"`{words[0]} …` ended with {done.returncode}")

    def ask(self, *words: str) -> Any:
        """The JSON answer of a command that nobody sees."""
        done = subprocess.run(words, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"`{' '.join(words)}` ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def clear(self, site: Path, *meterize: str) -> None:
        """Takes away what an interrupted demo left: hooks in these site-packages, and plans."""
        if (site / ".meterize").exists():
            self.ask(*meterize, "strip", "--all", "--json")
        for plan in self.folder.glob("*.plan.toml"):
            plan.unlink()

    def uses(self, *where: str) -> dict[tuple[str, str | None], int]:
        """What `meterize usage` tells: uses by feature and subject."""
        counted: dict[tuple[str, str | None], int] = {}
        for row in self.ask("meterize", "usage", "--json", *where)["uses"]:
            key = (row["feature"], row["subject"])
            counted[key] = counted.get(key, 0) + row["uses"]
        return counted


def open_stage() -> Stage:
    """A stage with an empty spool and no ledger. The tool's environment is made apart."""
    FOLDER.mkdir(exist_ok=True)
    LOG.unlink(missing_ok=True)
    for file in (*FOLDER.glob("*.token"), *FOLDER.glob("usage.*")):
        file.unlink()
    spool = FOLDER / "spool"
    for file in sorted(spool.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    variables = clean_variables()
    variables["PATH"] = f"{FOLDER / 'tool' / 'bin'}:{variables.get('PATH', '')}"
    variables["METERIZE_SPOOL"] = str(spool)
    variables["METERIZE_DATABASE"] = str(FOLDER / "usage.db")
    if not sys.stdout.isatty():
        variables["COLUMNS"] = str(screen.WIDTH)
    return Stage(folder=FOLDER, variables=variables)


def make_tool_environment() -> None:
    """The operator's environment: meterize with its dependencies, built from this clone, and nothing of the target."""
    python = make_environment(FOLDER / "tool", tool_needs(), log=LOG)
    refresh(FOLDER / "tool", tool_sources(), lambda: install(python, ["--no-deps", "--force-reinstall", str(ROOT)], log=LOG))


def tool_needs() -> list[str]:
    """What meterize needs with its ledger."""
    project = pyproject()["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["ledger"]]


def tool_sources() -> str:
    """A digest of all that goes into the wheel."""
    files = [file for folder in ("instrumentor", "hooks", "ledger") for file in (ROOT / folder).rglob("*") if file.is_file()]
    return digest_files([file for file in files if "__pycache__" not in file.parts] + [ROOT / "pyproject.toml"])


def refresh(environment: Path, digest: str, renew: Any) -> None:
    """Calls `renew` unless the environment has what the digest stands for."""
    mark = environment / ".holds"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != digest:
        mark.unlink(missing_ok=True)
        renew()
        mark.write_text(digest, encoding="utf-8")


def expect(what: str, found: object, wanted: object) -> None:
    """DemoError unless the two are equal."""
    if found != wanted:
        raise DemoError(f"{what}: {found!r} instead of {wanted!r}")
