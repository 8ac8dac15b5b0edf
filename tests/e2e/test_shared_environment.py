"""The tool in the environment that it meters, and the metered package one of the tool's own: its own process never counts."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import pytest

import meterize
from meterize.spool import read_uses

TOOL = ("click", "rich", "markdown-it-py", "mdurl", "pygments", "coverage")

TARGETS = {
    "click": (
        "import click\n@click.command()\ndef main(): {use}\nmain(standalone_mode=False, args=[])\n",
        "click.echo('x')",
    ),
    "rich": (
        "from rich.console import Console\nfrom rich.text import Text\nText('x').append('y')\nconsole = Console()\n{use}\n",
        "console.print('x')",
    ),
    "coverage": (
        "import coverage\ndata = coverage.CoverageData(no_disk=True)\ndata.set_context('x')\n{use}\n",
        "data.add_lines({'x.py': [1]})",
    ),
}
"""Programs, and what they do when they use the feature. The tool's own process does each of them in the commands below."""


@pytest.fixture(scope="module")
def shared_workshop(workshop, tmp_path_factory, make_lab, install):
    """The greenhouse beside the tool and all its dependencies, as after `pip install meterize`; all was used once before."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("shared") / "lab")
    for name in TOOL:
        copy_distribution(importlib.metadata.distribution(name), lab.site)
    origin = Path(meterize.__file__).parent
    files = []
    for folder in (origin, next(path for path in _hooks_folders(origin) if path.is_dir())):
        shutil.copytree(folder, lab.site / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        files += [path.relative_to(lab.site).as_posix() for path in (lab.site / folder.name).rglob("*.py")]
    install(lab.site, {}, name="meterize", version=importlib.metadata.version("meterize"))
    [info] = lab.site.glob("meterize-*.dist-info")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    (lab.site / "borrowed.pth").unlink()
    _live_in(lab)
    warm = [lab.analyze("irrigation", "--data", lab.work / "data.db", "--plan", lab.work / "p.toml"), lab.meterize("usage")]
    warm += [
        lab.meterize("instrument", lab.work / "p.toml"),
        lab.meterize("status"),
        lab.meterize("verify", lab.work / "p.toml"),
        lab.meterize("strip", "--all"),
    ]
    assert [ran.code for ran in warm] == [0] * 6, warm
    return lab


def copy_distribution(distribution, site):
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts and "tests" not in file.parts and source.is_file():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, site / file)


def _hooks_folders(origin):
    """Where the runtime lies: beside the tool once it is installed, in a source root of its own in a checkout."""
    yield origin.parent / "meterize_hooks"
    yield origin.parents[1] / "hooks" / "meterize_hooks"


def _live_in(lab):
    """From now on `meterize` means the tool in that environment, without --python."""
    lab.command = lambda *arguments: [str(lab.python), "-m", "meterize", *map(str, arguments)]


@pytest.fixture
def shared(shared_workshop, tmp_path, make_lab):
    lab = make_lab(shared_workshop.root, tmp_path / "lab")
    lab.suite = shared_workshop.suite
    _live_in(lab)
    return lab


def spooled(lab):
    """Who used what was counted."""
    return {total.subject for total in read_uses(lab.spool).totals}


@pytest.mark.parametrize(
    ("name", "policy"), [pytest.param("click", "every", marks=pytest.mark.slow), ("rich", "once"), ("coverage", "every")]
)
def test_the_tool_never_counts_itself(shared, snapshot_of, name, policy):
    lab = shared
    program, use = TARGETS[name]
    (lab.work / "with.py").write_text(program.format(use=use))
    (lab.work / "without.py").write_text(program.format(use="pass"))
    lab.use(program.format(use=use))
    before = snapshot_of(lab.venv)
    found = lab.ask("analyze", name, "--feature", "x", "--with", "python with.py", "--without", "python without.py")
    plan = lab.work / found["plan"]
    lab.instrument(plan, "--policy", policy)

    # What the tool does here, it does with the metered package.
    environment = {"METERIZE_SUBJECT": "the tool"}
    for words in (["status"], ["usage", "--json"], ["strip", "nothing"], ["instrument", plan, "--policy", policy]):
        ran = lab.meterize(*words, **environment)
        assert ran.code == (4 if "nothing" in words else 0), ran
    if name == "coverage":
        analyzed = lab.analyze("irrigation", "--data", lab.work / "data.db", **environment)
        assert analyzed.code == 0, analyzed
    assert spooled(lab) == set()

    # What everybody else does, counts.
    for _ in range(2):
        lab.use(program.format(use=f"({use}, {use})"), METERIZE_SUBJECT="them")
    assert spooled(lab) == {"them"}
    assert [(one["package"], one["uses"]) for one in lab.ask("usage")["uses"]] == [(name, 4 if policy == "every" else 2)]

    if policy == "every":
        assert lab.ask("verify", plan)["verdict"] == "passed"
    [stripped] = lab.ask("strip", name)["packages"]
    assert stripped["identical"]
    assert not stripped["runtime_removed"], "it is the tool's own"
    assert snapshot_of(lab.venv) == before


def test_the_hooks_are_where_the_tool_passes(shared):
    """The test above would prove nothing if the tool went another way: with the runtime let in, it counts."""
    lab = shared
    program, use = TARGETS["click"]
    (lab.work / "with.py").write_text(program.format(use=use))
    (lab.work / "without.py").write_text(program.format(use="pass"))
    found = lab.ask("analyze", "click", "--feature", "x", "--with", "python with.py", "--without", "python without.py")
    lab.instrument(lab.work / found["plan"], "--policy", "every")
    late = "from meterize.cli.app import run; run(['usage', '--json'])"
    subprocess.run([lab.python, "-c", late], cwd=lab.work, env=lab.environment(), check=True, capture_output=True)
    assert len(spooled(lab)) == 1


@pytest.mark.parametrize("name", ["meterize", "meterize_hooks"])
def test_the_tool_does_not_meter_itself(shared, name):
    lab = shared
    before = lab.tree()
    ran = lab.meterize("analyze", name, "--feature", "x", "--with", "true", "--without", "true")
    lab.refused(ran, 4, "own-package", "is meterize itself", before=before)
