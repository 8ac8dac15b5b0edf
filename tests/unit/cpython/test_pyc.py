"""Files that import takes for its own."""

from __future__ import annotations

import importlib.util
import marshal
import py_compile
import subprocess
import sys
import warnings
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from meterize.cpython.pyc import compile_module, dump_pyc, load_pyc, pyc_path
from meterize.errors import TargetError

SOURCE = b'"""Doc."""\nassert 1\ndef f():\n    """Doc."""\n    return __debug__\n'


@pytest.mark.parametrize("optimization", [0, 1, 2])
def test_the_code_is_what_import_makes(tmp_path, optimization):
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    theirs = SourceFileLoader("module", str(path)).source_to_code(SOURCE, str(path), _optimize=optimization)
    assert compile_module(SOURCE, str(path), optimization) == theirs


def test_our_own_future_statements_are_not_inherited():
    code = compile_module(b"x: int = 1", "m.py", 0)
    assert not code.co_flags & 0x1000000  # CO_FUTURE_ANNOTATIONS


@pytest.mark.parametrize("source", [b"def", b"\0", b"\xff", b"x = (", b"# coding: nonsense\n", b"return 1"])
def test_what_does_not_compile_is_the_targets_error(source):
    with pytest.raises(TargetError) as caught:
        compile_module(source, "pkg/m.py", 0)
    assert caught.value.slug == "source-not-python"
    assert "pkg/m.py" in caught.value.message


def test_warnings_of_the_target_are_not_ours():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile_module(b"x = 1 is 1\ny = '\\d'\n", "m.py", 0)


@pytest.mark.parametrize(("checked", "mode"), [(False, "UNCHECKED_HASH"), (True, "CHECKED_HASH")])
def test_the_bytes_are_those_of_py_compile_but_for_chance(tmp_path, checked, mode):
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    target = tmp_path / "out.pyc"
    py_compile.compile(str(path), cfile=str(target), doraise=True, invalidation_mode=py_compile.PycInvalidationMode[mode])
    ours, theirs = dump_pyc(compile_module(SOURCE, str(path), 0), SOURCE, checked), target.read_bytes()
    assert ours[:16] == theirs[:16]
    held_by_nobody = marshal.dumps(marshal.loads(theirs[16:]))  # not inside the assert: pytest holds what it may have to show
    assert ours[16:] == held_by_nobody


def test_import_takes_the_unchecked_file_though_the_source_differs(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("value = 'source'\n")
    replaced = compile_module(b"value = 'file'\n", str(path), 0)
    cache = pyc_path(path, 0)
    cache.parent.mkdir()
    cache.write_bytes(dump_pyc(replaced, path.read_bytes()))
    seen = subprocess.run(
        [sys.executable, "-c", "import module; print(module.value)"], check=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert seen.stdout == "file\n"


def test_a_pyc_comes_back():
    code = compile_module(SOURCE, "m.py", 0)
    assert load_pyc(dump_pyc(code, SOURCE)) == code


def test_files_with_time_stamps_are_read_too(tmp_path):
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    made = py_compile.compile(str(path), doraise=True)
    assert load_pyc(Path(made).read_bytes()) == compile_module(SOURCE, str(path), 0)


GOOD = dump_pyc(compile("x = 1", "m.py", "exec"), b"x = 1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:3],
        GOOD[:16],
        GOOD[:-1],
        GOOD[:20],
        b"\0" * 4 + GOOD[4:],
        GOOD[:4] + b"\xff" * 4 + GOOD[8:],
        GOOD[:16] + b"N",
        b"x" * 99,
    ],
    ids=["empty", "magic cut", "header only", "cut by one", "cut short", "other magic", "unknown flags", "None", "noise"],
)
def test_what_is_no_pyc_of_ours_is_none(data):
    assert load_pyc(data) is None


@pytest.mark.parametrize("optimization", [0, 1, 2])
def test_the_path_is_where_import_looks(tmp_path, optimization, monkeypatch):
    path = tmp_path / "some.module.py"
    expected = importlib.util.cache_from_source(str(path), optimization=optimization or "")
    monkeypatch.setattr(sys, "pycache_prefix", "/nowhere")
    assert str(pyc_path(path, optimization)) == expected


def test_the_same_code_gives_the_same_bytes_whoever_else_holds_it() -> None:
    source = b"def f(a, b=(1, 'x', 2.5)):\n    def g():\n        return a, 'a text', b'bytes', 10**30\n    return g, {1, 2}\n"
    alone = dump_pyc(compile(source, "m.py", "exec", dont_inherit=True), source)
    code = compile(source, "m.py", "exec", dont_inherit=True)
    held, pending = [], [code]
    while pending:
        one = pending.pop()
        held += [one.co_code, one.co_consts, one.co_names, one.co_varnames, one.co_linetable, one.co_filename, *one.co_consts]
        pending += [const for const in one.co_consts if isinstance(const, CodeType)]
    assert dump_pyc(code, source) == alone
    assert held
    again = load_pyc(alone)
    assert again is not None
    assert dump_pyc(again, source) == alone
