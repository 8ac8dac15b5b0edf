"""A look into the wheel and the sdist of a folder: all packages are in, with their data files, and nothing else."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from tools.environments import ROOT

PACKAGES = {"meterize": ROOT / "instrumentor", "meterize_hooks": ROOT / "hooks", "meterize_ledger": ROOT / "ledger"}
SDIST_TOO = (
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
    "noxfile.py",
    "pyproject.toml",
    "tests/architecture/test_house.py",
)


def main(folder: Path) -> int:
    (wheel,) = folder.glob("meterize-*.whl")
    (sdist,) = folder.glob("meterize-*.tar.gz")
    complaints = [*check_wheel(wheel), *check_sdist(sdist)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not complaints:
        print(f"{wheel.name} and {sdist.name} hold what they should")
    return bool(complaints)


def source_files(root: Path) -> set[str]:
    """The files of one source root as the wheel names them."""
    files = (file.relative_to(root) for file in root.rglob("*") if file.is_file())
    return {str(file) for file in files if "__pycache__" not in file.parts}


def check_wheel(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        info = next(name.partition("/")[0] for name in held if name.endswith(".dist-info/RECORD"))
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    wanted = set().union(*map(source_files, PACKAGES.values()))
    complaints = [f"wheel: {name} is missing" for name in sorted(wanted - held)]
    complaints += [f"wheel: {name} should not be in" for name in sorted(held - wanted) if not name.startswith(f"{info}/")]
    complaints += [f"wheel: {package} is not typed" for package in PACKAGES if f"{package}/py.typed" not in held]
    if "meterize = meterize.cli:main" not in scripts:
        complaints.append("wheel: no console script meterize")
    if not any(name.endswith("/LICENSE") for name in held):
        complaints.append("wheel: no licence")
    return complaints


def check_sdist(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {f"{root.name}/{name}" for root in PACKAGES.values() for name in source_files(root)} | set(SDIST_TOO)
    return [f"sdist: {name} is missing" for name in sorted(wanted - held)]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
