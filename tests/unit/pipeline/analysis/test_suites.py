"""Suites at the same time: they do run so, they disturb each other, they fail, they are interrupted."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meterize.errors import TestsError
from meterize.model.coverage import CoverageRecord
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.model.running import Running
from meterize.pipeline.analysis.suites import run_suites
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target

TOGETHER = """\
import pathlib, sys, time
import shop
shop.sell()
mine, other = map(pathlib.Path, sys.argv[1:])
mine.write_text("")
deadline = time.monotonic() + 60
while not other.exists():
    assert time.monotonic() < deadline
    time.sleep(0.02)
"""
"""Ends well only if the other script is there at the same time."""

ALONE = """\
import shop, socket, sys, time
shop.sell()
with socket.socket() as server:
    server.bind(("127.0.0.1", int(sys.argv[1])))
    time.sleep(1.5)
"""
"""Fails while another has the same port."""

Run = Callable[..., dict[str, CoverageRecord]]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "together.py").write_text(TOGETHER)
    (folder / "alone.py").write_text(ALONE)
    return folder


@pytest.fixture
def run(tmp_path: Path, work: Path) -> Run:
    site = tmp_path / "site"
    (site / "shop").mkdir(parents=True)
    (site / "shop" / "__init__.py").write_text("def sell():\n    return 1\n")
    package = Package(import_name="shop", distribution="shop", version="1.0", site=site, modules=("shop/__init__.py",))
    prefix = f"PYTHONPATH={shlex.quote(str(site))} python "

    def run_both(
        with_script: str, without_script: str, jobs: int, seen: list[tuple[str, str]] | None = None
    ) -> dict[str, CoverageRecord]:
        feature = Feature(name="x", with_command=prefix + with_script, without_command=prefix + without_script, cwd=work)
        target = Target(python=Path(sys.executable), search_path=[str(site)])
        return run_suites(
            package,
            PackageCode(package),
            feature,
            target,
            60,
            None if seen is None else lambda *told: seen.append(told),
            Running(jobs=jobs, cache=False),
        )

    return run_both


def _is_gone(pid: Path) -> None:
    """No process, or one that nobody has asked about yet."""
    deadline = time.monotonic() + 10
    status = Path(f"/proc/{pid.read_text()}/stat")
    while status.exists() and ") Z " not in status.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def test_both_run_at_the_same_time(run: Run) -> None:
    seen: list[tuple[str, str]] = []
    runs = run("together.py a b", "together.py b a", 2, seen)
    assert list(runs) == ["without", "with"]
    executed = [{name.qualname for name in record.tests[0].executed} for record in runs.values()]
    assert executed == [{"<module>", "sell"}] * 2
    assert sorted(seen) == [("with", ""), ("without", "")]


def test_one_job_is_one_after_the_other(run: Run, port: int) -> None:
    runs = run(f"alone.py {port}", f"alone.py {port}", 1)
    assert [record.warnings for record in runs.values()] == [(), ()]


def test_suites_that_disturb_each_other_are_run_again_alone(run: Run, port: int) -> None:
    runs = run(f"alone.py {port}", f"alone.py {port}", 2)
    warned = [warning for record in runs.values() for warning in record.warnings]
    assert len(warned) == 1
    assert "failed while another suite ran at the same time, and passed alone" in warned[0]
    assert "--jobs 1" in warned[0]


def test_a_failing_suite_stops_the_other(run: Run, work: Path) -> None:
    (work / "broken.py").write_text("import shop; shop.sell(); raise SystemExit(3)")
    (work / "slow.py").write_text("import os, shop, time; open('pid', 'w').write(str(os.getpid())); time.sleep(50)")
    began = time.monotonic()
    with pytest.raises(TestsError, match=r"failed with exit code 3.*broken\.py") as caught:
        run("broken.py", "slow.py", 2)
    assert caught.value.slug == "suite-failed"
    assert time.monotonic() - began < 30
    if (work / "pid").exists():  # else it was ended before it began
        _is_gone(work / "pid")


CLEANING = {
    "script": """
with tempfile.TemporaryDirectory(dir="kept"):
    try: time.sleep(50)
    finally: time.sleep(0.3)
""",
    "unittest": """
class Slow(unittest.TestCase):
    def setUp(self):
        self.enterContext(tempfile.TemporaryDirectory(dir="kept"))
        self.addCleanup(time.sleep, 0.3)
    def test_slow(self): time.sleep(50)
unittest.main()
""",
    "pytest": """
@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(dir="kept") as folder:
        yield folder
        time.sleep(0.3)
def test_slow(folder): time.sleep(50)
if __name__ == "__main__": sys.exit(pytest.main([__file__, "-p", "no:cacheprovider", "--rootdir=."]))
""",
}


@pytest.mark.parametrize(("kind", "end"), [("script", ""), ("script", "; true"), ("unittest", "; true"), ("pytest", "")])
def test_a_suite_that_is_stopped_takes_its_temporary_folder_away(run: Run, work: Path, kind: str, end: str) -> None:
    """Python does so at SIGINT only. The shell around it ends at once, and is no reason to kill the rest."""
    kept = work / "kept"
    kept.mkdir()
    (work / "broken.py").write_text(
        "import os, shop, time; shop.sell()\n"
        "while not (os.listdir('kept') or os.path.exists('failed')): time.sleep(0.02)\n"
        "open('failed', 'w'); raise SystemExit(3)\n"  # and at once when it is tried again
    )
    (work / "slow.py").write_text(f"import os, pytest, sys, tempfile, time, unittest\n{CLEANING[kind]}")
    began = time.monotonic()
    with pytest.raises(TestsError, match=r"failed with exit code 3.*broken\.py"):
        run("broken.py", f"slow.py{end}", 2)
    assert list(kept.iterdir()) == []
    assert time.monotonic() - began < 30


def test_what_no_second_try_mends_is_not_tried_again(run: Run, work: Path, port: int) -> None:
    (work / "other.py").write_text("open('runs', 'a').write('x')")
    with pytest.raises(TestsError) as caught:
        run("other.py", f"alone.py {port}", 2)
    assert caught.value.slug == "no-data"
    assert (work / "runs").read_text() == "x"


def test_an_interruption_ends_both(run: Run, work: Path) -> None:
    (work / "slow.py").write_text(
        "import os, sys, shop, signal, time\n"
        "open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "while len([name for name in os.listdir('.') if name.startswith('pid')]) < 2: time.sleep(0.02)\n"
        f"os.kill({os.getpid()}, signal.SIGINT) if sys.argv[1] == 'pid1' else None\n"
        "time.sleep(50)\n"
    )
    with pytest.raises(KeyboardInterrupt):
        run("slow.py pid1", "slow.py pid2", 2)
    _is_gone(work / "pid1")
    _is_gone(work / "pid2")
