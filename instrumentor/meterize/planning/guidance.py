"""Owns what the user says about places: which functions are left alone, which places are taken whatever else there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from meterize.errors import UsageError
from meterize.model.code import CodeId
from meterize.model.flow import Block, ControlFlowGraph


def names_of(code: CodeId) -> tuple[str, str]:
    """How a user may name a code object: by its file, and by its module; both with its qualified name."""
    return f"{code.file}:{code.qualname}", f"{code.module}:{code.qualname}"


def is_excluded(code: CodeId, patterns: Iterable[str]) -> bool:
    """Whether a pattern names the function, one around it, or its module."""
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(name.partition(":")[0], pattern) or fnmatchcase(name, f"{pattern}.<locals>.*")
        for pattern in patterns
        for name in names_of(code)
    )


def require_known(patterns: Iterable[str], codes: Iterable[CodeId]) -> None:
    """Raise UsageError for a pattern of ``--exclude`` that names nothing among all ``codes`` of the package."""
    known = sorted(codes)
    for pattern in patterns:
        if not any(is_excluded(code, [pattern]) for code in known):
            names = dict.fromkeys(name for code in known for name in (code.module, names_of(code)[1]))
            raise UsageError(
                f"--exclude {pattern}: the package has nothing of that name",
                slug="exclude-unknown",
                hint="Name a module, or a function as module:qualname; * stands for anything.",
                details=tuple(get_close_matches(pattern, names, n=5, cutoff=0.5)),
            )


def files_of(spots: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
    """The files of the modules that ``spots`` name, of those given. Raises UsageError for a spot that names nothing."""
    modules = {_parse(spot)[0].partition(":")[0] for spot in spots}
    return tuple(file for file in files if modules & {name.partition(":")[0] for name in names_of(_module_code(file))})


def _module_code(file: str) -> CodeId:
    return CodeId(file=file, qualname="<module>", first_line=1)


def find_named(spot: str, graphs: Mapping[CodeId, ControlFlowGraph]) -> tuple[ControlFlowGraph, Block]:
    """The block that ``module:qualname`` (its beginning) or ``module:qualname:line`` names, of the functions given.

    Raises UsageError where there is none, or no hook can stand there.
    """
    name, line = _parse(spot)
    found = [graph for code, graph in sorted(graphs.items()) if name in names_of(code)]
    if not found:
        raise UsageError(
            f"--at {spot}: the package has no such function",
            slug="at-unknown",
            hint="Name it as module:qualname, for example package.module:Class.method, as tracebacks and the plan do.",
            details=_similar(name, graphs),
        )
    places = [
        (graph, block) for graph in found for block in graph.blocks if graph.is_function and block.hook_offset is not None
    ]
    for graph, block in places:
        if block.line == line or (line is None and graph.begins_with(block)):
            return graph, block
    lines = sorted({str(block.line) for _, block in places})
    raise UsageError(
        f"--at {spot}: no hook can stand there",
        slug="at-no-place",
        hint="Module and class bodies are never hooked." if not lines else f"A hook can stand at line {', '.join(lines[:12])}.",
    )


def _parse(spot: str) -> tuple[str, int | None]:
    match spot.split(":"):
        case [module, qualname] if module and qualname:
            return f"{module}:{qualname}", None
        case [module, qualname, line] if module and qualname and line.isdecimal() and len(line) < len("1000000"):
            return f"{module}:{qualname}", int(line)
    raise UsageError(
        f"--at {spot}: not of the form module:qualname or module:qualname:line",
        slug="at-unknown",
        hint="For example: --at package.module:Class.method or --at package/module.py:function:84.",
    )


def _similar(name: str, graphs: Mapping[CodeId, ControlFlowGraph]) -> tuple[str, ...]:
    names = [names_of(code)[1] for code, graph in sorted(graphs.items()) if graph.is_function]
    return tuple(get_close_matches(name, names, n=5, cutoff=0.5))
