"""Both sides of docs/hook-table.md, the instrumentor and the hooks, mean the same by it."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from meterize.cpython import sequences
from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.spool import LINE_LIMIT, LOST_TYPE, SUFFIX, USE_TYPE, default_spool, read_uses

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))

from meterize_hooks import accounts, door, events, hook, spool, table  # noqa: E402


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "hook-table.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def root() -> Path:
    return HOOKS.parent


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is this, as cells without back quotes."""
    found = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert found, heading
    return [[cell.strip().strip("`") for cell in line.strip("|\n").split("|")] for line in found[1].splitlines()]


def metered(policy: Policy) -> tuple[object, ...]:
    """The table that the instrumentor leaves in a module."""
    code = compile("def f(a):\n    return a + 1\n", "m.py", "exec")
    function = dict(walk(code))[next(path for path, _ in walk(code) if path)]
    request = HookRequest(
        id="dist/feat/1",
        feature="feat",
        policy=policy,
        code=code_id("m.py", function),
        digest=code_digest(function),
        offset=min(hook_offsets(function)),
    )
    rewritten, _, _ = rewrite_module(code, "m.py", [request], distribution="dist", version="1.0")
    names = set(rewritten.co_names)
    assert {"meterize_hooks", "arm"} <= names
    return next(const for const in rewritten.co_consts if isinstance(const, tuple) and const[:1] == ("meterize",))


@pytest.mark.parametrize("policy", list(Policy))
def test_hooks_read_the_table_that_the_instrumentor_writes(policy, page):
    written = metered(policy)
    assert (
        (table.MAGIC, str(table.VERSION))
        == (written[0], str(written[1]))
        == tuple(row[2] for row in rows(page, "position")[:2])
    )
    known = table.read_table(written)
    assert known is not None
    assert known[0] == "dist"
    (row,) = known[1]
    assert table.read_entry(row) == row
    assert row[:3] == ("dist/feat/1", "feat", policy.value)


def test_mechanisms_are_those_of_the_page(page):
    assert {row[0]: row[1] for row in rows(page, "mechanism")} == table.MECHANISMS
    assert {policy.value for policy in Policy} == set(table.MECHANISMS.values())


def test_a_row_has_the_parts_of_the_page(page):
    (types,) = re.findall(r"A `HOOK` is a tuple of seven:\n\n((?:\|.*\n)+)", page)
    parts = [line.strip("|\n").split("|")[2].strip() for line in types.splitlines()[2:]]
    assert [type(part).__name__ for part in metered(Policy.ONCE)[4][0]] == parts


def test_names_in_builtins(page):
    names = [row[0] for row in rows(page, "name") if row[0].startswith("__")]
    assert names == [door.DOOR_NAME, door.ONCE_NAME, door.GUARD_NAME, door.SLOT_NAME.format("<h>")]
    assert names[:3] == [sequences.DOOR, sequences.ONCE, sequences.GUARD]
    for hook_id in ("d/f/1", "d/ünïcode/2"):
        assert sequences.slot_name(hook_id) == door.SLOT_NAME.format(door.sha256_hex(hook_id)[:16])


def test_the_guard(page):
    (line,) = re.findall(r"^The guard is (.*)\.$", page, re.MULTILINE)
    assert re.findall(r"`(\w+)`", line) == [kind.__name__ for kind in door.GUARD]


def test_reasons_of_losses_are_those_of_the_page(page):
    used = set()
    for file in (HOOKS / "meterize_hooks").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+", node.value):
                used.add(node.value)
    assert used - set(table.MECHANISMS) - {"in-place", "latin-1", "utf-8"} == {row[0] for row in rows(page, "reason")}


def test_a_use_has_the_keys_of_the_page_and_is_read(page, tmp_path):
    who = hook.OnceHook("d/f/1", "f", "d")
    line = events.use_line("0195", who, "tenant", 3, 5, 0.0)
    event = json.loads(line)
    assert list(event) == [row[0] for row in rows(page, "key")]
    assert event["id"] == "d/f/1:tenant:3-5"
    assert event["source"] == "urn:meterize:0195"
    assert event["time"] == "1970-01-01T00:00:00.000000Z"
    assert event["data"] == {"feature": "f", "package": "d", "hook": "d/f/1", "value": 2}
    assert "subject" not in json.loads(events.use_line("0195", who, None, 3, 5, 0.0))
    file = spool.SpoolFile(str(tmp_path), "0195")
    lost = events.lost_line("0195", 1, ("not-armed", "d", "f", "d/f/1"), 1, 0.0)
    assert file.append([line, lost]) == 2
    usage = read_uses(tmp_path)
    assert not usage.problems
    assert [(total.package, total.feature, total.subject, total.uses) for total in usage.totals] == [("d", "f", "tenant", 2)]
    assert [loss.reason for loss in usage.unmetered] == ["not-armed"]


def test_both_sides_name_the_spool_alike():
    assert (events.USE_TYPE, events.LOST_TYPE, spool.SUFFIX) == (USE_TYPE, LOST_TYPE, SUFFIX)
    for environ in (
        {},
        {"METERIZE_SPOOL": "/a/b"},
        {"METERIZE_SPOOL": "a/../b"},
        {"METERIZE_SPOOL": "~/b"},
        {"METERIZE_SPOOL": "", "XDG_STATE_HOME": "/x"},
        {"XDG_STATE_HOME": "x"},
    ):
        assert str(default_spool(environ)) == spool.spool_folder(environ)


def test_no_line_is_longer_than_the_reader_takes(page):
    (limit,) = re.findall(r"at most ([\d,]+) bytes", page)
    assert int(limit.replace(",", "")) == LINE_LIMIT
    subject = accounts.clean_subject("\U0001f600" * 1000)
    assert subject is not None
    assert len(subject) == accounts.SUBJECT_LENGTH
    who = hook.OnceHook("d/" + "\x00" * 200 + "/1", "\x00" * 200, "d" * 200)
    assert len(events.use_line("i" * 36, who, subject, 0, 1 << 62, 0.0)) < LINE_LIMIT // 4


def test_limits_are_those_of_the_page(page):
    assert f"limit of {accounts.SUBJECT_LIMIT:,} in a process" in page
    assert f"1 to {accounts.SUBJECT_LENGTH} characters" in page
    assert f"`{accounts.OVERFLOW_SUBJECT}`" in page


def test_environment_is_that_of_the_page(page):
    used = set()
    for file in (HOOKS / "meterize_hooks").glob("*.py"):
        used |= set(re.findall(r'"(METERIZE_\w+)"', file.read_text(encoding="utf-8")))
    assert used == {row[0] for row in rows(page, "variable")}
