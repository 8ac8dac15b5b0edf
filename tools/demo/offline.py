"""Doing without the package index: wheels packed by hand, and dependencies lent by another environment of this machine."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tools.demo.stage import FOLDER, LOG, refresh, tool_needs, tool_sources
from tools.environments import ROOT, SetupError, clean_variables, install, make_environment, pyproject

WHERE = (
    "import importlib.util, sys; print(*{importlib.util.find_spec(n).origin.rpartition(n)[0] for n in sys.argv[1:]}, sep='\\n')"
)


def pack_wheel(project: Path, into: Path) -> Path:
    """The wheel that a build backend would make of a pure-Python project; returns its path."""
    described = pyproject(project)
    name, version = described["project"]["name"].replace("-", "_"), described["project"]["version"]
    contents: dict[str, bytes] = {}
    for package in described["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        folder = project / package
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                contents[str(file.relative_to(folder.parent))] = file.read_bytes()
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in described["project"].get("dependencies", []))
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: make demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    scripts = "".join(f"{script} = {target}\n" for script, target in described["project"].get("scripts", {}).items())
    contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = "".join(f"{path},sha256={encode(content)},{len(content)}\n" for path, content in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    into.mkdir(parents=True, exist_ok=True)
    wheel = into / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
    return wheel


def encode(content: bytes) -> str:
    """The digest as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def install_packed(python: Path, project: Path) -> None:
    """Installs a project without any index or build backend."""
    wheel = pack_wheel(project, FOLDER / "wheels")
    install(python, ["--no-index", "--no-deps", "--force-reinstall", str(wheel)], log=LOG)


def make_tool_environment() -> None:
    """The tool's environment: as an earlier demo left it, else with the dependencies of another environment of this machine."""
    try:
        python = make_environment(FOLDER / "tool", tool_needs(), log=LOG, options=["--retries", "0", "--timeout", "10"])
    except SetupError:
        needs: list[str] = pyproject()["project"]["dependencies"]
        lent = find_dependencies([re.split(r"[<>=!~ ]", need)[0] for need in needs])
        python = make_environment(FOLDER / "tool", [], log=LOG, fingerprint="\n".join(lent))
        site = next((FOLDER / "tool" / "lib").glob("python3*/site-packages"))
        (site / "lent.pth").write_text("".join(f"{folder}\n" for folder in lent), encoding="utf-8")
    refresh(FOLDER / "tool", tool_sources(), lambda: install_packed(python, ROOT))


def find_dependencies(names: list[str]) -> list[str]:
    """The folders that hold these packages in an environment of this Python version; SetupError if no environment has all."""
    for python in (ROOT / ".venv-test" / "bin" / "python", ROOT / ".venv" / "bin" / "python", Path(sys.executable)):
        if not python.exists():
            continue
        probe = "import sys; sys.exit(sys.version_info[:2] != tuple(map(int, sys.argv[1].split('.'))))"
        version = ".".join(map(str, sys.version_info[:2]))
        same = subprocess.run([python, "-c", probe, version], env=clean_variables(), capture_output=True, check=False)
        found = subprocess.run(
            [python, "-c", WHERE, *names], env=clean_variables(), capture_output=True, text=True, check=False
        )
        if same.returncode == found.returncode == 0:
            return sorted(found.stdout.splitlines())
    raise SetupError(
        f"meterize needs {', '.join(names)}, and no environment of this machine lends them to this Python; "
        "`make test` with the package index once gets them."
    )
