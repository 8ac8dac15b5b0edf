"""What is metered, copied so as to be stripped and instrumented where nobody lives."""

from __future__ import annotations

import dataclasses

import pytest

from meterize.errors import TargetError
from meterize.installed import apply, copy_metered, file_digest, leftovers, lock, manifests, strip

CART, MONEY = "shop/cart.py", "shop/money.py"


@pytest.fixture
def metered(shop, rewrite, plan, runtime):
    apply(shop, rewrite(shop, CART, MONEY), [plan()], runtime=runtime())
    [manifest] = manifests(shop.site)
    return manifest


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "rehearsal"
    path.mkdir()
    return path


def digests(root, manifest):
    return {file.pyc: file_digest(root / file.pyc) for file in manifest.files}


def test_there_and_back_on_the_copy_and_nothing_here(site, shop, metered, folder, rewrite, plan):
    before = site.tree()
    copy_metered(shop.site, metered, folder)
    assert digests(folder, metered) == digests(shop.site, metered)
    assert {path.relative_to(folder).parts[0] for path in folder.rglob("*")} == {"shop", ".meterize"}, "no runtime"
    report = strip(folder, "shop")
    assert report.identical
    assert leftovers(folder, metered) == ()
    assert digests(folder, metered) == {file.pyc: file.original and file.original.digest for file in metered.files}
    copy = dataclasses.replace(shop, site=folder)
    apply(copy, rewrite(shop, CART, MONEY), [plan()], runtime=None)
    assert digests(folder, metered) == digests(shop.site, metered)
    assert site.tree() == before


def test_other_packages_stay_out_of_it(site, shop, metered, folder, rewrite, plan):
    site.install("Other", {"other/__init__.py": "x = 1\n"})
    (site.folder / ".meterize" / "other").mkdir()
    copy_metered(shop.site, metered, folder)
    assert not (folder / ".meterize" / "other").exists()
    assert not (folder / "other").exists()


def test_what_is_missing_or_changed_here_is_so_there(shop, metered, folder):
    gone, changed = (shop.site / file.pyc for file in metered.files[:2])
    gone.unlink()
    changed.write_bytes(b"somebody else's")
    copy_metered(shop.site, metered, folder)
    report = strip(folder, "shop")
    assert {left.path for left in report.left} == {file.pyc for file in metered.files[:2]}


def test_leftovers_are_what_strip_should_have_taken(shop, metered, folder):
    copy_metered(shop.site, metered, folder)
    strip(folder, "shop")
    (folder / "shop" / "stray.pyc").write_bytes(b"")
    (folder / ".meterize").mkdir()
    (folder / ".meterize" / "x").write_bytes(b"")
    assert leftovers(folder, metered) == (".meterize/x", "shop/stray.pyc")


def test_nobody_else_is_at_work_meanwhile(shop, metered, folder, monkeypatch):
    """The lock of this environment is taken; one that is held by another process or thread is waited for, then refused."""
    import threading

    held, done = threading.Event(), threading.Event()

    def hold():
        with lock(shop.site):
            held.set()
            done.wait(30)

    monkeypatch.setattr("meterize.installed.exclusion.WAIT_SECONDS", 0.1)
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        with pytest.raises(TargetError) as caught:
            copy_metered(shop.site, metered, folder)
    finally:
        done.set()
        holder.join()
    assert caught.value.slug == "locked"
    assert list(folder.iterdir()) == []


def test_links_are_not_followed(shop, metered, folder, tmp_path):
    (tmp_path / "link").symlink_to(shop.site / CART)
    with pytest.raises(TargetError):
        file_digest(tmp_path / "link")
    assert file_digest(tmp_path / "nothing") is None
