"""What benchmarks/recipes.toml says can be run and judged; the running itself is CI's `cases` stage."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES: list[dict[str, Any]] = tomllib.loads((ROOT / "benchmarks" / "recipes.toml").read_text(encoding="utf-8"))["recipe"]
PLACE = re.compile(r"[\w/]+\.py:[\w.<>]+(:\d+)?")


def test_names_are_unique():
    names = [recipe["name"] for recipe in RECIPES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe["name"])
def test_its_end_can_be_judged(recipe):
    assert bool(recipe.get("ground_truth")) != bool(recipe.get("explained"))
    for place in [*recipe.get("ground_truth", []), *recipe.get("defended", [])]:
        assert PLACE.fullmatch(place), place
    if slug := recipe.get("explained"):
        assert f"## {slug}\n" in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe["name"])
def test_defended_places_are_in_the_documentation(recipe):
    documented = (ROOT / "docs" / "placement.md").read_text(encoding="utf-8")
    for place in recipe.get("defended", []):
        assert f"`{place.split(':')[1]}`" in documented


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe["name"])
def test_its_own_files_are_there(recipe):
    files = ROOT / "benchmarks" / "cases" / recipe["name"]
    named = re.findall(r"\{files\}/(\S+)", f"{recipe['with']} {recipe['without']}")
    assert {path.name for path in files.glob("*") if path.is_file()} == set(named)
