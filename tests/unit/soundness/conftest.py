"""A rewrite that is good, to be damaged."""

from __future__ import annotations

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module

SOURCE = '''
def f(values, unused=None):
    """Text."""
    total = -0.0
    for value in values:
        try:
            total += 1 / value
        except ZeroDivisionError:
            continue
        finally:
            print(total, (value, 0.0), sep="")
    return total, (yield values)

def g(values):
    return values
'''
FILE = "damage.py"


def hooked(source: str, policy: Policy, every_nth: int = 4):
    """The module's code and the same with hooks in ``f``."""
    original = compile(source, FILE, "exec", dont_inherit=True, optimize=0)
    function = next(code for _, code in walk(original) if code.co_name == "f")
    requests = [
        HookRequest(
            id=f"hook-{offset}",
            feature="feature",
            policy=policy,
            code=code_id(FILE, function),
            digest=code_digest(function),
            offset=offset,
        )
        for offset in sorted(hook_offsets(function))[::every_nth]
    ]
    emitted, _, _ = rewrite_module(original, FILE, requests, distribution="damage", version="1")
    return original, emitted


@pytest.fixture(scope="session")
def modules():
    return hooked(SOURCE, Policy.EVERY)


@pytest.fixture(scope="session")
def codes(modules):
    """``f`` as it was, and as it is with hooks."""
    return tuple(next(code for _, code in walk(module) if code.co_name == "f") for module in modules)
