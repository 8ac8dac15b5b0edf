"""Compiles a folder of modules with a hook at the head of every block of every function, without a plan.

python -m tests.frameworks.saturation FOLDER --policy every|once [--jobs 2]     writes the .pyc files, says what was hooked
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from types import CodeType

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.pyc import compile_module, dump_pyc, pyc_path
from meterize.errors import MeterizeError
from meterize.flow import build_graph
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.soundness import check_module

VERSION = "0"
FEATURE = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Code that has no hooks because the tool refused to put them in; without ``qualname``, a whole module."""

    file: str
    qualname: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """What was hooked: counts, and what was not. ``unreadable`` are files that the interpreter would not compile either."""

    modules: int
    functions: int
    hooks: int
    refused: tuple[Refusal, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    functions: int = 0
    hooks: int = 0
    refused: tuple[Refusal, ...] = ()
    unreadable: bool = False


def saturate(
    folder: Path,
    policy: Policy | None,
    *,
    distribution: str,
    files: Iterable[Path] | None = None,
    jobs: int = 1,
    write: Callable[[Path, bytes], None] | None = None,
) -> Saturation:
    """Compile the modules of ``folder``, or those ``files`` in it, with hooks of ``policy`` at every block; None: without any.

    The .pyc files go where import looks for them, and count whatever the source's time stamp is (PEP 552, unchecked); with
    ``write``, to whoever is called with path and bytes (in other processes if there are more ``jobs``). Hook ids are
    ``<distribution>/<file>/<number>``. Optimised modules (``-O``) are left to the interpreter: they have no hooks.
    """
    chosen = sorted(folder.rglob("*.py") if files is None else files)
    tasks = [(folder, file, policy, distribution, write or _write) for file in chosen]
    if jobs == 1 or len(tasks) < 2:
        found = [_saturate_file(*task) for task in tasks]
    else:
        # Forked from wherever the caller stands, a worker could wait for a lock that nobody holds any more.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(_saturate_file, *zip(*tasks, strict=True), chunksize=8))
    return Saturation(
        modules=sum(not one.unreadable for one in found),
        functions=sum(one.functions for one in found),
        hooks=sum(one.hooks for one in found),
        refused=tuple(refusal for one in found for refusal in one.refused),
        unreadable=tuple(str(file.relative_to(folder)) for file, one in zip(chosen, found, strict=True) if one.unreadable),
    )


def saturate_code(
    code: CodeType, file: str, policy: Policy, distribution: str
) -> tuple[CodeType, tuple[HookRequest, ...], tuple[Refusal, ...]]:
    """The module's code with the hooks, what was asked for, and the functions that the tool refused to hook."""
    prefix = f"{distribution}/{file}"
    functions = list(_functions(code, file))
    try:
        requests = tuple(_requests(functions, file, policy, prefix))
        return _rewrite(code, file, requests, distribution), requests, ()
    except MeterizeError:
        good, refused = _sort_out(code, functions, file, policy, distribution)
        requests = tuple(_requests(good, file, policy, prefix))
        return _rewrite(code, file, requests, distribution), requests, refused


def _sort_out(
    code: CodeType, functions: Sequence[CodeType], file: str, policy: Policy, distribution: str
) -> tuple[list[CodeType], tuple[Refusal, ...]]:
    """Those functions of a module that can be hooked, tried one by one, and those that can't."""
    good, refused = [], []
    for function in functions:
        try:
            _rewrite(code, file, tuple(_requests([function], file, policy, distribution)), distribution)
        except MeterizeError as error:
            refused.append(Refusal(file=file, qualname=function.co_qualname, reason=str(error)))
        else:
            good.append(function)
    return good, tuple(refused)


def _rewrite(code: CodeType, file: str, requests: Sequence[HookRequest], distribution: str) -> CodeType:
    rewritten, _, missing = rewrite_module(code, file, requests, distribution=distribution, version=VERSION)
    assert not missing, missing
    check_module(code, rewritten)
    return rewritten


def _functions(code: CodeType, file: str) -> Iterator[CodeType]:
    """Of lambdas that share a line and all that they do, one: a hook that is asked for lands in each."""
    seen = set()
    for _, inner in walk(code):
        key = (code_id(file, inner), code_digest(inner)) if is_function(inner) else None
        if key is not None and key not in seen:
            seen.add(key)
            yield inner


def _requests(functions: Iterable[CodeType], file: str, policy: Policy, prefix: str) -> Iterator[HookRequest]:
    number = 0
    for function in functions:
        graph = build_graph(file, function)
        for block in graph.blocks:
            if block.hook_offset is None:
                continue
            number += 1
            yield HookRequest(
                id=f"{prefix}/{number}",
                feature=FEATURE,
                policy=policy,
                code=graph.code,
                digest=graph.digest,
                offset=block.hook_offset,
            )


def _saturate_file(
    folder: Path, file: Path, policy: Policy | None, distribution: str, write: Callable[[Path, bytes], None]
) -> _Module:
    source = file.read_bytes()
    name = file.relative_to(folder).as_posix()
    try:
        code = compile_module(source, str(file), 0)
    except MeterizeError:
        return _Module(unreadable=True)
    requests: tuple[HookRequest, ...] = ()
    refused: tuple[Refusal, ...] = ()
    if policy is not None:
        code, requests, refused = saturate_code(code, name, policy, distribution)
    write(pyc_path(file, 0), dump_pyc(code, source))
    return _Module(functions=len({request.code for request in requests}), hooks=len(requests), refused=refused)


def _write(path: Path, pyc: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    # What lies there may be shared with other trees, by a hard link.
    path.unlink(missing_ok=True)
    path.write_bytes(pyc)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="it holds packages and modules, as site-packages does")
    parser.add_argument("--policy", type=Policy, required=True, choices=[Policy.ONCE, Policy.EVERY])
    parser.add_argument("--only", type=Path, nargs="*", default=[], metavar="PART", help="packages or modules in the folder")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    folder = given.folder.resolve()
    parts = [folder / part for part in given.only]
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*.py"))]
    found = saturate(folder, given.policy, distribution=folder.name, files=files if parts else None, jobs=given.jobs)
    json.dump(asdict(found), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
