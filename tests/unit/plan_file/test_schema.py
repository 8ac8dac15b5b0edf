"""The published JSON Schema says what the reader says, for editors and for those who check plans without meterize."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.errors import UsageError
from meterize.model.plan import PLAN_SCHEMA, HookPlan
from meterize.plan_file import read_plans, render_plans

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "plan.schema.json"
Violations = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(PUBLISHED.read_text("utf-8"))


def test_the_published_schema_is_the_shipped_one(schema: Any) -> None:
    shipped = resources.files("meterize.plan_file").joinpath("plan.schema.json").read_text("utf-8")
    assert PUBLISHED.read_text("utf-8") == shipped
    assert schema["properties"]["schema"]["const"] == PLAN_SCHEMA
    assert schema["$id"].endswith(f":{PLAN_SCHEMA}")


def test_what_we_write_is_valid(three: tuple[HookPlan, ...], alone: HookPlan, violations: Violations) -> None:
    assert violations(render_plans(three)) == []
    assert violations(render_plans((dataclasses.replace(alone, alternatives=()),))) == []


@given(data=st.data())
def test_any_plan_that_we_write_is_valid(
    any_plan: st.SearchStrategy[tuple[HookPlan, ...]], violations: Violations, data: st.DataObject
) -> None:
    assert violations(render_plans(data.draw(any_plan))) == []


def objects(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a schema that describes a table, with its place."""
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield at, value
        for key, each in value.items():
            yield from objects(each, f"{at}/{key}")


def test_every_table_is_closed_and_every_key_explained(schema: Any) -> None:
    tables = dict(objects(schema))
    assert len(tables) == 7
    for at, table in tables.items():
        assert table["additionalProperties"] is False, at
        assert set(table["required"]) <= set(table["properties"]), at
        for key, value in table["properties"].items():
            assert value.get("description") or "$ref" in value.get("items", {}), f"{at}/{key}"


def test_a_key_less_is_refused_by_both_or_none(path: Path, three: tuple[HookPlan, ...], violations: Violations) -> None:
    """Each single line of a plan that can go without breaking the TOML: reader and schema agree on what is missing."""
    lines = render_plans(three).splitlines(keepends=True)
    seen = set()
    for number, line in enumerate(lines):
        if " = " not in line or line.rstrip().endswith("[") or line.startswith((" ", "#")):
            continue
        text = "".join(lines[:number] + lines[number + 1 :])
        path.write_text(text, "utf-8")
        try:
            read_plans(path)
        except UsageError:
            assert violations(text), line
            seen.add(line.partition(" = ")[0])
        else:
            assert not violations(text), line
    assert len(seen) > 20
