"""Both sides of docs/hook-table.md, the instrumentor and the hooks, mean the same by it."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.cpython import sequences
from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.spool import default_spool, names_file, uses_file
from meterize.spool.folder import NAMES_SUFFIX, USES_SUFFIX

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))

from meterize_hooks import accounts, cells, door, names, policy, runtime, spool, table, usage_file  # noqa: E402
from meterize_hooks.processes import Identity  # noqa: E402


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


@pytest.mark.parametrize("policy", [Policy.ONCE, Policy.EVERY])
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
    assert {row[0]: row[1] == "every" for row in rows(page, "mechanism")} == table.MECHANISMS
    for form in Policy.FORMS:
        known = policy.read_policy(form)
        assert known is not None
        assert known.stays == Policy(form).stays


@given(st.from_regex(Policy.PATTERN, fullmatch=True) | st.text(max_size=30))
def test_both_sides_know_the_same_policies(text):
    known = policy.read_policy(text)
    try:
        written = Policy(text)
    except ValueError:
        assert known is None
    else:
        assert known is not None
        assert (known.stays, known.text) == (written.stays, written.value)


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
    used.add(uses_reason := "no-room")
    assert uses_reason in page
    assert used - set(table.MECHANISMS) - {"in-place", "latin-1", "utf-8", policy.PER_SUBJECT} == {
        row[0] for row in rows(page, "reason")
    }


def test_the_header_is_that_of_the_page(page, tmp_path):
    """Written by the hooks, taken apart by the page, read by the tool."""
    identity = Identity()
    data = usage_file.header_of(identity, "i" * 36, "p" * 36, b"d" * 32, cells.ROWS, cells.SLOTS, cells.BANKS)
    fields = {int(row[0]): data[int(row[0]) : int(row[0]) + int(row[1])] for row in rows(page, "offset")}
    texts = {row[0]: f"{row[2]}`" for row in rows(page, "offset")}
    assert len(data) == usage_file.HEADER_BYTES == uses_file.HEADER_BYTES
    assert fields[0] == usage_file.MAGIC
    assert f"`{int.from_bytes(fields[8], 'little')}`" in texts["8"]
    assert (fields[12], fields[16], fields[52], fields[212]) == (bytes(4), b"i" * 36, b"p" * 36, b"d" * 32)
    assert (fields[88].decode(), int.from_bytes(fields[124], "little")) == (identity.boot, identity.pid)
    for offset in (244, 248, 252):
        assert f"`{int.from_bytes(fields[offset], 'little')}`" in texts[str(offset)]
    assert uses_file.FIELDS.size == 264 + 4
    (tmp_path / "i.uses").write_bytes(data)
    with (tmp_path / "i.uses").open("rb") as file:
        header = uses_file.read_header(file)
    assert (header.incarnation, header.parent, header.pid) == ("i" * 36, "p" * 36, identity.pid)
    assert (header.rows, header.slots, header.banks) == (cells.ROWS, cells.SLOTS, cells.BANKS)
    assert header.place(cells.slot_of(200) + 7 * cells.SLOTS) == (7, 200)
    assert (usage_file.ENDED, usage_file.LOCKED) == (uses_file.ENDED, uses_file.LOCKED) == (1, 2)
    assert usage_file.OUTSIDE_OFFSET == uses_file.OUTSIDE.start == 272


def test_frames_are_those_of_the_page(page, tmp_path):
    written = names.Names(str(tmp_path), "i")
    written.hook(3, "d/f/1", "f", "d", "every")
    written.subject(2, 'te"nant')
    written.loss(("not-armed", "d", "f", "d/f/1"), 4)
    written.end()
    assert written.write()
    data = (tmp_path / "i.names").read_bytes()
    read = names_file.read_names(data)
    assert read.problems == []
    assert read.hooks == {3: names_file.HookName(id="d/f/1", feature="f", package="d", policy="every")}
    assert read.subjects == {2: 'te"nant'}
    assert read.losses == {("not-armed", "d", "f", "d/f/1"): 4}
    assert read.ended
    kinds = {row[0]: set(re.findall(r"`(\w+)`", f"`{row[1]}`".split(":")[0])) for row in rows(page, "kind")}
    found = {}
    for _, payload in names_file._frames(data, []):
        members = ast.literal_eval(payload.decode())
        kind = members.pop("kind")
        found[kind] = set(members)
    assert {kind: found[kind] for kind in kinds} == kinds


def test_both_sides_name_the_spool_alike():
    assert (usage_file.SUFFIX, names.SUFFIX) == (USES_SUFFIX, NAMES_SUFFIX)
    for environ in (
        {},
        {"METERIZE_SPOOL": "/a/b"},
        {"METERIZE_SPOOL": "a/../b"},
        {"METERIZE_SPOOL": "~/b"},
        {"METERIZE_SPOOL": "", "XDG_STATE_HOME": "/x"},
        {"XDG_STATE_HOME": "x"},
    ):
        assert str(default_spool(environ)) == spool.spool_folder(environ)


def test_no_frame_is_longer_than_the_reader_takes(tmp_path):
    written = names.Names(str(tmp_path), "i")
    subject = accounts.clean_subject("\U0001f600" * 1000)
    assert subject is not None
    assert len(subject) == accounts.SUBJECT_LENGTH
    written.subject(1, subject)
    written.hook(1 << 20, "d/" + "\x00" * 200 + "/1", "\x00" * 200, "d" * 200, "once-per-window=999999999s")
    written.write()
    assert (tmp_path / "i.names").stat().st_size < names_file.PAYLOAD_LIMIT // 4


def test_limits_are_those_of_the_page(page):
    assert f"limit of {accounts.SUBJECT_LIMIT:,} in a process" in page
    assert f"1 to {accounts.SUBJECT_LENGTH} characters" in page
    assert f"`{accounts.OVERFLOW_SUBJECT}`" in page
    assert cells.ROWS == accounts.SUBJECT_LIMIT + accounts.FIRST_NAMED_ROW
    assert f"at least and by default {cells.BANKS * cells.SLOTS}" in page
    assert runtime._banks({"METERIZE_HOOK_LIMIT": "513"}) == cells.BANKS + 1


def test_environment_is_that_of_the_page(page):
    used = set()
    for file in (HOOKS / "meterize_hooks").glob("*.py"):
        used |= set(re.findall(r'"(METERIZE_\w+)"', file.read_text(encoding="utf-8")))
    assert used == {row[0] for row in rows(page, "variable")}
