"""Owns the ways of hooking that are compared with the untouched code, and what a place that is hooked so is made of."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from meterize.model.feature import Policy

RUNTIME = Path(__file__).parents[2] / "hooks" / "meterize_hooks"

BARE = "bare"
WAYS: dict[str, tuple[Policy | None, bool]] = {
    BARE: (None, False),
    "every": (Policy.EVERY, True),
    "once": (Policy.ONCE, True),
    "absent": (Policy.EVERY, False),
}
"""The policy of the hooks, and whether their runtime is there."""
METERED = tuple(way for way in WAYS if way != BARE)
TWINS = {"absent": "every"}
"""Ways with the same compiled modules as another."""


def cache_folder(suites: str) -> Path:
    """Where what was made for those suites is kept from one run to the next."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "meterize-tools" / suites


def link(source: str, target: str) -> None:
    """A hard link where the file system is the same: nobody writes into an installed file."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def install_runtime(site: Path) -> None:
    shutil.copytree(RUNTIME, site / RUNTIME.name, ignore=shutil.ignore_patterns("__pycache__"))


def digest(path: Path) -> str:
    """Of a file's contents; empty if it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
