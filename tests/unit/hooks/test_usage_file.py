"""The usage file and its names, on folders and disks that will not do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

SOURCE = "def work():\n    return 1  # hook\n"
ROOT = pytest.mark.skipif(os.getuid() != 0, reason="mounting takes root")


@pytest.fixture
def every(bench):
    bench.meter(SOURCE, policy="every")
    return bench


def test_folder_and_files_are_private_and_named_by_the_incarnation(every):
    ran = every.run("import os; os.umask(0); import metered; metered.work()")
    assert sorted(file.suffix for file in every.spool.iterdir()) == [".names", ".uses"]
    (process,) = ran.processes
    for file in every.spool.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert process.header.incarnation == process.incarnation == file.stem
    assert stat.S_IMODE(every.spool.stat().st_mode) == 0o700
    assert uuid.UUID(process.incarnation).version == 7


def test_the_header_tells_who_counts(every):
    ran = every.run(
        """
        import metered, os
        fields = open("/proc/self/stat").read().rpartition(")")[2].split()
        print(os.getpid(), fields[19], open("/proc/sys/kernel/random/boot_id").read().strip(), os.uname().nodename)
        print(os.stat("/proc/self/ns/pid").st_ino)
        """
    )
    (process,) = ran.processes
    header = process.header
    told = f"{header.pid} {header.started} {header.boot} {header.host} {header.pid_namespace}"
    assert told.split() == ran.out.split()
    assert abs(header.made.timestamp() - time.time()) < 100
    assert (header.rows, header.slots, header.banks) == (10_002, 64, 8)
    assert header.ended
    assert header.parent == ""


def test_a_process_takes_little_room(every):
    every.run("import metered; metered.work()")
    assert sum(file.stat().st_blocks for file in every.spool.iterdir()) * 512 <= 16_384


def test_the_lock_lives_as_long_as_the_process_and_no_longer(every):
    """Also where the application closes every descriptor that it does not know."""
    ran = every.run(
        """
        import metered, os, fcntl, glob, signal, time
        def is_locked(path):
            descriptor = os.open(path, os.O_RDWR)
            try: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError: return True
            finally: os.close(descriptor)
            return False
        os.closerange(3, 64)
        (ours,) = glob.glob(os.environ["METERIZE_SPOOL"] + "/*.uses")
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        while len(files := glob.glob(os.environ["METERIZE_SPOOL"] + "/*.uses")) < 2: time.sleep(0.01)
        (theirs,) = set(files) - {ours}
        print(is_locked(ours), is_locked(theirs))
        os.kill(pid, signal.SIGKILL); os.wait()
        print(is_locked(ours), is_locked(theirs))
        """
    )
    assert ran.out == "True True\nTrue False\n"
    assert all(process.header.locked for process in ran.processes)


def test_no_file_without_a_hook(every):
    every.run("import meterize_hooks\nwith meterize_hooks.subject('a'): pass")
    assert not every.spool.exists()


def test_default_folder(every):
    environment = {"METERIZE_SPOOL": "", "XDG_STATE_HOME": "", "HOME": str(every.folder / "home")}
    every.run("import metered; metered.work()", environment=environment)
    assert len(list((every.folder / "home/.local/state/meterize/spool").glob("*.uses"))) == 1
    every.run("import metered; metered.work()", environment={**environment, "XDG_STATE_HOME": str(every.folder / "state")})
    assert len(list((every.folder / "state/meterize/spool").glob("*.uses"))) == 1


def test_relative_folder_is_relative_to_where_the_process_began(every):
    every.run("import metered, os; os.mkdir('x'); os.chdir('x'); metered.work()", environment={"METERIZE_SPOOL": "rel"})
    assert len(list((every.folder / "rel").glob("*.uses"))) == 1


@pytest.mark.parametrize("spool", ["/dev/null/spool", "/proc/nowhere/spool", "/dev/null"])
def test_a_folder_that_cannot_be(every, spool):
    ran = every.run(
        "import metered, builtins; print(metered.work(), builtins.__meterize__.snapshot())",
        environment={"METERIZE_SPOOL": spool},
    )
    assert (ran.out, ran.err) == ("1 {'dist/feat/1': 1}\n", "")


def test_no_home(every):
    ran = every.run(
        "import os, metered; print(metered.work())",
        environment={"METERIZE_SPOOL": "", "XDG_STATE_HOME": "", "HOME": ""},
    )
    assert (ran.out, ran.err) == ("1\n", "")


def test_a_folder_that_comes_later_gets_every_use(every):
    """Nothing is thrown away while the spool is not usable; threads go on counting while it is brought in."""
    every.spool.write_text("in the way")
    ran = every.run(
        """
        import metered, os, sys, threading
        from meterize_hooks import subject
        sys.setswitchinterval(1e-6)
        def go(name):
            with subject(name):
                for _ in range(30_000): metered.work()
        threads = [threading.Thread(target=go, args=(name,)) for name in "abcd"]
        [t.start() for t in threads]
        for _ in range(1000): metered.work()
        os.remove(os.environ["METERIZE_SPOOL"])
        for number in range(20):
            with subject(f"new{number}"): metered.work()
        [t.join() for t in threads]
        """
    )
    expected = {("1", name): 30_000 for name in "abcd"} | {("1", f"new{number}"): 1 for number in range(20)}
    assert ran.uses == expected | {("1", None): 1000}
    assert not ran.err
    assert not ran.losses


def test_what_is_in_no_file_at_the_end_is_a_loss(every):
    """RLIMIT_FSIZE leaves room for names, and none for numbers."""
    ran = every.run(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        import metered
        for _ in range(7): print(metered.work(), end="")
        """
    )
    assert ran.out == "1111111"
    assert not ran.err
    assert not ran.uses
    assert ran.losses == {"no-spool": 7}


def test_a_limit_in_the_middle_of_a_frame(every):
    """The names go on where they broke off, once they may."""
    ran = every.run(
        """
        import metered, resource
        from meterize_hooks import subject
        import os, glob
        (names,) = glob.glob(os.environ["METERIZE_SPOOL"] + "/*.names")
        for limit in range(os.path.getsize(names), 700, 7):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            with subject(f"subject {limit}"): metered.work()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(len(range(os.path.getsize(names), 700, 7)))
        """
    )
    assert set(ran.uses.values()) == {1}
    assert len(ran.uses) > 80
    assert not ran.problems
    assert not ran.losses
    assert not ran.err


@ROOT
@pytest.mark.parametrize("pages", [1, 2, 3, 5, 9])
def test_a_full_disk(every, pages):
    """The application never notices; uses are counted once, or are a loss with its number."""
    every.spool.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4}k", "tmpfs", every.spool], check=False).returncode:
        pytest.skip("no mounting here")
    try:
        ran = every.run(
            """
            import metered, os
            from meterize_hooks import subject
            for number in range(60):
                with subject(f"s{number}"):
                    for _ in range(number): metered.work()
            """
        )
    finally:
        subprocess.run(["umount", every.spool], check=True)
    assert not ran.err
    nameless = sum(int(problem.split(": ")[1].split()[0].replace(",", "")) for problem in ran.problems if "no name" in problem)
    told = sum(ran.uses.values()) + ran.losses["no-room"] + ran.losses["no-spool"] + nameless
    assert told == sum(range(60))
    for (_, subject), count in ran.uses.items():
        assert subject == f"s{count}"


@ROOT
def test_a_disk_that_is_full_for_a_while(every):
    every.spool.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", every.spool], check=False).returncode:
        pytest.skip("no mounting here")
    try:
        ran = every.run(
            """
            import os
            filler = os.environ["METERIZE_SPOOL"] + "/filler"
            def fill():
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True: file.write(bytes(4096))
                    except OSError: pass
            fill()
            import metered
            from meterize_hooks import subject
            for number in range(100):
                if number == 50: os.remove(filler)
                if number == 70: fill()
                if number == 80: os.remove(filler)
                with subject(f"s{number}"): metered.work(); metered.work()
            """
        )
    finally:
        subprocess.run(["umount", every.spool], check=True)
    assert ran.uses == {("1", f"s{number}"): 2 for number in range(100)}
    assert not ran.losses
    assert not ran.problems


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_spool(every):
    every.spool.mkdir(mode=0o500)
    ran = every.run("import metered; print(metered.work())")
    assert (ran.out, ran.err) == ("1\n", "")


@ROOT
def test_a_spool_on_a_read_only_file_system(every):
    every.spool.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", every.spool], check=False).returncode:
        pytest.skip("no mounting here")
    try:
        ran = every.run("import metered, builtins; print(metered.work(), builtins.__meterize__.snapshot())")
    finally:
        subprocess.run(["umount", every.spool], check=True)
    assert (ran.out, ran.err) == ("1 {'dist/feat/1': 1}\n", "")


def test_closed_descriptors_do_not_come_back_as_somebody_elses(every):
    ran = every.run(
        """
        import metered, os
        from meterize_hooks import subject
        metered.work()
        os.closerange(3, 256)
        mine = [os.open("mine", os.O_CREAT | os.O_RDWR) for _ in range(20)]
        metered.work()
        with subject("a"): metered.work()
        assert os.path.getsize("mine") == 0
        """
    )
    assert ran.uses == {("1", None): 2, ("1", "a"): 1}


def test_no_descriptor_stays_open(every):
    ran = every.run(
        """
        import os, _ctypes  # whose library some loaders keep open
        before = os.listdir("/proc/self/fd")
        import metered
        from meterize_hooks import subject
        metered.work()
        with subject("a"): metered.work()
        assert os.listdir("/proc/self/fd") == before
        """
    )
    assert ran.uses == {("1", None): 1, ("1", "a"): 1}


def test_a_link_in_the_place_of_a_file_is_not_followed(every):
    every.run(
        """
        import os, meterize_hooks
        from meterize_hooks.runtime import RUNTIME
        spool = os.environ["METERIZE_SPOOL"]
        os.mkdir(spool)
        for name in (f".{RUNTIME.incarnation}.new", f"{RUNTIME.incarnation}.names"): os.symlink("../target", f"{spool}/{name}")
        import metered
        print(metered.work())
        """
    )
    assert not (every.folder / "target").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_is_swept_away_while_it_is_made_is_made_again(every, times):
    """By an agent whose clock was set ahead, or by whatever else cleans up; in a forked child no later occasion comes."""
    ran = every.run(
        f"""
        import os, metered
        from meterize_hooks.system import System
        rename, left = System.rename, [{times}]
        def swept(source, target):
            if left[0]:
                left[0] -= 1
                os.unlink(source)
            rename(source, target)
        metered.work()
        System.rename = staticmethod(swept)
        child = os.fork()
        if not child:
            metered.work()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert sum(ran.uses.values()) == 2
    assert {path.suffix for path in every.spool.iterdir()} == {".uses", ".names"}


def test_where_the_file_cannot_be_laid_over_memory_none_is_left(every):
    every.run(
        """
        from meterize_hooks.cells import Cells
        def attach(self, file, descriptor): raise OSError
        Cells.attach = attach
        import metered
        metered.work()
        """
    )
    assert {path.suffix for path in every.spool.iterdir()} <= {".names"}


def test_another_file_in_the_place_of_ours_is_left_alone(every):
    every.run(
        """
        import metered, os, glob
        from meterize_hooks import subject
        (path,) = glob.glob(os.environ["METERIZE_SPOOL"] + "/*.uses")
        os.remove(path)
        open(path, "wb").write(b"somebody else's")
        for number in range(100):
            with subject(str(number)): metered.work()
        """
    )
    (file,) = every.spool.glob("*.uses")
    assert file.read_bytes() == b"somebody else's"


def test_more_hooks_than_a_bank_and_than_the_limit(bench):
    bench.meter("".join(f"def work{n}():\n    return {n}  # hook\n" for n in range(600)), policy="every")
    script = """
        import metered
        from meterize_hooks import subject
        for n in range(600): assert getattr(metered, f"work{n}")() == n
        with subject("a"):
            for n in range(600): getattr(metered, f"work{n}")()
        """
    ran = bench.run(script)
    assert ran.uses == {(str(n), who): 1 for n in range(1, 513) for who in (None, "a")}
    assert ran.losses == {"too-many-hooks": 88}
    for file in bench.spool.iterdir():
        file.unlink()
    ran = bench.run(script, environment={"METERIZE_HOOK_LIMIT": "600"})
    assert ran.uses == {(str(n), who): 1 for n in range(1, 601) for who in (None, "a")}
    assert not ran.losses


@pytest.mark.parametrize("limit", ["", "never", "-5", "1e9", "10", "9" * 30])
def test_a_bad_limit_is_no_error(every, limit):
    ran = every.run("import metered; metered.work()", environment={"METERIZE_HOOK_LIMIT": limit[:6]})
    assert ran.uses == {("1", None): 1}
    assert not ran.err


def test_little_address_space(every):
    """Fewer banks are better than none."""
    ran = every.run(
        """
        import resource
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 30_000_000, resource.RLIM_INFINITY))
        import metered
        print(metered.work())
        """
    )
    assert (ran.out, ran.err) == ("1\n", "")
    assert ran.uses == {("1", None): 1}
    assert ran.processes[0].header.banks == 1


def test_incarnations_are_uuids_of_version_7_in_the_order_of_time():
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


WITHOUT_CTYPES = "import sys; sys.modules['_ctypes'] = None\n"


@pytest.mark.parametrize("policy", ["every"])
def test_without_ctypes(bench, policy):
    """The file is mapped as a whole; a fork moves the context that forks, and says what it cannot do."""
    bench.meter(SOURCE, policy=policy)
    (bench.folder / "sitecustomize.py").write_text(WITHOUT_CTYPES)
    ran = bench.run(
        """
        import metered, os
        from meterize_hooks import subject
        for number in range(30):
            with subject(f"s{number}"): metered.work()
        metered.work()
        with subject("s1"):
            if os.fork() == 0:
                metered.work()
                with subject("s2"): metered.work()
                os._exit(0)
            os.wait()
            metered.work()
        """
    )
    parent = {("1", f"s{number}"): 1 for number in range(30)} | {("1", None): 1}
    parent["1", "s1"] += 2
    parent["1", "s2"] += 1
    assert ran.uses == parent
    assert ran.losses == {"no-ctypes": 1}
    assert ran.counted == [2, 32]


def test_cells_without_ctypes_take_the_memory_that_is_touched(bench):
    """Not what all hooks and subjects that there may be would need: here a gigabyte."""
    bench.meter(SOURCE, policy="every")
    (bench.folder / "sitecustomize.py").write_text(WITHOUT_CTYPES)
    ran = bench.run(
        """
        import os
        os.environ["METERIZE_HOOK_LIMIT"] = "16384"
        import metered
        def tell_most():  # ru_maxrss would be that of the process that started this one
            [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
            print(line.split()[1], flush=True)
        metered.work()
        if os.fork() == 0:
            metered.work()
            tell_most()
            os._exit(0)
        os.wait()
        tell_most()
        """
    )
    parent, child = map(int, ran.out.split())
    assert max(parent, child) < 200_000, "kB"
    assert ran.counted == [1, 1]


def test_the_reader_of_the_tool_is_not_needed(every):
    """The contract is enough to read a count: by hand, from the page."""
    every.run("import metered\nfor _ in range(300): metered.work()")
    (file,) = every.spool.glob("*.uses")
    data = Path(file).read_bytes()
    assert data[:8] == b"meterize"
    assert int.from_bytes(data[4096:4104], sys.byteorder) == 300
