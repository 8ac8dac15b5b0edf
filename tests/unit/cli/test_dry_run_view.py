"""Two listings side by side."""

from __future__ import annotations

from meterize.cli.instrument import CONTEXT, _rows
from meterize.cpython.disassembly import disassemble
from meterize.model.report import CodeChange


def rows(before: list[str], after: list[str]) -> list[tuple[str, str, bool]]:
    return list(_rows(CodeChange(file="f.py", qualname="f", before=tuple(before), after=tuple(after))))


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
