"""Owns environments made from the package index: a package installed, and beside it the folder of its sdist, with its tests.

Standard library only, and nothing of its own folder: the torture of packages (tests/frameworks/packages) makes them too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def install_sdist(
    place: Path,
    distribution: str,
    version: str,
    *,
    needs: Sequence[str],
    remove: Sequence[str],
    variables: Mapping[str, str],
) -> Path:
    """Make ``place/venv`` with the distribution and what pip is told by ``needs``; return the unpacked folder of its sdist.

    ``remove`` are folders of the sdist that would be imported instead of what is installed. Raises SystemExit.
    """
    python = place / "venv" / "bin" / "python"
    pinned = f"{distribution}=={version}"
    run([sys.executable, "-m", "venv", str(place / "venv")], variables)
    run([str(python), "-m", "pip", "install", "-q", pinned, *needs], variables)
    # Of this distribution alone: what builds it may come as a wheel.
    only_source = ["--no-deps", "--no-binary", distribution]
    run([str(python), "-m", "pip", "download", "-q", *only_source, pinned, "-d", str(place / "sdist")], variables)
    with tarfile.open(next((place / "sdist").glob("*.tar.gz"))) as archive:
        archive.extractall(place / "unpacked", filter="data")
    unpacked = next((place / "unpacked").iterdir())
    for part in remove:
        shutil.rmtree(unpacked / part)
    return unpacked


def run(command: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run it; its output is of interest only if it fails."""
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode})\n{done.stdout[-3000:]}")
