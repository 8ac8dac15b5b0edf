"""Which stretch of a line is the feature's own, and how many feature tests prove it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from meterize.cpython.identity import code_id, walk
from meterize.cpython.instructions import decode
from meterize.model.code import CodeId, mask_of
from meterize.model.package import Package
from meterize.model.page import PageLine
from meterize.model.slice import FeatureSlice
from meterize.pipeline.explanation.coloured_source import colour, roots, source_lines
from meterize.pipeline.explanation.stretches import statements
from meterize.pipeline.sources import PackageCode

FILE = "shop/__init__.py"
SOURCE = """\
def prefix(binary, size):
    base = 1024 if binary else 1000
    grüße = "日本" if binary else "x"; n = 1
    return base


def shared(xs):
    total = 0
    for x in xs:
        # a comment
        total += x
        try:
            total = int(
                total,
            )
        except ValueError:
            pass
    return [t for t in (total, lambda: total)]


@staticmethod
def decorated():
    return 1


class Box:
    size = 1

    def open(self):
        def inner():
            return 2
        return inner
"""


def package_code(tmp_path: Path, source: str = SOURCE, encoding: str = "utf-8") -> PackageCode:
    (tmp_path / "shop").mkdir()
    (tmp_path / FILE).write_bytes(source.encode(encoding))
    return PackageCode(Package(import_name="shop", distribution="shop", version="1", site=tmp_path, modules=(FILE,)))


def find(code: PackageCode, qualname: str) -> CodeId:
    return next(code_id(FILE, each) for _, each in walk(code.module(FILE)) if each.co_qualname == qualname)


def offsets(code: PackageCode, name: CodeId, *texts: str, line: int | None = None) -> list[int]:
    """The instructions that stand for exactly these texts."""
    lines = source_lines(code, FILE)
    found = []
    for one in decode(code.codes(FILE)[name]):
        first, last, left, right = one.position
        if first is None or first != last or line not in (None, first):
            continue
        if lines[first - 1].encode()[left:right].decode() in texts:
            found.append(one.offset)
    assert found
    return found


def sliced(name: CodeId, proofs: Mapping[int, int]) -> FeatureSlice:
    """A feature of which so many tests execute each instruction; what as many tests execute, the same tests do."""
    by_test = {
        f"{count} tests, number {number}": {name: mask_of(offset for offset in proofs if proofs[offset] == count)}
        for count in {*proofs.values()}
        for number in range(count)
    }
    return FeatureSlice(intersection={}, union={name: mask_of(proofs)}, by_test=by_test)


def painted(lines: tuple[PageLine, ...]) -> dict[int, list[tuple[str, int]]]:
    return {line.number: [(span.text, span.proofs) for span in line.spans if span.proofs] for line in lines}


def test_one_arm_of_a_line_is_marked_by_its_columns(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "prefix")
    proofs = dict.fromkeys(offsets(code, name, "1024"), 4) | dict.fromkeys(offsets(code, name, '"日本"'), 3)
    everything = {name: mask_of(one.offset for one in decode(code.codes(FILE)[name]))}
    lines = colour(code, name, sliced(name, proofs), everything, {2: (1,)}, {4: (2,)})
    assert painted(lines) == {1: [], 2: [("1024", 4)], 3: [('"日本"', 3)], 4: []}
    assert ["".join(span.text for span in line.spans) for line in lines] == SOURCE.splitlines()[:4]
    assert [(line.proofs, line.hooks, line.alternatives) for line in lines] == [
        (0, (), ()), (4, (1,), ()), (3, (), ()), (0, (), (2,)),
    ]  # fmt: skip


def test_a_line_that_is_all_of_the_feature_is_one_stretch(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "prefix")
    proofs = {one.offset: 7 for one in decode(code.codes(FILE)[name])}
    lines = colour(code, name, sliced(name, proofs), {}, {}, {})
    assert painted(lines)[1] == [("def prefix(binary, size):", 7)]
    assert painted(lines)[4] == [("return base", 7)]


COPIED = """\
def settle(order, due):
    try:
        order.open(due)
    finally:
        order.close()
    if due and order.late: order.remind()
"""


def copies(code: PackageCode, name: CodeId, line: int, begins: str) -> list[list[int]]:
    """The offsets of each copy of a line's code."""
    found = [one.offset for one in decode(code.codes(FILE)[name]) if one.position[0] == line]
    starts = offsets(code, name, begins, line=line)
    return [[at for at in found if start <= at < end] for start, end in pairwise([*starts, 1 << 30])]


def test_a_line_that_the_compiler_copied_is_proved_by_the_tests_of_all_copies(tmp_path: Path) -> None:
    code = package_code(tmp_path, COPIED)
    name = find(code, "settle")
    usual, after_an_exception = copies(code, name, 5, "order")
    proofs = dict.fromkeys(usual, 17) | dict.fromkeys(after_an_exception, 2)
    found = colour(code, name, sliced(name, proofs), {name: mask_of(proofs)}, {}, {})
    assert painted(found)[5] == [("order.close()", 19)]
    assert found[4].proofs == 19


def test_a_line_of_which_the_rest_runs_a_copy_is_not_the_features_own(tmp_path: Path) -> None:
    code = package_code(tmp_path, COPIED)
    name = find(code, "settle")
    usual, after_an_exception = copies(code, name, 5, "order")
    ran = {name: mask_of([*usual, *after_an_exception])}
    found = colour(code, name, sliced(name, dict.fromkeys(usual, 17)), ran, {}, {})
    assert painted(found)[5] == []
    assert found[4].proofs == 0  # what is plain has no number


def test_what_no_instruction_stands_for_is_of_the_line_around_it(tmp_path: Path) -> None:
    code = package_code(tmp_path, COPIED)
    name = find(code, "settle")
    on_line = {one.offset: one.position[2] or 0 for one in decode(code.codes(FILE)[name]) if one.position[0] == 6}
    asked, wanted = COPIED.splitlines()[5].index("order.late"), COPIED.splitlines()[5].index("order.remind")
    some = {offset: 18 for offset, left in on_line.items() if asked <= left < wanted}
    ran = {name: mask_of(on_line)}
    every = dict.fromkeys(on_line, 19) | some
    found = colour(code, name, sliced(name, every), ran, {}, {})
    assert painted(found)[6] == [("if due and ", 19), ("order.late", 18), (": order.remind()", 19)]
    assert painted(colour(code, name, sliced(name, some), ran, {}, {}))[6] == [("order.late", 18)]


def test_an_arm_that_never_ran_is_told_from_what_the_rest_runs(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "prefix")
    idle = offsets(code, name, "1000")
    proofs = {one.offset: 5 for one in decode(code.codes(FILE)[name]) if one.offset not in idle}
    found = colour(code, name, sliced(name, proofs), {name: mask_of(proofs)}, {}, {})
    spans = [(span.text, span.proofs, span.ran) for span in found[1].spans]
    assert spans == [("    ", 0, True), ("base = 1024 if binary else ", 5, True), ("1000", 0, False)]


def test_the_end_of_a_loop_does_not_paint_its_body(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "shared")
    proofs = {one.offset: 9 for one in decode(code.codes(FILE)[name]) if one.position[0] == 9}
    found = painted(colour(code, name, sliced(name, proofs), {}, {}, {}))
    assert [number for number, spans in found.items() if spans] == [9]


def test_a_call_of_several_lines_is_painted_on_all_of_them(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "shared")
    proofs = {one.offset: 2 for one in decode(code.codes(FILE)[name]) if (one.position[0] or 0) in {13, 14}}
    found = painted(colour(code, name, sliced(name, proofs), {}, {}, {}))
    assert [number for number, spans in found.items() if spans] == [13, 14, 15]


def test_what_never_ran_is_told_from_what_the_rest_runs(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "shared")
    ran = mask_of(one.offset for one in decode(code.codes(FILE)[name]) if (one.position[0] or 0) < 12)
    found = colour(code, name, sliced(name, {}), {name: ran}, {}, {})
    lines = {line.number: [span.ran for span in line.spans if span.text.strip()] for line in found}
    assert lines[11] == [True]
    assert lines[13] == [False]
    assert lines[9] == [True]  # a comment has nothing to run


def test_nested_code_belongs_to_the_outermost_function(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    top = {name.qualname: root.qualname for name, root in roots(FILE, code.module(FILE)).items()}
    assert top["Box.open.<locals>.inner"] == "Box.open"
    assert top["shared.<locals>.<lambda>"] == "shared"
    assert top["Box"] == "Box"
    assert top["<module>"] == "<module>"


def test_a_decorated_function_begins_at_its_def(tmp_path: Path) -> None:
    code = package_code(tmp_path)
    name = find(code, "decorated")
    proofs = {one.offset: 1 for one in decode(code.codes(FILE)[name])}
    assert [number for number, spans in painted(colour(code, name, sliced(name, proofs), {}, {}, {})).items() if spans] == [
        22,
        23,
    ]
    assert statements(SOURCE.encode()).definitions[21] == 22


def test_long_functions_and_long_lines_are_cut(tmp_path: Path) -> None:
    body = "".join(f"    x = {number}\n" for number in range(3000))
    code = package_code(tmp_path, f"def long():\n    y = '{'z' * 5000}'\n{body}    return x\n")
    name = find(code, "long")
    lines = colour(code, name, sliced(name, dict.fromkeys(offsets(code, name, "1500"), 1)), {}, {2000: (1,)}, {})
    numbers = [line.number for line in lines]
    assert {1, 1503, 2000} <= set(numbers)
    assert len(numbers) < 40
    assert all(len("".join(span.text for span in line.spans)) <= 1002 for line in lines)
    everything = {one.offset: 1 for one in decode(code.codes(FILE)[name])}
    assert len(colour(code, name, sliced(name, everything), {}, {}, {})) == 400


def test_other_encodings_and_page_breaks_keep_lines_and_columns(tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\n\x0c\ndef f(x):\r\n    é = 'ü' if x else 'ö'\r\n    return é\r\n"
    code = package_code(tmp_path, source, "latin-1")
    name = find(code, "f")
    everything = {name: mask_of(one.offset for one in decode(code.codes(FILE)[name]))}
    found = painted(colour(code, name, sliced(name, dict.fromkeys(offsets(code, name, "'ü'"), 1)), everything, {}, {}))
    assert found == {3: [], 4: [("'ü'", 1)], 5: []}
