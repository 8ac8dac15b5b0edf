"""What others do to a metered environment: noticed and explained by status, survived by the application, never overwritten."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess

import pytest

READING = "Reading(bed='b', hour=1, air=20, humidity=8, moisture=4)"
USE = f"from greenhouse import Reading, plan_watering\nplan_watering([{READING}], tank=9)\n"


@pytest.fixture(autouse=True)
def _metered(lab, quick, metered):
    """Everything here happens after `instrument`."""
    lab.quick = quick


def uses(lab):
    return lab.ask("usage")["total"]


def states(lab, code=1, **variables):
    """The states of all files, and the notices."""
    [package] = lab.ask("status", "greenhouse", code=code, **variables)["packages"]
    assert package["intact"] is (code == 0)
    for file in package["files"]:
        assert file["meaning"].endswith(".")
        assert file["advice"] or file["state"] == "ours"
    shown = lab.meterize("status", **variables)
    assert shown.code == code
    assert len(shown.out.splitlines()) <= 24
    return {file["state"] for file in package["files"]}, {notice["slug"] for notice in package["notices"]}


def compiled(lab, name="irrigation"):
    return sorted((lab.site / "greenhouse" / "__pycache__").glob(f"{name}.*.pyc"))


def edit_source(lab):
    path = lab.site / "greenhouse" / "irrigation.py"
    path.write_text(path.read_text().replace("LITRES_PER_POINT = 0.8", "LITRES_PER_POINT = 0.5"))


def upgrade(lab, install, *, pip=True):
    """As pip does it: the old files go, with their compiled ones, and new ones come."""
    sources = {f"greenhouse/{path.name}": path.read_text() for path in (lab.site / "greenhouse").glob("*.py")}
    [info] = lab.site.glob("greenhouse-*.dist-info")
    shutil.rmtree(info)
    if pip:
        shutil.rmtree(lab.site / "greenhouse")
    sources["greenhouse/irrigation.py"] = sources["greenhouse/irrigation.py"].replace("needs = []", "needs = list()")
    install(lab.site, sources, name="greenhouse", version="2.0.0")


def test_left_alone(lab):
    assert states(lab, 0) == ({"ours"}, set())
    lab.use(USE)
    assert uses(lab) == 1


def test_compiled_again(lab, metered):
    before = {path.name: path.read_bytes() for path in compiled(lab)}
    lab.use("-m", "compileall", "-q", "-f", str(lab.site / "greenhouse"))
    assert states(lab) == ({"recompiled", "ours"}, set())
    lab.use(USE)
    assert uses(lab) == 0
    answer = lab.ask("verify", metered, code=1)
    assert (answer["verdict"], answer["feature_tests"]["fired"]) == ("failed", 0)
    assert "compiled again" in answer["warnings"][0]
    answer = lab.ask("strip", "greenhouse", code=1)
    assert [left["file"] for left in answer["packages"][0]["left"]] == [f"greenhouse/__pycache__/{compiled(lab)[0].name}"], (
        "what somebody else compiled stays"
    )
    assert compiled(lab)[0].read_bytes() != before[compiled(lab)[0].name]
    assert not (lab.site / ".meterize").exists()
    lab.use(USE)


def test_compiled_again_and_instrumented_again(lab, metered):
    lab.use("-m", "compileall", "-q", "-f", str(lab.site / "greenhouse"))
    lab.instrument(metered, "--policy", "every")
    assert states(lab, 0) == ({"ours"}, set())
    lab.use(USE)
    assert uses(lab) == 1


def test_the_compiled_file_was_deleted(lab, metered):
    for path in compiled(lab):
        path.unlink()
    assert states(lab) == ({"gone"}, set())
    lab.use(USE)
    assert uses(lab) == 0
    lab.instrument(metered, "--policy", "every")
    lab.use(USE)
    assert uses(lab) == 1


def test_a_source_that_was_only_touched(lab):
    (lab.site / "greenhouse" / "irrigation.py").touch()
    assert states(lab, 0) == ({"ours"}, set())
    lab.use(USE)
    assert uses(lab) == 1


def test_a_source_that_was_edited(lab, metered):
    edit_source(lab)
    found, _ = states(lab)
    assert found == {"source-touched"}
    ran = lab.use(f"{USE}from greenhouse import irrigation\nprint(irrigation.LITRES_PER_POINT)")
    assert ran.out == "0.5\n", "the edit counts, not our old code"
    assert lab.meterize("instrument", metered).code == 0, "the hooked function itself is the same"
    lab.use(USE)
    assert uses(lab) == 1


def test_a_hooked_function_that_was_edited(lab, metered):
    path = lab.site / "greenhouse" / "irrigation.py"
    path.write_text(path.read_text().replace("needs = []", "needs = list()"))
    before = lab.tree()
    lab.refused(lab.meterize("instrument", metered), 4, "plan-out-of-date", "plan_watering", "analyze", before=before)


@pytest.mark.parametrize("pip", [True, False], ids=["as pip does", "over the old files"])
def test_upgraded_and_stripped(lab, metered, install, pip):
    upgrade(lab, install, pip=pip)
    found, _ = states(lab)
    assert found <= {"upgraded", "outdated"}
    lab.use(USE)
    source = lab.site / "greenhouse" / "irrigation.py"
    before = source.read_bytes(), source.stat().st_mtime_ns
    lab.refused(lab.meterize("instrument", metered), 4, "plan-out-of-date", "analyze")
    stripped = lab.meterize("strip", "greenhouse")
    assert stripped.code in (0, 1), stripped
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before
    assert not (lab.site / ".meterize").exists()
    assert not (lab.site / "meterize_hooks").exists()
    for path in (lab.site / "greenhouse" / "__pycache__").glob("*.pyc"):
        assert b"meterize" not in path.read_bytes(), path
    lab.use(f"{USE}import greenhouse.irrigation as module\nassert 'list' in module.plan_watering.__code__.co_names")
    assert lab.analyze("irrigation").code == 0


def test_uninstalled(lab, metered):
    [info] = lab.site.glob("greenhouse-*.dist-info")
    shutil.rmtree(info)
    shutil.rmtree(lab.site / "greenhouse")
    [package] = lab.ask("status", code=1)["packages"]
    assert {file["metered"] for file in package["files"]} == {False}
    assert all("strip greenhouse" in file["advice"] for file in package["files"])
    stripped = lab.meterize("strip", "greenhouse")
    assert stripped.code in (0, 1), stripped
    assert not (lab.site / ".meterize").exists()
    assert not (lab.site / "greenhouse").exists()
    assert lab.ask("status")["packages"] == []


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_optimised(lab, snapshot_of, flag):
    lab.use(flag, "-B", "-c", USE)
    assert uses(lab) == 1
    assert states(lab, 0) == ({"ours"}, set())


def test_compiled_files_elsewhere(lab, metered):
    elsewhere = {"PYTHONPYCACHEPREFIX": str(lab.root / "elsewhere")}
    lab.use(USE, **elsewhere)
    assert uses(lab) == 0
    assert states(lab, 1, **elsewhere) == ({"ours"}, {"pycache-prefix"})
    answer = lab.ask("verify", metered, code=1, **elsewhere)
    assert (answer["verdict"], answer["feature_tests"]["fired"]) == ("failed", 0)
    assert "PYTHONPYCACHEPREFIX" in answer["warnings"][0]
    assert states(lab, 0) == ({"ours"}, set())


def test_a_spool_that_cannot_be_written_to(lab):
    (lab.work / "file").write_text("")
    for spool, why in ((lab.work / "file", "it is no folder"), (lab.work / "file" / "x", f"{lab.work / 'file'} is no folder")):
        elsewhere = {"METERIZE_SPOOL": str(spool)}
        lab.use(USE, **elsewhere)
        assert states(lab, 1, **elsewhere) == ({"ours"}, {"spool-unusable"})
        shown = lab.meterize("status", **elsewhere).out
        assert why in shown
        assert "Set it to a folder" in shown
    assert states(lab, 0, METERIZE_SPOOL=str(lab.root / "to" / "be" / "made")) == ({"ours"}, set())


@pytest.mark.parametrize("what", ["all", "one file", "metadata"])
def test_the_runtime_is_deleted(lab, metered, what):
    if what == "all":
        shutil.rmtree(lab.site / "meterize_hooks")
    elif what == "one file":
        (lab.site / "meterize_hooks" / "runtime.py").unlink()
    else:
        [info] = lab.site.glob("meterize_hooks-*.dist-info")
        shutil.rmtree(info)
    lab.use(USE)
    _, notices = states(lab)
    assert notices == {"runtime-missing"}
    lab.instrument(metered, "--policy", "every")
    assert states(lab, 0) == ({"ours"}, set())
    lab.use(USE)
    assert uses(lab) == 1 if what != "metadata" else uses(lab) >= 1


def test_a_changed_runtime_is_not_overwritten(lab, metered):
    path = lab.site / "meterize_hooks" / "runtime.py"
    path.write_text(path.read_text() + "# mine\n")
    _, notices = states(lab)
    assert notices == {"runtime-changed"}
    stripped = lab.meterize("strip", "greenhouse")
    assert "somebody changed" in stripped.out + stripped.err
    assert path.read_text().endswith("# mine\n")


def test_an_environment_that_was_copied(lab, snapshot_of):
    copy = lab.root / "copy"
    shutil.copytree(lab.venv, copy, symlinks=True)
    lab.venv.rename(lab.root / "first")
    copy.rename(lab.venv)
    assert states(lab, 0) == ({"ours"}, set())
    lab.use(USE)
    assert uses(lab) == 1
    [stripped] = lab.ask("strip", "greenhouse")["packages"]
    assert stripped["identical"]


DAMAGES = {
    "garbage": lambda path: path.write_bytes(b"\xff\0garbage"),
    "empty": lambda path: path.write_bytes(b""),
    "other json": lambda path: path.write_text("[1, 2]"),
    "newer": lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99})),
    "a path outside": lambda path: path.write_text(path.read_text().replace("greenhouse/__pycache__", "../../outside")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_manifest(lab, quick, metered, kind):
    DAMAGES[kind](lab.site / ".meterize" / "greenhouse" / "manifest.json")
    before = lab.tree()
    for command in (["status"], ["strip", "greenhouse"], ["strip", "--all"], ["instrument", metered], ["verify", metered]):
        ran = quick(*command)
        slug = {"newer": "manifest-schema", "a folder": "file-system-error"}.get(kind, "manifest-corrupt")
        lab.refused(ran, 4, slug, before=before)
    lab.use(f"import sys\nsys.dont_write_bytecode = True\n{USE}")


@pytest.mark.parametrize("where", ["everything", "originals"])
def test_a_store_that_was_deleted(lab, metered, where):
    """Somebody tidied up: the hooks are still there, and can still be taken out, or the tool says how."""
    if where == "everything":
        shutil.rmtree(lab.site / ".meterize")
        lab.use(USE)
        assert uses(lab) == 1
        again = lab.meterize("instrument", metered, "--policy", "every")
        assert again.code in (0, 4), again
    else:
        shutil.rmtree(lab.site / ".meterize" / "greenhouse" / "originals")
        stripped = lab.meterize("strip", "greenhouse")
        assert stripped.code in (1, 4), stripped
    lab.use(USE)


def test_two_at_once(lab, plan):
    """Six real processes: each does its work or says that another is at it; the outcome is one of theirs."""
    plans = [plan(feature) for feature in ("irrigation", "forecast", "stations")]
    lines = [("instrument", str(path), "--policy", policy) for path in plans for policy in ("once", "every")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(lab.command(*line), cwd=lab.work, env=lab.environment(), **pipes) for line in lines]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, 4), err
        assert process.returncode == 0 or "(locked)" in err, err
        assert "Traceback" not in err + out
    [package] = lab.ask("status")["packages"]
    assert package["intact"]
    assert "irrigation" in {each["feature"] for each in package["features"]}
    lab.use(USE)
    [stripped] = lab.ask("strip", "greenhouse")["packages"]
    assert stripped["identical"]


def test_somebody_holds_the_lock(lab, quick, plan):
    path = plan("forecast")
    before = lab.tree()
    handle = os.open(lab.site, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        lab.refused(quick("instrument", path), 4, "locked", f"process {os.getpid()}", "run the command again", before=before)
    finally:
        os.close(handle)
    assert quick("instrument", path).code == 0


def give_away(folder, user):
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, user, follow_symlinks=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
class TestAnotherUser:
    def test_may_not_change_what_is_not_theirs(self, lab, quick, plan, metered, let_in, nobody):
        path = plan("forecast")
        let_in(lab)
        before = lab.tree()
        for command in (["instrument", path], ["strip", "greenhouse"], ["strip", "--all"]):
            ran = quick(*command, user=nobody)
            assert ran.code == 4, ran
            slug = "private-store" if "(private-store)" in ran.err else "read-only-site"
            lab.refused(ran, 4, slug, before=before)
        ran = quick("status", user=nobody)
        assert ran.code in (0, 4), ran
        assert lab.tree() == before

    def test_is_metered_all_the_same(self, lab, let_in, can_reach, nobody):
        """The application often runs as a user of its own, in an environment that root has metered."""
        let_in(lab)
        if not can_reach(lab.python, nobody):
            pytest.skip("the interpreter lies where other users cannot reach it")
        whoever = {"user": nobody, "group": nobody, "extra_groups": []}
        done = subprocess.run(
            [lab.python, "-c", USE], env=lab.environment(), cwd="/", capture_output=True, check=False, **whoever
        )
        assert done.returncode == 0, done
        assert uses(lab) == 1

    def test_may_not_look_at_a_spool(self, lab, quick, let_in, nobody):
        let_in(lab)
        hidden = lab.root / "hidden"
        hidden.mkdir(mode=0o700)
        lab.refused(quick("usage", "--spool", hidden / "spool", user=nobody), 4, "spool-unreadable", str(hidden))

    def test_instruments_their_own(self, lab, quick, plan, let_in, nobody, snapshot_of):
        assert quick("strip", "--all").code == 0
        path = plan("forecast")
        path.chmod(0o644)
        let_in(lab)
        give_away(lab.venv, nobody)
        before = snapshot_of(lab.venv)
        assert quick("instrument", path, user=nobody).code == 0
        assert quick("status", user=nobody).code == 0
        lab.spool.chmod(0o755)
        ran = quick("status", user=nobody)
        assert ran.code == 1, ran
        assert "it is not to be written to by this user" in ran.out
        assert quick("strip", "greenhouse").code == 0, "root may, too"
        assert snapshot_of(lab.venv) == before
        assert quick("instrument", path).code == 0
        owners = {path.stat().st_uid for path in [*lab.site.rglob("*")]}
        assert owners == {nobody}, "what root adds belongs to whom the environment belongs"
        assert quick("strip", "greenhouse", user=nobody).code == 0
        assert snapshot_of(lab.venv) == before


def in_a_namespace(lab, script, *arguments):
    """Run a shell script in which file systems can be mounted that nobody else sees."""
    words = ["unshare", "-m", "/bin/sh", "-ec", script, "sh", *map(str, arguments)]
    return subprocess.run(words, cwd=lab.work, env=lab.environment(), capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture
def can_mount(lab):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, to mount")
    if in_a_namespace(lab, "mount -t tmpfs -o size=64k none /mnt").returncode:
        pytest.skip("mounting is not allowed here")


@pytest.mark.usefixtures("can_mount")
class TestRealFileSystems:
    def test_read_only(self, lab, plan):
        path = plan("forecast")
        before = lab.tree()
        script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"'
        for command in (["instrument", path], ["strip", "greenhouse"]):
            done = in_a_namespace(lab, script, lab.venv, *lab.command(*command))
            assert done.returncode == 4, done
            assert done.stderr.startswith("error (read-only-site)"), done
            assert lab.tree() == before
        done = in_a_namespace(lab, script, lab.venv, *lab.command("status"))
        assert done.returncode == 0, done

    def test_full(self, lab, plan, snapshot_of):
        """Filled to the last page, then with a little room: nothing has changed, or all of it."""
        path = plan("forecast")
        seen = set()
        for room in (0, 8, 24, 48, 96, 400):
            shutil.rmtree(lab.root / "after", ignore_errors=True)
            script = (
                'mount -t tmpfs -o size=4m none "$1"; cp -a "$2/." "$1"; '
                'dd if=/dev/zero of="$1/room" bs=1024 count="$4" status=none; '
                'cat /dev/zero >"$1/filling" 2>/dev/null || true; rm "$1/room"; '
                'code=0; "$5" -m meterize --python "$1" instrument "$6" || code=$?; '
                'rm "$1/filling"; cp -a "$1" "$3"; exit $code'
            )
            disk = lab.root / "disk"
            disk.mkdir(exist_ok=True)
            done = in_a_namespace(lab, script, disk, lab.venv, lab.root / "after", room, lab.command()[0], path)
            seen.add(done.returncode)
            assert "Traceback" not in done.stderr
            after = snapshot_of(lab.root / "after")
            wanted = snapshot_of(lab.venv)
            for tree in (after, wanted):
                tree.pop(".")  # its time stamp shows the filling coming and going
            if done.returncode:
                assert done.stderr.startswith("error (disk-full)"), done
                assert "nothing was changed" in done.stderr
                assert after == wanted
            else:
                assert after != wanted
        assert seen == {0, 4}

    def test_no_room_for_the_plan_or_the_data(self, lab, of_rest):
        lab.meterize("strip", "--all")
        small = lab.root / "small"
        small.mkdir()
        script = 'mount -t tmpfs -o size=64k none "$1"; cat /dev/zero >"$1/filling" 2>/dev/null || true; shift; exec "$@"'
        before = lab.tree()
        suites = ["--with", "python -m unittest test_irrigation", "--without", of_rest("irrigation"), "--cwd", str(lab.suite)]
        words = lab.command("analyze", "greenhouse", "--feature", "x", *suites)
        for extra in (["--plan", small / "p.toml"], ["--data", small / "data.db"]):
            done = in_a_namespace(lab, script, small, *words, *extra)
            assert done.returncode == 4, done
            assert "Traceback" not in done.stderr
            (lab.work / "greenhouse.x.plan.toml").unlink(missing_ok=True)
        assert {name: entry for name, entry in lab.tree().items() if name != "work:."} == {
            name: entry for name, entry in before.items() if name != "work:."
        }
