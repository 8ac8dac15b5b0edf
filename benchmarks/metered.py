"""Meters one module in memory, by the stages of the tool: compile, choose blocks, rewrite, make a .pyc and load it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.pyc import compile_module, dump_pyc, load_pyc
from meterize.flow import build_graph
from meterize.model.feature import Policy
from meterize.model.flow import Block
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module

DISTRIBUTION = "benchmark"


def read_shape(name: str) -> str:
    """The source of one of the modules that are measured."""
    return (Path(__file__).parent / "shapes" / f"{name}.py").read_text(encoding="utf-8")


def compile_plain(source: str, name: str) -> bytes:
    """The .pyc of the unmetered module."""
    return dump_pyc(compile_module(source.encode(), f"{name}.py", 0), source.encode())


def compile_metered(source: str, name: str, policy: Policy, wants: Callable[[str], bool]) -> bytes:
    """The .pyc of the module with a hook in every block of a function of which ``wants`` wants a source line."""
    code = compile_module(source.encode(), f"{name}.py", 0)
    requests = list(_requests(code, source, name, policy, wants))
    metered, sites, missing = rewrite_module(code, f"{name}.py", requests, distribution=DISTRIBUTION, version="1")
    if not requests or len(sites) != len(requests) or missing:
        raise SystemExit(f"{name}: {len(sites)} of {len(requests)} hooks found a place")
    return dump_pyc(metered, source.encode())


def run_module(pyc: bytes, name: str) -> dict[str, Any]:
    """The namespace of the module."""
    code = load_pyc(pyc)
    assert code is not None
    namespace: dict[str, Any] = {"__name__": name, "__file__": f"{name}.py"}
    exec(code, namespace)
    return namespace


def _requests(code: CodeType, source: str, name: str, policy: Policy, wants: Callable[[str], bool]) -> Iterator[HookRequest]:
    number = 0
    for path, function in walk(code):
        if not path:
            continue
        for block in build_graph(f"{name}.py", function).blocks:
            if block.hook_offset is None or not any(map(wants, _texts(block, function, source))):
                continue
            number += 1
            yield HookRequest(
                id=f"{DISTRIBUTION}/{name}/{number}",
                feature=name,
                policy=policy,
                code=code_id(f"{name}.py", function),
                digest=code_digest(function),
                offset=block.hook_offset,
            )


def _texts(block: Block, function: CodeType, source: str) -> Iterator[str]:
    """The source lines that the block's instructions belong to."""
    lines = source.splitlines()
    positions = list(function.co_positions())
    for offset in block.offsets:
        number = positions[offset // 2][0]
        if number is not None:
            yield lines[number - 1]
