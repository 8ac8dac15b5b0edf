"""The examples in docs/plan.md are a plan and a file of features that are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from meterize.model.feature import Charge, Policy
from meterize.plan_file import read_catalogue, read_plans

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plan.md"


@pytest.fixture(scope="module")
def examples() -> list[str]:
    return re.findall(r"```toml\n(.+?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)


def test_the_plan_is_one_but_for_the_feature_that_it_is_told_apart_from(
    path: Path, examples: list[str], violations: Callable[[str], list[str]]
) -> None:
    text = examples[0].replace('against = ["csv"]', "against = []")
    path.write_text(text, "utf-8")
    [plan] = read_plans(path)
    assert (plan.feature, plan.policy, plan.hook_points[0].fires.once) == ("xlsx", Policy.EVERY, 23)
    assert violations(text) == []
    every = set(re.findall(r"^(\w+) = ", examples[0], flags=re.MULTILINE))
    assert {"against", "unproven", "why_not", "moved_to_rest"} <= every


def test_the_features_are_read(tmp_path: Path, examples: list[str]) -> None:
    folder = tmp_path / "tablib"
    folder.mkdir()
    (tmp_path / "openpyxl").mkdir()
    path = folder / "features.toml"
    path.write_text(examples[2], "utf-8")
    catalogue = read_catalogue(path)
    assert catalogue.rest is not None
    assert catalogue.rest.cwd == folder
    xlsx, csv, workbook = catalogue.entries
    assert (xlsx.feature.name, xlsx.policy, xlsx.feature.without_command, xlsx.package) == ("xlsx", Policy.EVERY, "", None)
    assert (csv.feature.charge, csv.feature.guidance.exclude) == (Charge.ON_SUCCESS, ("tablib.core",))
    assert (workbook.package, workbook.feature.cwd) == ("openpyxl", tmp_path / "openpyxl")
