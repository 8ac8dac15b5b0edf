"""The greenhouse, a sample package: a function, a generator and a coroutine metered, with nothing downloaded."""

from __future__ import annotations

from tools.demo import screen
from tools.demo.offline import install_packed
from tools.demo.snapshot import take_snapshot
from tools.demo.stage import FOLDER, LOG, Stage, expect, refresh
from tools.demo.tablib_story import compare
from tools.environments import ROOT, digest_files, make_environment

SAMPLE = ROOT / "sample_apps" / "greenhouse"
ENVIRONMENT = FOLDER / "greenhouse"
FEATURES = {"irrigation": "a function", "forecast": "a generator", "stations": "a coroutine"}
MODULES = ("readings", "climate", "irrigation", "forecast", "stations", "command_line")
COMMANDS = {"irrigation": "water", "forecast": "forecast", "stations": "poll"}
USES = {"north": {"irrigation": 2}, "south": {"forecast": 1, "stations": 1}}


def prepare() -> None:
    """An environment that holds the greenhouse and nothing else."""
    python = make_environment(ENVIRONMENT, [], log=LOG)
    refresh(ENVIRONMENT, digest_files((SAMPLE / "greenhouse").glob("*.py")), lambda: install_packed(python, SAMPLE))


def tell(stage: Stage) -> None:
    """The whole story; DemoError when a step's result is not what it should be."""
    meterize = ("meterize", "--python", "greenhouse/bin/python")
    site = next((ENVIRONMENT / "lib").glob("python3*/site-packages"))
    stage.clear(site, *meterize)
    before = take_snapshot(site)

    for number, (feature, kind) in enumerate(FEATURES.items(), start=1):
        screen.head(f"{number}  Find the feature {feature}, {kind}, by its tests")
        rest = " ".join(f"test_{module}" for module in MODULES if module != feature)
        tests = ("--with", f"python -m unittest test_{feature}", "--without", f"python -m unittest {rest}")
        where = ("--cwd", "../sample_apps/greenhouse/tests", "--plan", f"{feature}.plan.toml")
        stage.show(*meterize, "analyze", "greenhouse", "--feature", feature, *tests, *where)

    screen.head("4  Put the hooks in: compiled modules change, not a line of source")
    for feature in FEATURES:
        stage.show(*meterize, "instrument", f"{feature}.plan.toml", "--policy", "every")
    metered = take_snapshot(site)
    screen.head("5  Two growers use it")
    for subject, uses in USES.items():
        for feature, times in uses.items():
            for _ in range(times):
                command = (
                    "greenhouse/bin/python",
                    "-m",
                    "greenhouse",
                    COMMANDS[feature],
                    "../sample_apps/greenhouse/data/today.csv",
                )
                stage.show(*command, extra={"METERIZE_SUBJECT": subject})

    screen.head("6  Who used what")
    stage.show("meterize", "usage")
    wanted = {(feature, subject): times for subject, uses in USES.items() for feature, times in uses.items()}
    expect("uses by feature and subject", stage.uses(), wanted)
    screen.agree("each use, by feature and grower")

    screen.head("7  Prove it, and take it out again")
    for feature in FEATURES:
        stage.show(*meterize, "verify", f"{feature}.plan.toml")
    stage.show(*meterize, "strip", "greenhouse")
    compare(before, metered, take_snapshot(site))
