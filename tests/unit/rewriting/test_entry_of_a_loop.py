"""A function that begins with a loop: a hook at its entry counts calls, not turns."""

from __future__ import annotations

import builtins
import itertools
from types import SimpleNamespace

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.sequences import slot_name
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module

SOURCES = {
    "while": "def drain(queue):\n    while queue:\n        queue.pop()\n    return queue\n",
    "while-true": "def drain(queue):\n    while True:\n        if not queue:\n            return queue\n        queue.pop()\n",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_each_call_counts_once(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = compile(source, "drain.py", "exec")
    function = next(code for path, code in walk(module) if path)
    request = HookRequest(
        id="p/f/1",
        feature="f",
        policy=Policy.EVERY,
        code=code_id("drain.py", function),
        digest=code_digest(function),
        offset=min(hook_offsets(function)),
    )
    rewritten, _, _ = rewrite_module(module, "drain.py", [request], distribution="p", version="1")
    hooked = next(code for path, code in walk(rewritten) if path)
    counts = [0]
    monkeypatch.setattr(builtins, "__meterize__", SimpleNamespace(counts=counts), raising=False)
    monkeypatch.setattr(builtins, slot_name("p/f/1"), 0, raising=False)
    drain = type(lambda: None)(hooked, {})
    for calls, turns in enumerate(itertools.chain([0, 1, 5], [20]), start=1):
        assert drain(list(range(turns))) == []
        assert counts == [calls]
