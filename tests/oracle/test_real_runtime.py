"""The whole corpus on the real runtime, in a process of its own: nothing changes, and it counts what the stand-in counts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = textwrap.dedent("""
    import builtins, importlib.util, sys
    from pathlib import Path
    root, policy = Path(sys.argv[1]), sys.argv[2]
    sys.path.insert(0, str(root / "hooks"))
    spec = importlib.util.spec_from_file_location("_behaviour", root / "tests" / "corpus" / "_behaviour.py")
    behaviour = importlib.util.module_from_spec(spec)
    sys.modules["_behaviour"] = behaviour
    spec.loader.exec_module(behaviour)
    from meterize.model.feature import Policy
    from meterize.rewriting import rewrite_module

    for name, text in behaviour.snippets().items():
        code = compile(text, f"{name}.py", "exec")
        requests = behaviour.requests_everywhere(code, Policy(policy))
        requests = [behaviour.renamed(one, f"corpus/{name}") for one in requests]
        hooked, _, _ = rewrite_module(code, behaviour.FILE, requests, distribution="corpus", version="1")
        expected = behaviour.behave(code)
        seen = behaviour.behave(hooked)
        assert seen.outcomes == expected.outcomes, name
        assert seen.events == expected.events, name
        counted = {id: n for id, n in builtins.__meterize__.snapshot().items() if n and id.startswith(f"corpus/{name}/")}
        with behaviour.runtime_present(beside=True) as stand_in:
            behaviour.behave(rewrite_module(code, behaviour.FILE, requests, distribution="corpus", version="1")[0])
            fired = stand_in.fired()
        if name != "recursion":
            assert counted == fired, (name, {id: (counted.get(id), fired.get(id)) for id in counted.keys() ^ fired.keys()})
    print("same")
""")


@pytest.mark.parametrize("policy", ["once", "every"])
def test_the_corpus_on_the_real_runtime(tmp_path, policy):
    if not (ROOT / "hooks" / "meterize_hooks" / "__init__.py").exists():
        pytest.skip("the runtime is not in this tree")
    environment = {**os.environ, "METERIZE_SPOOL": str(tmp_path), "METERIZE_HOOK_LIMIT": "8192"}
    environment["PYTHONPATH"] = str(ROOT / "instrumentor")
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT), policy],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
        timeout=280,
    )
    assert (child.returncode, child.stdout) == (0, "same\n"), child.stderr[-3000:]
