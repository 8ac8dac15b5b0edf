"""What in Python code stands for machine code, going by the sources and by which files there are."""

from __future__ import annotations

import sysconfig

import pytest

from meterize.model.package import Package
from meterize.pipeline.analysis.machine_code import MachineCode
from meterize.pipeline.sources import PackageCode

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

FILES = {
    "shop/__init__.py": """
from .books import *
from ._fast import add as plus
from ._fast import _hidden
from ._listed import *
__all__ = ["listed", "Book"]
__all__ += ["total"]
def plain(): return plus
""",
    f"shop/_fast{SUFFIX}": "",
    f"shop/_listed{SUFFIX}": "",
    f"shop/both{SUFFIX}": "",
    "shop/both.py": "def never_read(): pass\n",
    "shop/_slow.py": "def add(a, b): return a + b\nclass Base: pass\n",
    "shop/books.py": """
import os, far.engine, near
from . import _fast, both, _slow
from .shelf import SHELF, SIZE
try:
    from ._fast import add, Base
except ImportError:
    from ._slow import add, Base
if os.environ.get("PURE"):
    mul = _slow.mul
else:
    mul = _fast.mul
alias = add
choice = _slow.add if os else add
count = _fast.count()
class Book(Base):
    kind = _fast.Kind()
    def __init__(self, n):
        self._n = Base(n) or None
        self.n, self.m = n, n
    def grow(self): return self._n.grow()
    def show(self): return self._n
    def change(self): self._n = self.n
    def sort(self): return self.kind.sort()
    def nested(self): return [self._n.x for _ in self.m]
class Other:
    def grow(self): return self._n.grow()
    async def store(self): self.made = await _fast.make()
    def use(self): return self.made()
def total(a): return add(a, 1)
def product(a): return _fast.ops.mul(a) + mul(a)
def slow(a): return _slow.add(a, 1)
def through(a): return alias(choice(a))
def inherited(a): return Book(a)
def data(): return count
def done(): return count.bit_length()
def shelf(): return SHELF(1) + SIZE
def lazy():
    from ._fast import add
    return add(1)
def lazy_python():
    from ._slow import add
    return add(1)
def absolute(): import shop._fast; return shop._fast.add(1)
def foreign(): return far.engine.start(1)
def foreign_names(): return near.go(1)
def shadowed(): return both.x()
def handed(a): return map(add, a)
def nothing(a): return len(a)
""",
    "shop/shelf.py": "from . import books\nfrom ._fast import Shelf\nSHELF = Shelf(1)\nSIZE = books.total(2)\n",
    "shop/broken.py": "def (:\n",
    "shop/circle.py": "from .circle import name\nfrom .ring import *\ndef f(): return name() + other()\n",
    "shop/ring.py": "from .circle import *\nfrom ....above import x\n",
    f"far/engine{SUFFIX}": "",
    "near/__init__.py": "from ._go import go\n",
    f"near/_go{SUFFIX}": "",
}


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> PackageCode:
    site = tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    modules = tuple(name for name in sorted(FILES) if name.startswith("shop/") and name.endswith(".py") and "both" not in name)
    compiled = tuple(name for name in sorted(FILES) if name.startswith("shop/") and name.endswith(SUFFIX))
    return PackageCode(
        Package(import_name="shop", distribution="shop", version="1", site=site, modules=modules, compiled=compiled)
    )


def led_to(code: PackageCode, file: str, qualname: str) -> list[str]:
    [name] = [name for name in code.codes(file) if name.qualname == qualname]
    return [one.name for one in MachineCode(code).references(name, code.codes(file)[name])]


@pytest.mark.parametrize(
    ("qualname", "expected"),
    [
        ("total", ["_fast.add"]),
        ("product", ["_fast.ops", "_fast.mul"]),
        ("slow", []),
        ("through", ["_fast.add", "_fast.add"]),
        ("inherited", ["_fast.Base"]),
        ("data", []),
        ("done", ["_fast.count"]),
        ("shelf", ["_fast.Shelf"]),
        ("lazy", ["_fast.add"]),
        ("lazy_python", []),
        ("absolute", ["_fast"]),
        ("shadowed", ["both.x"]),
        ("handed", ["_fast.add"]),
        ("nothing", []),
        ("Book.grow", ["_fast.Base"]),
        ("Book.show", []),
        ("Book.change", []),
        ("Book.sort", ["_fast.Kind"]),
        ("Other.grow", []),
        ("Other.use", ["_fast.make"]),
    ],
)
def test_functions(code, qualname, expected):
    assert led_to(code, "shop/books.py", qualname) == [f"shop.{name}" for name in expected]


def test_other_packages(code):
    assert led_to(code, "shop/books.py", "foreign") == ["far.engine.start"]
    assert led_to(code, "shop/books.py", "foreign_names") == ["near._go.go"]


def test_modules_that_import_each_other(code):
    assert led_to(code, "shop/circle.py", "f") == []


def test_what_the_package_hands_on(code):
    """As it is: neither what machine code only made, nor what inherits from it."""
    names = ["Base", "add", "alias", "both", "choice", "listed", "mul", "plus"]
    assert MachineCode(code).handed_on() == tuple(f"shop.{name}" for name in names)
