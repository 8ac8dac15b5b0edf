"""The usage file, on folders and disks that will not do."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = "def work():\n    return 1  # hook\n"


@pytest.fixture
def every(bench):
    bench.meter(SOURCE, policy="every")
    return bench


def test_folder_and_file_are_private_and_named_by_the_incarnation(every):
    ran = every.run("import os; os.umask(0); import metered; metered.work()")
    (file,) = every.spool.iterdir()
    assert stat.S_IMODE(every.spool.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (event,) = ran.events
    assert event["source"] == f"urn:meterize:{file.stem}"
    assert file.stem[14] == "7"
    assert file.stem[19] in "89ab"


def test_no_file_without_uses(every):
    every.run("import metered")
    assert not every.spool.exists()


def test_default_folder(every):
    environment = {"METERIZE_SPOOL": "", "XDG_STATE_HOME": "", "HOME": str(every.folder / "home")}
    every.run("import metered; metered.work()", environment=environment)
    assert len(list((every.folder / "home/.local/state/meterize/spool").iterdir())) == 1
    every.run("import metered; metered.work()", environment={**environment, "XDG_STATE_HOME": str(every.folder / "state")})
    assert len(list((every.folder / "state/meterize/spool").iterdir())) == 1


def test_relative_folder_is_relative_to_where_the_process_began(every):
    every.run("import metered, os; os.mkdir('x'); os.chdir('x'); metered.work()", environment={"METERIZE_SPOOL": "rel"})
    assert len(list((every.folder / "rel").iterdir())) == 1


@pytest.mark.parametrize("spool", ["/dev/null/spool", "/proc/nowhere/spool", "/dev/null"])
def test_a_folder_that_cannot_be(every, spool):
    ran = every.run("import metered; print(metered.work())", environment={"METERIZE_SPOOL": spool})
    assert (ran.out, ran.err) == ("1\n", "")


def test_no_home(every):
    ran = every.run(
        "import os, metered; print(metered.work())",
        environment={"METERIZE_SPOOL": "", "XDG_STATE_HOME": "", "HOME": ""},
    )
    assert (ran.out, ran.err) == ("1\n", "")


def test_a_folder_that_comes_later_gets_every_use(every):
    """Nothing is thrown away while the spool is not usable."""
    every.spool.write_text("in the way")
    ran = every.run(
        """
        import metered, os, time
        metered.work(); metered.work()
        time.sleep(0.3)
        os.remove(os.environ["METERIZE_SPOOL"])
        metered.work()
        """,
        environment={"METERIZE_FLUSH_SECONDS": "0.05"},
    )
    assert ran.uses == {("1", None): 3}
    assert not ran.err


def test_a_removed_file_is_begun_again(every):
    ran = every.run(
        """
        import metered, os, time, glob
        metered.work(); time.sleep(0.3)
        os.remove(glob.glob(os.environ["METERIZE_SPOOL"] + "/*")[0])
        metered.work()
        """,
        environment={"METERIZE_FLUSH_SECONDS": "0.05"},
    )
    assert [event["id"] for event in ran.events] == ["dist/feat/1::1-2"]


def test_a_full_disk_loses_and_doubles_nothing(every):
    """RLIMIT_FSIZE writes short and then refuses, as a disk does that has little room left."""
    ran = every.run(
        """
        import metered, resource, time
        from meterize_hooks import subject
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        for round in range(4):
            for number in range(20):
                with subject(str(number)): metered.work()
            time.sleep(0.2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        """,
        environment={"METERIZE_FLUSH_SECONDS": "0.05"},
    )
    assert ran.uses == {("1", str(number)): 4 for number in range(20)}
    assert len({event["id"] for event in ran.events}) == len(ran.events)
    assert not ran.err


def test_what_a_failed_write_leaves_is_no_event(tmp_path):
    """Where the rest of a line cannot be cut off, it is ended so that nobody takes it for an event."""
    from meterize_hooks.spool import SpoolFile

    script = """
import os, resource, sys
from meterize_hooks import spool
resource.setrlimit(resource.RLIMIT_FSIZE, (23, resource.RLIM_INFINITY))
def refuse(*_): raise OSError
spool.System.ftruncate = refuse
file = spool.SpoolFile(sys.argv[1], "x")
lines = [b'{"a":1}\\n', b'{"b":2}\\n', b'{"c":%s}\\n' % sys.argv[2].encode()]
print(file.append(lines))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(file.append(lines[2:]))
"""
    hooks = Path(sys.modules[SpoolFile.__module__].__file__).parents[1]
    for value in ("3", "3456789"):  # torn before its line end, and in the middle
        folder = tmp_path / value
        done = subprocess.run(
            [sys.executable, "-c", script, folder, value],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(hooks)},
        )
        lines = (folder / "x.jsonl").read_text().splitlines()
        whole = []
        for line in lines:
            try:
                whole.append(json.loads(line))
            except ValueError:
                assert line.endswith(' "torn"')
        assert whole == [{"a": 1}, {"b": 2}, {"c": int(value)}]
        assert done.stdout.split()[-1] == "1"


def test_closed_descriptors_do_not_come_back_as_somebody_elses(every):
    ran = every.run(
        """
        import metered, os, time
        metered.work(); time.sleep(0.3)
        os.closerange(3, 256)
        mine = [os.open("mine", os.O_CREAT | os.O_RDWR) for _ in range(20)]
        metered.work(); time.sleep(0.3)
        assert os.path.getsize("mine") == 0
        """,
        environment={"METERIZE_FLUSH_SECONDS": "0.05"},
    )
    assert ran.uses == {("1", None): 2}


def test_no_descriptor_stays_open(every):
    ran = every.run(
        """
        import os, time
        before = os.listdir("/proc/self/fd")
        import metered
        metered.work(); time.sleep(0.3)
        assert os.listdir("/proc/self/fd") == before
        """,
        environment={"METERIZE_FLUSH_SECONDS": "0.05"},
    )
    assert ran.uses == {("1", None): 1}


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    from meterize_hooks.spool import SpoolFile

    (tmp_path / "x.jsonl").symlink_to(tmp_path / "target")
    assert SpoolFile(str(tmp_path), "x").append([b"{}\n"]) == 0
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("seconds", ["", "never", "nan", "inf", "-1", "0", "1e400"])
def test_a_bad_interval_is_the_default(every, seconds):
    ran = every.run("import metered; metered.work()", environment={"METERIZE_FLUSH_SECONDS": seconds})
    assert ran.uses == {("1", None): 1}
    assert not ran.err


def test_incarnations_are_uuids_of_version_7_in_the_order_of_time():
    import time
    import uuid

    from meterize_hooks.incarnation import new_incarnation

    names = []
    for _ in range(5):
        names.append(new_incarnation())
        time.sleep(0.002)
    assert names == sorted(names)
    for name in names:
        parsed = uuid.UUID(name)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert abs((parsed.int >> 80) / 1000 - time.time()) < 10
    assert len({new_incarnation() for _ in range(1000)}) == 1000
