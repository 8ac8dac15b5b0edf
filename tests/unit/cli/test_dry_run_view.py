"""Two listings side by side."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from meterize.cli.change_view import CONTEXT, facing, show_changes, without_the_long
from meterize.cpython.disassembly import disassemble
from meterize.model.report import CodeChange


def change(before: list[str], after: list[str], *hooks: tuple[int, str]) -> CodeChange:
    return CodeChange(file="f.py", qualname="f", before=tuple(before), after=tuple(after), hooks=hooks)


def rows(before: list[str], after: list[str]) -> list[tuple[str, str, bool]]:
    return [(row.before, row.after, row.is_same) for row in without_the_long(facing(change(before, after)))]


def shown(*changes: CodeChange) -> list[str]:
    console = Console(file=StringIO(), width=100)
    show_changes(console, changes)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def line(offset: int, text: str, mark: str = "") -> str:
    return f"{mark:>5} {offset:>5} {text}"


def test_equal_instructions_face_each_other_wherever_they_stand() -> None:
    before = [line(0, "RESUME  0", "1"), line(2, "POP_JUMP_IF_FALSE 4     (to 12)", "2"), line(4, "RETURN_CONST 0 (None)")]
    jump = line(4, "POP_JUMP_IF_FALSE 14    (to 100)", "2")
    after = [line(0, "RESUME  0", "1"), line(2, "NOP"), jump, line(6, "RETURN_CONST 0 (None)")]
    assert rows(before, after) == [
        (before[0], after[0], True),
        ("", after[1], False),
        (before[1], after[2], True),
        (before[2], after[3], True),
    ]


def test_an_operand_that_differs_is_a_change() -> None:
    before, after = [line(0, "LOAD_CONST 0 (1)")], [line(0, "LOAD_CONST 1 (2)")]
    assert rows(before, after) == [(before[0], after[0], False)]


def test_long_stretches_are_left_out_but_counted() -> None:
    before = [line(2 * number, f"LOAD_CONST {number} ({number})") for number in range(100)]
    after = [
        *before[:50],
        line(100, "NOP"),
        *(line(102 + 2 * number, f"LOAD_CONST {50 + number} ({50 + number})") for number in range(50)),
    ]
    found = rows(before, after)
    assert [left for left, _, same in found if not same] == [""]
    shown = [left for left, right, same in found if same and "⋮" not in left]
    gaps = [int(left.split("⋮")[1].split()[0]) for left, _, _ in found if "⋮" in left]
    assert len(shown) == 2 * CONTEXT
    assert sum(gaps) + len(shown) == 100


def test_what_did_not_change_at_all_is_one_row() -> None:
    listing = disassemble(compile("def f():\n    return [g(x) for x in y if x]\n", "f.py", "exec").co_consts[0])
    [(left, right, same)] = rows(listing, listing)
    assert left == right
    assert same
    assert f"{len(listing)} as before" in left


def numbered(count: int) -> list[str]:
    return [line(2 * number, f"LOAD_CONST {number} ({number})") for number in range(count)]


def test_the_place_of_a_hook_is_shown_though_no_instruction_is_new() -> None:
    """As ``sys.monitoring`` notices it."""
    listing = numbered(100)
    found = shown(change(listing, listing, (50, "shop/x/1"), (52, "shop/x/2")))
    marked = [number for number, row in enumerate(found) if "◆" in row]
    assert ["shop/x/1" in found[marked[0]], "shop/x/2" in found[marked[1]]] == [True, True]
    assert ["(50)" in found[marked[0] + 1], "(52)" in found[marked[1] + 1]] == [True, True]
    assert sum("LOAD_CONST" in row for row in found) == 2 * CONTEXT + 3
    assert sum("as before" in row for row in found) == 2


def test_a_duplicate_is_told_as_such_and_only_what_is_new_in_it_is_shown() -> None:
    """As hooks have one that go away in place (3.11)."""
    before = [line(0, "RESUME 0"), *numbered(100)]
    detoured = [before[0], line(2, "JUMP_FORWARD 200 (to 406)"), *before[2:]]
    again = [line(300, "NOP"), line(302, "LOAD_GLOBAL 1 (NULL + hook)"), *before[1:]]
    [*rows] = facing(
        CodeChange(
            file="f.py", qualname="f", before=tuple(before), after=(*detoured, *again), hooks=((101, "shop/x/1"),), again=101
        )
    )
    title = next(number for number, row in enumerate(rows) if "once more" in row.after)
    assert [row.after for row in rows[:title] if not row.is_same] == [detoured[1]]
    assert [row.after for row in rows[title + 1 :] if not row.is_same] == again[:2]
    assert [row.hooks for row in rows[title + 1 :]][:2] == [("shop/x/1",), ()]
    assert [row.after for row in rows if row.after != rows[title].after] == [*detoured, *again]


def test_what_arms_the_hooks_of_a_module_is_one_line() -> None:
    module = numbered(100)
    prologue = [line(2 * number, f"NOP {number}") for number in range(30)]
    [row] = shown(change(module, [module[0], *prologue, *module[1:]]))
    assert "f (f.py): 30 instructions at its beginning arm the hooks" in row
    assert "its own 100 are as before" in row


def test_a_module_that_is_changed_in_any_other_way_is_shown() -> None:
    module = numbered(6)
    found = shown(change(module, [module[0], line(2, "NOP"), *module[1:5], line(12, "LOAD_CONST 0 (0)")]))
    assert sum("LOAD_CONST" in row for row in found) == 6
    assert sum("NOP" in row for row in found) == 1
