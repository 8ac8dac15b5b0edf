"""Counts machine instructions with valgrind's callgrind, which nothing else on the machine can disturb.

As a script it is the process under valgrind: ``callgrind.py PYC TURNS TIMES`` runs a compiled module's ``work`` and nothing
more, since each instruction takes fifty times as long there.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


WARM_UPS = 40
"""What it takes until every instruction is specialised and every hook that can has fired."""


def warm_up(work: Callable[[int], object], turns: int) -> None:
    for _ in range(WARM_UPS):
        work(turns // WARM_UPS + 1)


def main() -> None:
    import marshal
    import os

    with open(sys.argv[1], "rb") as file:  # noqa: PTH123 - pathlib would be most of what runs
        code = marshal.loads(file.read()[16:])
    namespace: dict[str, object] = {"__name__": "measured"}
    exec(code, namespace)
    work: Callable[[int], object] = namespace["work"]  # type: ignore[assignment]
    turns, times = int(sys.argv[2]), int(sys.argv[3])
    warm_up(work, turns)
    for _ in range(times):
        work(turns)
    os._exit(0)  # how long the end waits for a thread is not ours to count


def is_available() -> bool:
    import shutil

    return shutil.which("valgrind") is not None


def count_instructions(pyc: bytes, turns: int) -> float:
    """Machine instructions a turn: what twice the turns take more than once."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        path = Path(folder) / "measured.pyc"
        path.write_bytes(pyc)
        once, twice = (_collected(path, turns, times) for times in (1, 2))
    return (twice - once) / turns


def _collected(path: object, turns: int, times: int) -> int:
    import os
    import re
    import subprocess
    from importlib.util import find_spec
    from pathlib import Path

    from measure import clean_variables

    spec = find_spec("meterize_hooks")
    assert spec is not None
    assert spec.origin is not None
    hooks = str(Path(spec.origin).parent.parent)
    # Neither the order of sets nor the flushing thread may differ between two runs.
    fixed = {"PYTHONHASHSEED": "0", "PYTHONPATH": hooks, "METERIZE_SPOOL": f"{path}.spool"}
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    command = [*tool, sys.executable, "-S", __file__, str(path), str(turns), str(times)]
    done = subprocess.run(command, env=clean_variables() | fixed, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise SystemExit(done.stderr[-2000:])
    return int(found[1])


if __name__ == "__main__":
    main()
