"""Plans that are none, or were edited by hand into nonsense: which key, what was expected, and nothing changed on disk."""

from __future__ import annotations

import os
import re
import types

import pytest

from meterize.cpython.legality import hook_offsets


@pytest.fixture(scope="module")
def desk(workshop, tmp_path_factory, make_lab, serve, plan_text):
    """A lab, a server of command lines, and a good plan."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("desk") / "lab")
    with serve(lab) as server:
        yield server, plan_text("irrigation")


def code_of(lab, qualname):
    pending = [compile((lab.site / "greenhouse" / "irrigation.py").read_bytes(), "irrigation.py", "exec", dont_inherit=True)]
    while pending:
        code = pending.pop()
        if code.co_qualname == qualname:
            return code
        pending += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    raise AssertionError(qualname)


def put(key, value):
    """Replace the first value of a key."""

    def edit(text):
        changed, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text, count=1)
        assert count == 1, key
        return changed

    return edit


def drop(key):
    return lambda text: re.sub(rf"(?m)^{key} = .*\n", "", text, count=1)


def twice(text):
    start, end = text.index("\n[[feature.hook_point]]\n"), text.index("\n# Who was taken")
    return text[:end] + text[start:end] + text[end:]


def twin(text):
    return text + text[text.index("\n[[feature]]\n") :]


def against(name):
    return lambda text: text.replace("warnings =", f'against = ["{name}"]\nwarnings =', 1)


def without_hooks(text):
    return text[: text.index("\n[[feature.hook_point]]\n")] + text[text.index("\n# Who was taken") :]


MUTATIONS = {
    # no plan at all
    "empty": (lambda _: "", 2, "plan-invalid", "schema"),
    "blank": (lambda _: "\n \n", 2, "plan-invalid", "schema"),
    "prose": (lambda _: "Dear plan,\nplease meter everything.\n", 2, "plan-invalid", "not TOML"),
    "json": (lambda _: '{"schema": 1}', 2, "plan-invalid", "not TOML"),
    "half": (lambda text: text[: len(text) // 2], 2, "plan-invalid", ""),
    "conflict": (lambda text: text.replace("offset", "<<<<<<< HEAD\noffset", 1), 2, "plan-invalid", "not TOML"),
    "deep": (lambda _: "a = " + "[" * 5000, 2, "plan-invalid", ""),
    "long integer": (put("offset", "9" * 5000), 2, "plan-invalid", ""),
    "escape": (put("name", '"\\q"'), 2, "plan-invalid", "not TOML"),
    # schema and header
    "newer": (put("schema", "3"), 2, "plan-wrong-schema", "schema 3"),
    "older": (put("schema", "1"), 2, "plan-wrong-schema", "schema 1"),
    "no schema": (drop("schema"), 2, "plan-invalid", "schema"),
    "true schema": (put("schema", "true"), 2, "plan-invalid", "schema"),
    "extra key": (lambda text: text.replace("charge =", 'colour = "red"\ncharge =', 1), 2, "plan-invalid", "colour"),
    "misspelt": (lambda text: text.replace("offset =", "ofset =", 1), 2, "plan-invalid", "offset"),
    "policy": (put("policy", '"sometimes"'), 2, "plan-invalid", '"once" or "every"'),
    "charge": (put("charge", "1"), 2, "plan-invalid", "charge"),
    "feature twice": (twin, 2, "plan-invalid", "feature 2: name"),
    "no feature": (lambda text: text[: text.index("\n[[feature]]")], 2, "plan-invalid", "feature"),
    "against itself": (against("irrigation"), 2, "plan-invalid", "against"),
    "against nobody": (against("forecast"), 2, "plan-invalid", "against"),
    "no hooks": (without_hooks, 2, "plan-invalid", "hook_point"),
    # what it speaks of
    "unknown package": (put("package", '"grenhouse"'), 4, "no-such-package", "Did you mean greenhouse?"),
    "stdlib package": (put("package", '"json"'), 4, "stdlib-package", "json"),
    "path as package": (put("package", '"../../etc"'), 4, "no-such-package", ""),
    "other distribution": (put("distribution", '"tablib"'), 2, "plan-disagrees", "tablib"),
    "interpreter": (put("interpreter", '"cpython-310"'), 2, "plan-wrong-interpreter", "cpython-310"),
    "pypy": (put("interpreter", '"pypy310-pp73"'), 2, "plan-wrong-interpreter", "pypy310"),
    "slash in feature": (put("name", '"a/b"'), 2, "bad-feature-name", "slash"),
    "empty feature": (put("name", '""'), 2, "plan-invalid", "feature 1: name"),
    "renamed feature": (put("name", '"water"'), 2, "plan-disagrees", "greenhouse/water/"),
    # hook points
    "id of another feature": (put("id", '"greenhouse/forecast/1"'), 2, "plan-disagrees", "greenhouse/forecast/1"),
    "id of another package": (put("id", '"tablib/irrigation/1"'), 2, "plan-disagrees", "tablib/irrigation/1"),
    "id without a number": (put("id", '"greenhouse/irrigation/one"'), 2, "plan-disagrees", "number"),
    "id with digits of elsewhere": (put("id", '"greenhouse/irrigation/١"'), 2, "plan-disagrees", "number"),
    "twins": (twice, 2, "plan-invalid", "no other hook point"),
    "negative offset": (put("offset", "-2"), 2, "plan-invalid", "offset"),
    "odd offset": (put("offset", "3"), 2, "plan-invalid", "even"),
    "offset beyond the end": (put("offset", "100000"), 2, "plan-bad-offset", "100000"),
    "offset as text": (put("offset", '"2"'), 2, "plan-invalid", "offset"),
    "float offset": (put("offset", "2.0"), 2, "plan-invalid", "offset"),
    "short digest": (put("digest", '"abc"'), 2, "plan-invalid", "digest"),
    "wrong digest": (put("digest", f'"{"0" * 64}"'), 4, "plan-out-of-date", "plan_watering"),
    "other function": (put("qualname", '"share_tank"'), 4, "plan-out-of-date", "share_tank"),
    "no such function": (put("qualname", '"nothing"'), 4, "plan-out-of-date", "nothing"),
    "line zero": (put("line", "-1"), 2, "plan-invalid", "line"),
    "test of nobody": (put("covers", '["nobody"]\nignored = ['), 2, "plan-invalid", ""),
    # files
    "absolute file": (put("file", '"/etc/passwd.py"'), 2, "plan-invalid", "relative path"),
    "file above": (put("file", '"../../secret.py"'), 2, "plan-invalid", "relative path"),
    "file in between": (put("file", '"greenhouse/../greenhouse/irrigation.py"'), 2, "plan-invalid", "relative path"),
    "dotted file": (put("file", '"./greenhouse/irrigation.py"'), 2, "plan-invalid", "relative path"),
    "no module": (put("file", '"greenhouse/irrigation.txt"'), 2, "plan-invalid", "relative path"),
    "null in file": (put("file", '"greenhouse/\\u0000.py"'), 2, "plan-invalid", "file"),
    "other module": (put("file", '"greenhouse/climate.py"'), 4, "plan-out-of-date", "climate.py"),
    "no such module": (put("file", '"greenhouse/nothing.py"'), 2, "plan-disagrees", "nothing.py"),
    "another package's module": (put("file", '"pytest/__init__.py"'), 2, "plan-disagrees", "no module of greenhouse"),
    "backslashes": (put("file", '"greenhouse\\\\irrigation.py"'), 2, "plan-disagrees", "no module"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MUTATIONS)
def test_edited_into_nonsense(desk, kind):
    server, good = desk
    edit, code, slug, says = MUTATIONS[kind]
    path = server.lab.work / "edited.toml"
    text = edit(good)
    assert text != good
    path.write_text(text)
    before = server.lab.tree()
    for command in (["instrument", path], ["instrument", path, "--dry-run"], ["instrument", path, "--policy", "every"]):
        server.lab.refused(server(*command), code, slug, says, before=before)


def test_every_offset_is_a_place_for_a_hook_or_refused(desk):
    """In the middle of an instruction, between a caller and its cache, before what must not be split: never silently."""
    server, good = desk
    lab = server.lab
    code = code_of(lab, "plan_watering")
    legal = hook_offsets(code)
    path = lab.work / "edited.toml"
    illegal = [offset for offset in range(0, len(code.co_code), 2) if offset not in legal]
    assert len(illegal) > 40
    path.write_text(good)
    before = lab.tree()
    for offset in [*illegal[:12], *illegal[12::5], len(code.co_code)]:
        path.write_text(put("offset", offset)(good))
        os.utime(path, ns=(0, before["work:edited.toml"][1]))
        ran = server("instrument", path)
        lab.refused(ran, 2, "plan-bad-offset", str(offset))
    path.write_text(good)
    os.utime(path, ns=(0, before["work:edited.toml"][1]))
    assert lab.tree() == before


def write_bytes(data):
    return lambda path: path.write_bytes(data)


FILES = {
    "missing": (lambda path: None, "plan-not-found", "meterize analyze"),
    "folder": (lambda path: path.mkdir(), "usage", "directory"),
    "binary": (write_bytes(os.urandom(4096)), "plan-invalid", "not TOML"),
    "zeros": (write_bytes(bytes(100_000)), "plan-invalid", "not TOML"),
    "latin-1": (write_bytes('feature = "Wärme"\n'.encode("latin-1")), "plan-invalid", "not TOML"),
    "utf-16": (write_bytes("schema = 1\n".encode("utf-16")), "plan-invalid", "not TOML"),
    "pyc": (write_bytes(b"\xcb\r\r\n\0\0\0\0"), "plan-invalid", "not TOML"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "plan-invalid", ""),
    "loop": (lambda path: path.symlink_to(path.name), "plan-invalid", "cannot be read"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "plan-not-found", ""),
    "below a file": (lambda path: path.parent.joinpath("file").touch(), "plan-invalid", ""),
    "huge": (lambda path: (path.touch(), os.truncate(path, 1 << 34)), "plan-invalid", "larger than"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_no_plan(lab, quick, kind):
    make, slug, says = FILES[kind]
    path = lab.work / "odd.toml"
    make(path)
    given = lab.work / "file" / "odd.toml" if kind == "below a file" else path
    before = lab.tree() if kind != "huge" else None
    for command in ("instrument", "verify"):
        lab.refused(quick(command, given), 2, slug, says, before=before)
    if kind == "huge":
        path.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_plan_that_may_not_be_read(lab, quick, plan, let_in, nobody):
    path = plan()
    path.chmod(0o600)
    let_in(lab)
    lab.refused(quick("instrument", path, user=nobody), 2, "usage", "not readable", before=lab.tree())


def test_a_good_plan_of_a_package_that_is_not_installed(lab, quick, plan):
    path = plan()
    [info] = lab.site.glob("greenhouse-*.dist-info")
    info.rename(lab.root / "info")
    (lab.site / "greenhouse").rename(lab.root / "package")
    before = lab.tree()
    lab.refused(quick("instrument", path), 4, "no-such-package", "greenhouse", before=before)
    lab.refused(quick("verify", path), 4, "no-such-package", "greenhouse", before=before)


def test_the_wrong_interpreters_plan(lab, quick, plan):
    path = plan(edit=lambda text: re.sub(r'(?m)^interpreter = ".*"', 'interpreter = "cpython-399"', text))
    before = lab.tree()
    for command in ("instrument", "verify"):
        lab.refused(quick(command, path), 2, "plan-wrong-interpreter", "cpython-399", "--python", before=before)


def test_a_plan_for_another_version_of_the_same_code(lab, quick, plan):
    path = plan(edit=lambda text: text.replace('version = "1.0.0"', 'version = "0.9.0"'))
    ran = quick("instrument", path)
    assert ran.code == 0, ran
    assert "greenhouse 1.0.0 is installed, the plan is of 0.9.0" in ran.err
    assert quick("status").code == 0


def test_verify_needs_the_plan_to_be_in_force(lab, quick, plan):
    path = plan()
    before = lab.tree()
    lab.refused(quick("verify", path), 4, "plan-not-installed", "meterize instrument", before=before)
    assert quick("instrument", plan("forecast")).code == 0
    before = lab.tree()
    lab.refused(quick("verify", path), 4, "plan-not-installed", before=before)
    assert quick("instrument", path).code == 0
    moved = plan(name="moved.toml", edit=put("offset", 4))
    before = lab.tree()
    lab.refused(quick("verify", moved), 4, "plan-not-installed", "another plan", before=before)


def test_verify_when_the_suites_have_changed(lab, quick, plan):
    """The commands of a plan are the user's: they may be gone, fail or hang by now."""
    path = plan()
    assert quick("instrument", path, "--policy", "every").code == 0
    plan(edit=put("cwd", '"/no/such/folder"'))
    lab.refused(quick("verify", path), 2, "cwd-missing", "--cwd", before=lab.tree())
    plan(edit=put("with", '"sleep 1000"'))
    lab.refused(quick("verify", path, "--timeout", "0.5"), 3, "suite-timeout", "--timeout")
    plan(edit=put("with", '"python -m unittest -k nosuch"'))
    lab.refused(quick("verify", path), 3, "no-tests")
    (lab.work / "test_idle.py").write_text(
        "import unittest, greenhouse\nclass T(unittest.TestCase):\n    def test_1(self): pass\n    def test_2(self): pass\n"
    )
    plan(edit=put("with", f'"cd {lab.work} && python -m unittest test_idle; exit 3"'))
    ran = quick("verify", path, "--json")
    assert ran.code == 1, ran
    answer = ran.json()
    assert answer["verdict"] == "failed"
    assert answer["suites"]["with"]["exit_code"] == 3
    assert len(answer["feature_tests"]["silent"]) == answer["feature_tests"]["total"] == 2
    assert answer["reasons"] == ["2 of 2 feature tests did not fire a hook"], "it ends with 3 without hooks, too"
    shown = quick("verify", path)
    assert "Verdict: failed" in shown.out
    assert "did not fire" in shown.out


def test_verify_finds_a_rest_that_uses_the_feature(lab, quick, plan):
    path = plan(edit=put("without", '"python -m unittest test_climate test_irrigation"'))
    assert quick("instrument", path, "--policy", "every").code == 0
    answer = quick("verify", path, "--json").json()
    assert (answer["verdict"], answer["rest_tests"]["fired"]) == ("failed", 6)
    assert all("test_irrigation" in test for test in answer["rest_tests"]["firing"])
