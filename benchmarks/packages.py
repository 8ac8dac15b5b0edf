"""Installed packages to work on: generated ones of any size, or a copy of a source tree, as pip would lay them out."""

from __future__ import annotations

import base64
import compileall
import csv
import hashlib
import shutil
from pathlib import Path

FUNCTIONS = 20
FUNCTION = '''

def step_{number}(values, limit={number}, *, scale=1.5):
    """Take what lies under the limit, scaled."""
    kept = []
    for value in values:
        if value > limit:
            continue
        try:
            kept.append(value * scale + OFFSETS["{number}"])
        except TypeError as error:
            raise ValueError(f"not a number: {{value!r}}") from error
    return kept
'''


def module_text(number: int) -> str:
    """A module of some 250 lines, like no other."""
    head = f'"""Module {number} of a generated package."""\n\nOFFSETS = {{str(n): n + {number} for n in range({FUNCTIONS})}}\n'
    return head + "".join(FUNCTION.format(number=n) for n in range(FUNCTIONS))


def generate_package(site: Path, name: str, modules: int) -> None:
    """Install a package of so many modules; importing it imports them all."""
    folder = site / name
    folder.mkdir(parents=True)
    imports = "".join(f"from . import part_{number}\n" for number in range(modules))
    (folder / "__init__.py").write_text(f'"""A generated package."""\n\n{imports}', encoding="utf-8")
    for number in range(modules):
        (folder / f"part_{number}.py").write_text(module_text(number), encoding="utf-8")
    finish_package(site, name)


def copy_package(site: Path, source: Path) -> None:
    """Install the import package in the folder ``source`` as pip would."""
    shutil.copytree(source, site / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    finish_package(site, source.name)


def finish_package(site: Path, name: str) -> None:
    """Compile it, as pip does, and write its metadata."""
    compileall.compile_dir(site / name, quiet=1)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "INSTALLER").write_text("pip\n", encoding="utf-8")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", encoding="utf-8")
    with (info / "RECORD").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for path in sorted([*(site / name).rglob("*.py"), *info.iterdir()]):
            data = path.read_bytes() if path.name != "RECORD" else b""
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            writer.writerow([path.relative_to(site).as_posix(), f"sha256={digest}" if data else "", len(data) or ""])
