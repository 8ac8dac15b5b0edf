"""A runtime whose files cannot be read or were damaged leaves the application alone, as one that is missing does."""

from __future__ import annotations

import pytest

DAMAGES = {
    "syntax": b"def\n",
    "bytes": b"\0\0\0",
    "encoding": b"# coding: nonsense\n",
    "not-utf-8": b"x = '\xff'\n",
    "end-of-file": b"raise EOFError\n",
    "unreadable": b"raise PermissionError(13, 'no')\n",
    "other-contents": b"",
}


@pytest.mark.parametrize("policy", ["once", "every"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_the_application_runs_unmetered(bench, damage, policy):
    bench.meter("def work():\n    return 3  # hook\n", policy=policy)
    runtime = bench.folder / "meterize_hooks"
    runtime.mkdir()
    (runtime / "__init__.py").write_bytes(damage)
    ran = bench.run("import metered\nprint(metered.work(), metered.work())\n")
    assert (ran.out, ran.err, ran.processes) == ("3 3\n", "", [])


@pytest.mark.parametrize("policy", ["once", "every"])
def test_no_file_may_be_opened_any_more(bench, policy):
    bench.meter("def work():\n    return 3  # hook\n", policy=policy)
    ran = bench.run(
        """
        import importlib.util, os, resource
        code = importlib.util.find_spec("metered").loader.get_code("metered")
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        scope = {"__name__": "metered"}
        exec(code, scope)
        print(scope["work"]())
        """
    )
    assert ran.out == "3\n"
