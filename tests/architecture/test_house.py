"""What every part of the project owes its reader."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import version
from pathlib import Path

SOURCES = ("instrumentor", "hooks", "ledger", "tools")
SLUG = re.compile(r"""\bslug=f?["']([^"']+)["']""")


def source_files(root: Path) -> list[Path]:
    files = [file for folder in SOURCES for file in sorted((root / folder).rglob("*.py"))]
    assert len(files) > 20
    return files


def test_every_module_says_what_it_owns(root: Path) -> None:
    silent = []
    for file in source_files(root):
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        first = (docstring or "").partition("\n\n")[0].removesuffix("PYTEST_DONT_REWRITE")
        if not first.rstrip().endswith((".", ":", "?")):
            silent.append(str(file.relative_to(root)))
    assert silent == []


def test_every_error_slug_is_documented(root: Path) -> None:
    """An error's slug is its anchor in docs/errors.md, so it has a heading of that name there."""
    used: dict[str, str] = {}
    for file in source_files(root):
        for slug in SLUG.findall(file.read_text(encoding="utf-8")):
            used.setdefault(slug, str(file.relative_to(root)))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in used), f"slugs are literal and kebab-case: {used}"
    page = (root / "docs" / "errors.md").read_text(encoding="utf-8")
    documented = re.findall(r"^#{2,4} `?([a-z0-9-]+)`?\s*$", page, flags=re.MULTILINE)
    assert {slug: file for slug, file in used.items() if slug not in documented} == {}
    assert [slug for slug in documented if slug not in used] == []


def test_users_are_not_sent_to_files_that_they_do_not_have(root: Path) -> None:
    """An installed tool has no docs/ beside it: what it says to its users it says itself. Docstrings are for those who have the
    source, except those of commands, which are their help."""
    sent = []
    for file in source_files(root):
        if file.is_relative_to(root / "tools"):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        unheard = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and not _is_help(node, tree)}
        sent += [
            f"{file.relative_to(root)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in unheard and re.search(r"docs/|\.md\b", str(node.value))
        ]
    assert sent == []


def _is_help(node: ast.Expr, tree: ast.Module) -> bool:
    """The docstring of a function that is decorated as a command."""
    return any(
        function.body[0] is node and any("command" in ast.unparse(decorator) for decorator in function.decorator_list)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
    )


def test_every_slug_is_a_literal(root: Path) -> None:
    """Only literal slugs can be held to the page; the family in errors.py passes them on."""
    loose = []
    for file in source_files(root):
        if file.name == "errors.py":
            continue
        loose += [
            f"{file.relative_to(root)}:{node.value.lineno}"
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.keyword) and node.arg == "slug" and not isinstance(node.value, ast.Constant)
        ]
    assert loose == []


def test_console_script_leads_to_the_command_line() -> None:
    """In a process of its own: the command line keeps the runtime out of its process, and other tests need it in theirs."""
    script = Path(sysconfig.get_path("scripts")) / "meterize"
    done = subprocess.run([sys.executable, script, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"meterize, version {version('meterize')}\n"), done.stderr


def test_one_list_of_supported_versions(root: Path) -> None:
    """The interpreter search, the package's metadata and the tool's own check agree."""
    from meterize.cpython.versions import SUPPORTED

    search = (root / "tools" / "newest_python.sh").read_text(encoding="utf-8")
    searched = re.search(r'^SUPPORTED="([^"]+)"', search, flags=re.MULTILINE)
    assert searched
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classified = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    supported = [".".join(map(str, version)) for version in SUPPORTED]
    assert sorted(searched[1].split()) == sorted(classified) == sorted(supported)
    sessions = re.search(r"^PYTHONS = (.+)$", (root / "noxfile.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages = re.search(r"^SUPPORTED=\((.+)\)$", (root / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sessions
    assert stages
    assert sorted(re.findall(r"3\.\d+", sessions[1])) == sorted(stages[1].split()) == sorted(supported)


def test_no_committed_text_leads_out_of_the_clone(root: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    files = [root / name for name in listed.stdout.split("\0") if name] or [*source_files(root), root / "README.md"]
    outside = re.compile(r"\.\./(shared|prototypes|design)\b|/work/|/tmp/mz")
    leading = []
    for file in files:
        if file == Path(__file__).resolve() or not file.is_file():
            continue
        if outside.search(file.read_text(encoding="utf-8", errors="replace")):
            leading.append(str(file.relative_to(root)))
    assert leading == []
