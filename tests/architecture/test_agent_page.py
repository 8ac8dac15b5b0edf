"""docs/agent.md says what the agent takes and tells, and which tests prove what it promises."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "hooks") not in sys.path:
    sys.path.insert(0, str(ROOT / "hooks"))

from meterize_hooks.agent.__main__ import _parser  # noqa: E402
from meterize_hooks.agent.liveness import Life  # noqa: E402
from meterize_hooks.agent.metrics import OUTCOMES, STATES, Metrics  # noqa: E402
from meterize_hooks.agent.settings import Settings  # noqa: E402

TESTS = ROOT / "tests" / "unit" / "hooks" / "agent"


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")


def test_options_are_those_of_the_page(page):
    known = {name for action in _parser()._actions for name in action.option_strings} - {"-h", "--help"}
    [table] = re.findall(r"## Settings\n\n((?:\|.*\n)+)", page)
    assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", table)) == known
    used = set()
    for file in (ROOT / "hooks" / "meterize_hooks" / "agent").glob("*.py"):
        used |= set(re.findall(r'"(METERIZE_\w+)"', file.read_text(encoding="utf-8")))
    assert used | {"METERIZE_SPOOL"} == set(re.findall(r"`(METERIZE_\w+)`", table))
    told = Settings(ledger="", spools=())
    for number in (told.timeout, told.longest_wait, told.seconds, told.items, told.body_bytes, told.last_round):
        assert f"{int(number):,}" in page


def test_metrics_are_those_of_the_page(page):
    names = set(re.findall(r"# TYPE (\w+)", Metrics().text()))
    [table] = re.findall(r"is for Prometheus:\n\n((?:\|.*\n)+)", page)
    told = {name.replace("…", "meterize_agent") for name in re.findall(r"`((?:meterize_agent|…)_\w+)", table)}
    assert told == names
    assert all(f"`{word}`" in table or f"{word}" in table for word in (*OUTCOMES, *STATES))
    assert set(OUTCOMES) == set(Metrics().requests)
    assert {life.value for life in Life} | {"damaged"} == set(STATES)


def test_every_guarantee_names_tests_that_are_there(page):
    [table] = re.findall(r"\| guarantee \| test \|\n\|[-|]+\|\n((?:\|.*\n)+)", page)
    for line in table.splitlines():
        proofs = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", line)
        assert proofs or "`tests/simulation`" in line
        for file, test in proofs:
            text = (TESTS / file).read_text(encoding="utf-8")
            assert not test or f"def {test}(" in text, (file, test)
