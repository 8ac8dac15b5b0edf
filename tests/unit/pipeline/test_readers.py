"""Functions whose bytecode others read are known by who decorates or takes them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from meterize.errors import TargetError
from meterize.model.package import Package
from meterize.pipeline.readers import Readers
from meterize.pipeline.sources import PackageCode

SOURCE = """
import functools
import numba as nb
import torch
from numba import njit as fast
from torch import compile as quicker
from pony.orm import select

@nb.njit
def one(x):
    def within(y): return y
    return within(x)

@fast(parallel=True)
@functools.cache
def two(x): return x

@torch.compile
def three(x): return x

def four(x): return x
four_fast = quicker(four)

def query(p): return select(q for q in p
                            if q.name)

class Model:
    @torch.jit.export
    def five(self): return 5
    @functools.cached_property
    def plain(self): return torch.zeros(3)

def numbers(): return nb.typed.List([1]), torch.compiler, [x for x in nb.types]
"""


def readers_of(tmp_path, source):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "m.py").write_text(source)
    code = PackageCode(Package(import_name="pkg", distribution="pkg", version="1", site=tmp_path, modules=("pkg/m.py",)))
    return Readers(code), code.codes("pkg/m.py")


def test_who_reads_what(tmp_path):
    readers, names = readers_of(tmp_path, SOURCE)
    found = {name.qualname: reader for name in names if (reader := readers.of(name))}
    assert found == {
        "one": "numba",
        "one.<locals>.within": "numba",
        "two": "numba",
        "three": "torch.compile",
        "four": "torch.compile",
        "query": "pony.orm",
        "query.<locals>.<genexpr>": "pony.orm",
        "Model.five": "torch.jit",
    }
    [sentence] = readers.explain(names)
    assert "left out: one (pkg/m.py:9, numba)" in sentence
    assert readers.explain([name for name in names if name.qualname in ("numbers", "Model.plain", "<module>")]) == ()


def test_a_query_on_lines_of_its_own_leaves_its_function_alone(tmp_path):
    source = "from pony.orm import *\ndef query(p):\n    return select(\n        q for q in p\n    )\n"
    readers, names = readers_of(tmp_path, source)
    assert {name.qualname for name in names if readers.of(name)} == {"query.<locals>.<genexpr>"}


def test_no_hook_is_put_there(tmp_path):
    readers, names = readers_of(tmp_path, SOURCE)
    points = {name.qualname: SimpleNamespace(code=name, id="pkg/f/1") for name in names}
    readers.refuse([points["numbers"], points["Model.plain"]])
    with pytest.raises(TargetError, match=r"two .* is compiled by numba") as caught:
        readers.refuse([points["numbers"], points["two"]])
    assert caught.value.slug == "bytecode-reader"
