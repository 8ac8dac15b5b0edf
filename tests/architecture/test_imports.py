"""Imports run one way, and each dependency has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
from pathlib import Path


def test_import_rules_hold(root: Path) -> None:
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run(
        [sys.executable, command, "--no-cache", "--no-logo"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


OF_ANOTHER_VERSION = {"_sha256", "_sha2"}  # the same C module before 3.12 and since; behind a try


def test_hooks_import_the_standard_library_and_themselves_only(root: Path) -> None:
    strangers = []
    for file in sorted((root / "hooks").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            strangers += [
                f"{file.relative_to(root)}:{node.lineno} {name}"
                for name in names
                if name.partition(".")[0] not in sys.stdlib_module_names | OF_ANOTHER_VERSION
            ]
    assert strangers == []


def test_hooks_run_on_a_bare_interpreter(root: Path) -> None:
    """-I -S: no site-packages, no environment; what the application's machine is sure to have."""
    program = "import sys, pkgutil, importlib; sys.path.insert(0, sys.argv[1]); import meterize_hooks as h\n"
    program += "for m in pkgutil.walk_packages(h.__path__, 'meterize_hooks.'): importlib.import_module(m.name)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, root / "hooks"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
