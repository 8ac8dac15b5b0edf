"""The check passes on the whole standard library with a hook at every block; as the compiler wrote it: test_round_trip.py."""

from __future__ import annotations

import sysconfig
from itertools import pairwise
from pathlib import Path

import pytest

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.errors import TargetError
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import probe_module, rewrite_module
from meterize.soundness import check_pyc
from meterize.soundness.reading import read

LIBRARY = Path(sysconfig.get_path("stdlib"))
EVERY_NTH = 400


def modules():
    """The library's modules in a fixed order, and of its test suite those that are not meant to be strange."""
    return sorted(path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts and path.is_file())


def block_heads(code):
    """Offsets where a hook may stand and control arrives from elsewhere, or may have gone elsewhere before."""
    instructions = read(code).instructions
    heads = {instructions[one.target].offset for one in instructions if one.target is not None}
    heads |= {instructions[one.handler.target].offset for one in instructions if one.handler}
    heads |= {other.offset for one, other in pairwise(instructions) if one.target is not None}
    legal = sorted(hook_offsets(code))
    return [offset for offset in legal if offset in heads or offset == legal[0]]


def requests(module, file, policy):
    found = []
    for _, code in walk(module):
        digest = None
        for offset in block_heads(code) if is_function(code) else ():
            digest = digest or code_digest(code)
            found.append(
                HookRequest(
                    id=f"{policy.value}/{len(found)}",
                    feature="feature",
                    policy=policy,
                    code=code_id(file, code),
                    digest=digest,
                    offset=offset,
                )
            )
    return found


def check(paths):
    hooks = 0
    for path in paths:
        try:
            module = compile_module(path.read_bytes(), str(path), 0)
        except TargetError:  # the test suite holds files that are meant not to compile
            continue
        for policy in (Policy.ONCE, Policy.EVERY):
            wanted = requests(module, path.name, policy)
            hooked, _, _ = rewrite_module(module, path.name, wanted, distribution="library", version="1")
            check_pyc(module, dump_pyc(hooked, b""))
            hooks += len(wanted)
        probed, _ = probe_module(module, path.name, 0)
        check_pyc(module, dump_pyc(probed, b""))
    return hooks


def test_a_sample_of_the_standard_library_with_a_hook_at_every_block():
    assert check(modules()[::EVERY_NTH]) > 100


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_the_whole_standard_library_with_a_hook_at_every_block():
    assert check(modules()) > 100_000
