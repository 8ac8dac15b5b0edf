"""What else may lead to a hook, going by names."""

from __future__ import annotations

import pytest

from meterize.model.code import CodeId
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.pipeline.analysis.data_words import find_data_words
from meterize.pipeline.analysis.risk import find_unproven
from meterize.pipeline.sources import PackageCode

FILES = {
    "shop/__init__.py": "from .books import export\nfrom . import books\n",
    "shop/books.py": """
def export(rows): return rows
class Book:
    def __init__(self): self.rows = []
    def save(self): return export(self.rows)
    def __call__(self): return 1
def outer():
    def inner(): return 1
    return inner()
FORMATS = {"github": 1, "plain": 2}
""",
    "shop/cli.py": """
from .books import Book, export
def main(args): return export(args)
def unrelated(text): return text.export("x")
def make(): return Book().save()
""",
    "shop/other.py": "from shop import books\ndef through(x): return books.export(x)\ndef export_all(x): return x\n",
    "shop/broken.py": "def export(:\n",
}


@pytest.fixture
def code(tmp_path) -> PackageCode:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    package = Package(import_name="shop", distribution="shop", version="1", site=tmp_path, modules=tuple(sorted(FILES)))
    return PackageCode(package)


def unproven(code: PackageCode, file: str, qualname: str, *proven: str) -> list[str]:
    known = {name.qualname: name for name in code.codes(file)}
    others = {name for each in FILES if each != "shop/broken.py" for name in code.codes(each) if name.qualname in proven}
    return [text.partition(" ")[2] for text in find_unproven(code, known[qualname], others)]


def test_functions_that_mention_a_global_where_it_is_known(code) -> None:
    assert unproven(code, "shop/books.py", "export") == ["Book.save", "main", "through"]
    assert unproven(code, "shop/books.py", "export", "main") == ["Book.save", "through"]


def test_methods_are_known_by_attribute_and_constructors_by_their_class(code) -> None:
    assert unproven(code, "shop/books.py", "Book.save") == ["make"]
    assert unproven(code, "shop/books.py", "Book.__init__") == ["make"]


@pytest.mark.parametrize("qualname", ["Book.__call__", "outer.<locals>.inner"])
def test_what_has_no_name_to_go_by(code, qualname) -> None:
    assert unproven(code, "shop/books.py", qualname) == []


def test_places_are_named_by_file_and_line(code) -> None:
    hooked = CodeId(file="shop/books.py", qualname="Book.save", first_line=5)
    assert find_unproven(code, hooked, ()) == ("shop/cli.py:5 make",)


@pytest.mark.parametrize(
    ("name", "command", "expected"),
    [
        ("github", "pytest", ("'github' is data: shop/books.py:10",)),
        (
            "table",
            "python -m pytest -k 'github and not plain'",
            ("'github' is data: shop/books.py:10", "'plain' is data: shop/books.py:10"),
        ),
        ("gith", "pytest", ()),
        ("x", "pytest -k=github", ("'github' is data: shop/books.py:10",)),
        ("-", "pytest -k", ()),
    ],
)
def test_words_of_the_feature_that_are_data(code, tmp_path, name, command, expected) -> None:
    feature = Feature(name=name, with_command=command, without_command="", cwd=tmp_path)
    assert tuple(sorted(find_data_words(code, feature))) == expected
