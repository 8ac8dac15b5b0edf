"""From unmetered to metered and back: the same bytes, modes and time stamps."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from meterize.cpython.pyc import load_pyc, pyc_path
from meterize.errors import InternalError, TargetError
from meterize.installed import apply, locate, manifests, needs_recovery, preview, strip

CART = "shop/cart.py"


def pyc_of(package, file, optimization=0):
    return pyc_path(package.site / file, optimization).relative_to(package.site).as_posix()


def changed(before, after):
    """What differs: paths of files that are new, gone or other; folders only if their time stamp is."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def run(package, code, *options):
    """Run code in an interpreter that sees the site folder and nothing else of ours."""
    script = f"import sys; sys.path.insert(0, {str(package.site)!r}); {code}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-S", "-B", *options, "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd="/").stdout.split()


USE = "import shop, shop.cart as c, meterize_hooks as m; print(shop.total(), getattr(c, 'METERED', ['plain'])[0], m.ARMED)"


@pytest.mark.parametrize("level", [(), ("-O",), ("-OO",)])
def test_there_and_back(site, shop, rewrite, plan, runtime, level):
    before = site.tree()
    manifest = apply(shop, rewrite(shop, CART, "shop/money.py"), [plan()], runtime=runtime())
    assert run(shop, USE, *level) == ["42", "hooked", "True"]
    report = strip(shop.site, "shop")
    assert site.tree() == before
    assert report.identical
    assert report.runtime_removed
    assert report.left == ()
    had = {pyc_of(shop, CART), pyc_of(shop, CART, 1), pyc_of(shop, "shop/money.py")}
    assert set(report.restored) == had
    assert set(report.removed) == {file.pyc for file in manifest.files} - had
    assert manifests(shop.site) == ()


def test_only_what_is_needed_changes(site, shop, rewrite, plan):
    before = site.tree()
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    outside = {path for path in changed(before, site.tree()) if not path.startswith(".meterize")}
    assert outside == {pyc_of(shop, CART, level) for level in (0, 1, 2)}


def test_the_store_is_private_and_leaves_no_temporary_names(site, shop, rewrite, plan, runtime):
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    store = site.folder / ".meterize"
    for path in [store, *store.rglob("*")]:
        if "originals" not in path.parts[:-1]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert not [path for path in site.folder.rglob("*") if path.name.startswith(".meterize-")]
    assert not needs_recovery(site.folder)


def test_manifest_survives_the_disk(site, shop, rewrite, plan, runtime):
    manifest = apply(shop, rewrite(shop, CART), [plan("x", "[plan]\n# é\n"), plan("y", "[other]\n")], runtime=runtime())
    assert manifests(site.folder) == (manifest,)
    assert {file.optimization for file in manifest.files} == {0, 1, 2}
    assert {path.read_text() for path in (site.folder / ".meterize/shop/plans").iterdir()} == {"[plan]\n# é\n", "[other]\n"}


def test_twice_is_once(site, shop, rewrite, plan, runtime):
    first = apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    before = site.tree()
    inodes = {path: path.stat().st_ino for path in site.folder.rglob("*")}
    assert not preview(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    assert apply(shop, rewrite(shop, CART), [plan()], runtime=runtime()) == first
    assert site.tree() == before
    assert {path: path.stat().st_ino for path in site.folder.rglob("*")} == inodes


def test_preview_tells_without_touching(site, shop, rewrite, plan, runtime):
    before = site.tree()
    assert preview(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    assert site.tree() == before


def test_other_hooks_keep_the_first_originals(site, shop, rewrite, plan, runtime):
    before = site.tree()
    first = apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    second = apply(shop, rewrite(shop, CART, note="again"), [plan(text="[two]\n")], runtime=runtime())
    assert run(shop, USE)[1] == "again"
    assert [file.original for file in second.files] == [file.original for file in first.files]
    assert len(list((site.folder / ".meterize/shop/plans").iterdir())) == 1
    assert strip(shop.site, "Shop").identical
    assert site.tree() == before


def test_modules_no_longer_hooked_are_given_back(site, shop, rewrite, plan):
    before = site.tree()
    apply(shop, rewrite(shop, CART, "shop/money.py"), [plan()], runtime=None)
    apply(shop, rewrite(shop, "shop/money.py", "shop/__init__.py"), [plan()], runtime=None)
    now = site.tree()
    assert all(now.get(pyc_of(shop, CART, level)) == before.get(pyc_of(shop, CART, level)) for level in (0, 1, 2))
    assert len(list((site.folder / ".meterize/shop/originals").iterdir())) == 2
    assert strip(shop.site, "shop").identical
    assert site.tree() == before


def test_without_any_compiled_files(site, rewrite, plan):
    site.install("Shop", SHOP := {"shop/__init__.py": "", "shop/deep/__init__.py": "", "shop/deep/er.py": "X = 1\n"})
    site.age()
    before = site.tree()
    package = locate("shop", site.path)
    manifest = apply(package, rewrite(package, *SHOP), [plan()], runtime=None)
    assert manifest.made_folders == ("shop/__pycache__", "shop/deep/__pycache__")
    assert all(file.original is None for file in manifest.files)
    mode = stat.S_IMODE((site.folder / "shop/deep/er.py").stat().st_mode)
    assert {stat.S_IMODE((site.folder / file.pyc).stat().st_mode) for file in manifest.files} == {mode}
    assert strip(site.folder, "shop").identical
    assert site.tree() == before


def test_a_folder_we_made_stays_if_others_use_it(site, rewrite, plan):
    site.install("Shop", {"shop/__init__.py": "", "shop/other.py": ""})
    package = locate("shop", site.path)
    apply(package, rewrite(package, "shop/__init__.py"), [plan()], runtime=None)
    site.compile("shop/other.py")
    report = strip(site.folder, "shop")
    assert report.identical
    assert [path.name for path in (site.folder / "shop/__pycache__").iterdir()] == [pyc_path(site.folder / "other.py", 0).name]


def test_modes_are_kept(site, shop, rewrite, plan):
    path = site.folder / pyc_of(shop, CART)
    path.chmod(0o640)
    before = site.tree()
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    strip(shop.site, "shop")
    assert site.tree() == before


def test_access_times_come_back(site, shop, rewrite, plan):
    path = site.folder / pyc_of(shop, CART)
    before = path.stat()
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    strip(shop.site, "shop")
    after = path.stat()
    assert (after.st_atime_ns, after.st_mtime_ns) == (before.st_atime_ns, before.st_mtime_ns)
    assert after.st_ino == before.st_ino


def test_where_links_are_impossible_copies_do(site, shop, rewrite, plan, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(1, "Operation not permitted")

    before = site.tree()
    monkeypatch.setattr(os, "link", refuse)
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert strip(shop.site, "shop").identical
    assert site.tree() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_its_files_to_the_owner_of_the_environment(site, shop, rewrite, plan, runtime):
    for path in [site.folder, *site.folder.rglob("*")]:
        os.chown(path, 12345, 23456)
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    assert {(path.stat().st_uid, path.stat().st_gid) for path in site.folder.rglob("*")} == {(12345, 23456)}
    strip(shop.site, "shop")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in site.folder.rglob("*")} == {(12345, 23456)}


def test_two_distributions_side_by_side(site, shop, rewrite, plan, runtime):
    site.install("cafe", {"cafe/__init__.py": "X = 1\n"})
    site.age()
    before = site.tree()
    cafe = locate("cafe", site.path)
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    apply(cafe, rewrite(cafe, "cafe/__init__.py"), [plan()], runtime=runtime())
    assert [manifest.distribution for manifest in manifests(site.folder)] == ["cafe", "Shop"]
    first = strip(site.folder, "shop")
    assert (first.identical, first.runtime_removed) == (True, False)
    assert (site.folder / "meterize_hooks/__init__.py").is_file()
    second = strip(site.folder, "cafe")
    assert (second.identical, second.runtime_removed) == (True, True)
    assert site.tree() == before


def test_time_stamp_of_a_site_folder_that_others_changed_since_is_theirs(site, shop, rewrite, plan, runtime):
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    site.install("cafe", {"cafe/__init__.py": ""})
    theirs = site.folder.stat().st_mtime_ns
    strip(site.folder, "shop")
    assert site.folder.stat().st_mtime_ns == theirs


def test_running_processes_can_find_the_runtime(site, shop, rewrite, plan, runtime):
    before = site.folder.stat().st_mtime_ns
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    assert site.folder.stat().st_mtime_ns != before


def test_hooks_whose_manifest_was_lost_are_no_originals(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART, note="lost"), [plan()], runtime=None)
    for path in sorted((site.folder / ".meterize").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (site.folder / ".meterize").rmdir()
    manifest = apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert all(file.original is None for file in manifest.files)
    strip(site.folder, "shop")
    assert not (site.folder / pyc_of(shop, CART)).exists()


def test_what_others_compiled_in_between_is_the_new_original(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    site.compile(CART)
    (site.folder / pyc_of(shop, CART, 1)).unlink()
    site.age()
    theirs = (site.folder / pyc_of(shop, CART)).stat()
    manifest = apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert [file.original is not None for file in manifest.files] == [True, False, False]
    assert strip(site.folder, "shop").identical
    path = site.folder / pyc_of(shop, CART)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (theirs.st_mtime_ns, theirs.st_ino)
    assert b"METERED" not in path.read_bytes()
    assert not (site.folder / pyc_of(shop, CART, 1)).exists()


def test_strip_leaves_what_was_compiled_again(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    site.compile(CART)
    theirs = (site.folder / pyc_of(shop, CART)).read_bytes()
    (site.folder / pyc_of(shop, CART, 2)).unlink()
    report = strip(site.folder, "shop")
    assert not report.identical
    assert {each.path for each in report.left} == {pyc_of(shop, CART), pyc_of(shop, CART, 2)}
    assert all("compil" in each.reason for each in report.left)
    assert (site.folder / pyc_of(shop, CART)).read_bytes() == theirs
    assert report.restored == (pyc_of(shop, CART, 1),)
    assert not (site.folder / ".meterize").exists()


def test_strip_after_an_upgrade(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    (site.folder / pyc_of(shop, CART)).unlink()
    for path in (site.folder / "Shop-1.0.dist-info").iterdir():
        path.unlink()
    (site.folder / "Shop-1.0.dist-info").rmdir()
    site.install("Shop", {**SHOP_2}, version="2.0")
    report = strip(site.folder, "shop")
    assert {each.path for each in report.left} == {pyc_of(shop, CART)}
    assert report.left[0].reason.endswith("when version 2.0 was installed over 1.0")
    assert report.notes[0].startswith("version 2.0 was installed over 1.0")
    # pip leaves -O files behind; an unchecked one would go on running version 1.0.
    assert load_pyc((site.folder / pyc_of(shop, CART, 1)).read_bytes()).co_names == load_plain(shop, CART).co_names
    assert not (site.folder / pyc_of(shop, CART, 2)).exists()


SHOP_2 = {"shop/__init__.py": "", "shop/cart.py": "from .money import cents\n\n\ndef total():\n    return 43\n"}


def load_plain(package, file):
    return compile((package.site / file).read_text(), "x", "exec")


def test_strip_after_an_uninstallation(site, shop, rewrite, plan, runtime):
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    for file in (*SHOP_2, "shop/money.py"):
        (site.folder / file).unlink()
        pyc_path(site.folder / file, 0).unlink(missing_ok=True)
    for path in (site.folder / "Shop-1.0.dist-info").iterdir():
        path.unlink()
    (site.folder / "Shop-1.0.dist-info").rmdir()
    report = strip(site.folder, "shop")
    assert [each.path for each in report.left] == [pyc_of(shop, CART)]
    assert "uninstalled" in report.left[0].reason
    assert report.runtime_removed
    assert list(site.folder.iterdir()) == []


def test_a_damaged_original_is_not_put_back(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    for saved in (site.folder / ".meterize/shop/originals").iterdir():
        saved.write_bytes(b"rot")
    report = strip(site.folder, "shop")
    assert {each.path for each in report.left} == {pyc_of(shop, CART), pyc_of(shop, CART, 1)}
    assert all("damaged" in each.reason for each in report.left)
    assert not report.identical
    assert not (site.folder / pyc_of(shop, CART)).exists()


def test_strip_what_was_never_metered(site, shop, rewrite, plan):
    before = site.tree()
    for name in ("shop", "../shop", "", "nothing", "a/b", ".site.json"):
        with pytest.raises(TargetError) as caught:
            strip(site.folder, name)
        assert caught.value.slug == "not-metered"
    assert site.tree() == before
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    with pytest.raises(TargetError, match="cafe") as caught:
        strip(site.folder, "cafe")
    assert "shop" in caught.value.hint


def test_a_source_edited_meanwhile(site, shop, rewrite, plan):
    modules = rewrite(shop, CART)
    (site.folder / CART).write_text("def total():\n    return 0\n")
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        apply(shop, modules, [plan()], runtime=None)
    assert caught.value.slug == "source-changed"
    assert site.tree() == before


def test_a_link_where_the_compiled_file_should_be(site, shop, rewrite, plan):
    path = site.folder / pyc_of(shop, CART)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert caught.value.slug == "not-a-file"
    assert site.tree() == before


def test_a_cache_folder_that_leads_out_of_the_site(site, shop, rewrite, plan, tmp_path):
    (site.folder / "shop/__pycache__").rename(tmp_path / "outside")
    (site.folder / "shop/__pycache__").symlink_to(tmp_path / "outside")
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert caught.value.slug == "not-a-file"
    assert site.tree() == before


def test_the_hooks_of_another_interpreter(site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    path = site.folder / ".meterize/shop/manifest.json"
    path.write_text(path.read_text().replace(f'"{sys.implementation.cache_tag}"', '"cpython-39"'))
    with pytest.raises(TargetError) as caught:
        apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    assert caught.value.slug == "other-interpreter"
    assert strip(site.folder, "shop").identical


def test_nothing_or_the_same_twice_is_our_bug(site, shop, rewrite, plan):
    for modules in ([], rewrite(shop, CART, CART)):
        with pytest.raises(InternalError):
            apply(shop, modules, [plan()], runtime=None)
    assert not (site.folder / ".meterize").exists()
