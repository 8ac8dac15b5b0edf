"""What cannot be metered is refused on one screen: what it is, what to do instead, and nothing changed on disk."""

from __future__ import annotations

import json
import sysconfig
import zipfile

import pytest

SUITES = ("--with", "true", "--without", "true")


@pytest.fixture(scope="module")
def yard(workshop, tmp_path_factory, make_lab, install, serve):
    """An environment full of odd packages, and a server of command lines."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("yard") / "lab")
    site = lab.site
    install(site, {"several_a.py": "", "several_b.py": ""}, name="several")
    install(site, {"spaces/inner/__init__.py": "x = 1\n"}, name="spaces-inner")
    (site / "hollow").mkdir()
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    install(site, {f"lonely{suffix}": "", "lonely.py": ""}, name="lonely")
    install(site, {f"machine{suffix}": "", f"engine/__init__{suffix}": "", f"engine/part{suffix}": ""}, name="machine")
    install(site, {"sourceless/__init__.pyc": ""}, name="sourceless")
    with zipfile.ZipFile(site / "packed.zip", "w") as archive:
        archive.writestr("packed/__init__.py", "x = 1\n")
    (site / "packed.pth").write_text(f"{site / 'packed.zip'}\n")
    develop = lab.root / "develop"
    install(site, {}, name="linked")
    (develop / "linked").mkdir(parents=True)
    (develop / "linked" / "__init__.py").write_text("x = 1\n")
    (site / "__editable__linked.pth").write_text(f"{develop}\n")
    info = site / "linked-1.0.dist-info"
    (info / "direct_url.json").write_text(json.dumps({"url": develop.as_uri(), "dir_info": {"editable": True}}))
    (site / "nobodys").mkdir()
    (site / "nobodys" / "__init__.py").write_text("x = 1\n")
    install(site, {"left/__init__.py": "", "right/__init__.py": ""}, name="pair")
    install(site, {"data.txt": ""}, name="only-data")
    install(site, {}, name="gone")
    (site / "gone-1.0.dist-info" / "RECORD").write_text("gone/__init__.py,,\n")
    install(site, {"broken/__init__.py": "def f(:\n", "broken/fine.py": "x = 1\n"}, name="broken")
    with serve(lab) as server:
        yield server


CASES = {
    "grenhouse": ("no-such-package", "Did you mean greenhouse?"),
    "Greenhuose": ("no-such-package", "greenhouse"),
    "nothing-of-the-kind": ("no-such-package", "--python"),
    "green house": ("no-such-package", "greenhouse"),
    "": ("no-such-package", "check the name"),
    ".": ("no-such-package", "check the name"),
    "../greenhouse": ("no-such-package", "greenhouse"),
    "greenhouse/irrigation.py": ("no-such-package", "greenhouse"),
    "*": ("no-such-package", "check the name"),
    "x" * 5000: ("no-such-package", "check the name"),
    "greenhouse.irrigation": ("part-of-package", "name the package itself: greenhouse"),
    "lonely": ("compiled-package", "Meter the Python code that calls it"),
    "several": ("several-packages", "2 modules: several_a, several_b"),
    "several_a.inner": ("part-of-package", "name the package itself: several_a"),
    "spaces": ("namespace-package", "spaces.inner"),
    "hollow": ("namespace-package", "hollow"),
    "machine": ("compiled-package", "Meter the Python code that calls it"),
    "engine": ("compiled-package", "engine"),
    "sourceless": ("no-source", "with its sources"),
    "packed": ("zipped-package", "packed.zip"),
    "json": ("stdlib-package", "installed"),
    "os.path": ("stdlib-package", "installed"),
    "sys": ("stdlib-package", "installed"),
    "zipimport": ("stdlib-package", "installed"),
    "encodings": ("stdlib-package", "installed"),
    "linked": ("editable-install", "pip install ."),
    "nobodys": ("not-installed", "pip install ."),
    "pair": ("several-packages", "left, right"),
    "only-data": ("no-import-package", "data"),
    "gone": ("broken-installation", "pip install --force-reinstall gone"),
}


@pytest.mark.parametrize("name", CASES, ids=lambda name: name[:30] or "empty")
def test_refused(yard, name):
    lab = yard.lab
    slug, says = CASES[name]
    before = lab.tree()
    ran = yard("analyze", name, "--feature", "x", *SUITES)
    lab.refused(ran, 4, slug, says, before=before)


def test_a_name_like_an_option(yard):
    yard.lab.refused(yard("analyze", "--", "-greenhouse", "--feature", "x"), 2, "usage")
    yard.lab.refused(yard("analyze", "-greenhouse", "--feature", "x", *SUITES), 2, "usage")


def test_a_module_that_does_not_compile_is_no_obstacle(yard):
    """It cannot be imported either; the rest of the package can be analyzed."""
    lab = yard.lab
    fine = ["--with", "python -c 'import sys; sys.path.append(1)'", "--without", "true", "--cwd", lab.work]
    lab.refused(yard("analyze", "broken", "--feature", "x", *fine), 3, "no-data", "nothing of the broken installed")


@pytest.mark.parametrize("command", ["strip", "status"])
def test_the_other_commands_explain_as_well(yard, command):
    lab = yard.lab
    before = lab.tree()
    lab.refused(yard(command, "grenhouse"), 4, "no-such-package", "Did you mean greenhouse?", before=before)
    lab.refused(yard(command, "lonely"), 4, "compiled-package", before=before)


def test_strip_what_was_never_instrumented(yard):
    lab = yard.lab
    before = lab.tree()
    lab.refused(yard("strip", "greenhouse"), 4, "not-metered", "meterize status", before=before)
    ran = yard("strip", "--all")
    assert (ran.code, ran.out) == (0, "Nothing is metered here.\n")
    assert yard("status", "greenhouse").out == "Nothing is metered here.\n"
    assert lab.tree() == before
