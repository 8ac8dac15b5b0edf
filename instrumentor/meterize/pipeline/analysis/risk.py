"""The risk to charge for something else: what may lead to a hook, going by names, though no feature test shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from types import CodeType
from typing import Final

from meterize.cpython.identity import is_function
from meterize.cpython.mentions import globals_and_attributes
from meterize.model.code import CodeId
from meterize.pipeline.sources import PackageCode

_MOST: Final = 40
"""More call sites than this are not listed: such a name says nothing."""

_mentions = cache(globals_and_attributes)


def find_unproven(code: PackageCode, hooked: CodeId, proven: Collection[CodeId]) -> tuple[str, ...]:
    """The functions of the package that mention ``hooked`` by name and are not ``proven`` to be the feature's own or to call it
    for the feature, as ``file:line qualname``, in order; at most 40.

    Names are all that can be known without running it. Nested functions and operators (``__call__``) have none to go by.
    """
    *outer, name = hooked.qualname.split(".")
    if "<locals>" in outer or name.startswith("<") or (name.startswith("__") and name != "__init__"):
        return ()
    wanted = outer[-1] if name == "__init__" and outer else name
    is_global = not outer or name == "__init__"
    found = (
        f"{caller.file}:{caller.first_line} {caller.qualname}"
        for file in _files_with(code, wanted)
        for caller, body in code.codes(file).items()
        if caller != hooked and caller not in proven and is_function(body)
        if _may_call(code, file, body, wanted, hooked.file, is_global=is_global)
    )
    return tuple(sorted(found)[:_MOST])


def _files_with(code: PackageCode, name: str) -> Iterator[str]:
    """The modules whose text holds the name: the others need not be compiled."""
    needle = name.encode()
    compiled = (file for file in code.package.modules if needle in code.source(file))
    for file in compiled:
        if code.compiles(file):
            yield file


def _may_call(code: PackageCode, file: str, body: CodeType, name: str, home: str, *, is_global: bool) -> bool:
    if name not in body.co_names:  # most don't have it, and need not be decoded
        return False
    names, attributes = _mentions(body)
    if not is_global:
        return name in attributes
    if name in names:
        return file == home or name in code.module(file).co_names
    module = home.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
    return name in attributes and module in names
