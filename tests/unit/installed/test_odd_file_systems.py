"""File systems and users that allow less than usual."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from meterize.errors import TargetError
from meterize.installed import apply, locate, lock, needs_recovery, strip

CART = "shop/cart.py"


def test_folders_that_cannot_be_renamed(site, shop, rewrite, plan, runtime, monkeypatch):
    """As overlayfs has it for folders from a lower layer: instrumented in one image, stripped in the next."""
    before = site.tree()
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime("1.0"))
    lower = {path for path in site.folder.rglob("*") if path.is_dir()}
    real = os.replace

    def replace(source, target):
        if Path(source) in lower:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime("1.1"))
    report = strip(site.folder, "shop")
    assert (report.identical, report.runtime_removed) == (True, True)
    assert site.tree() == before


def test_undoing_on_such_a_file_system(site, shop, rewrite, plan, runtime, monkeypatch):
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime("1.0"))
    before = site.tree()
    real = os.replace

    def replace(source, target):
        if Path(source).name == "meterize_hooks" or Path(target).name == ".finish.json":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(TargetError) as caught:
        apply(shop, rewrite(shop, CART), [plan()], runtime=runtime("1.1"))
    assert caught.value.slug == "file-system-error"
    after = site.tree()
    assert {path for path in before if before[path] != after[path]} <= {".meterize"}
    assert not needs_recovery(site.folder)


def test_without_locks(site, monkeypatch):
    def refuse(*args):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(TargetError) as caught, lock(site.folder):
        pass
    assert caught.value.slug == "no-locks"


AS_NOBODY = """
import os, sys
from pathlib import Path
from meterize.errors import TargetError
from meterize.installed import inspect, locate, manifests, needs_recovery, strip
site = Path(sys.argv[1])
given = manifests(site)
inspect(site, given[0])  # imports what it needs while that can be read
os.setuid(65534)
for work in (
    lambda: manifests(site),
    lambda: needs_recovery(site),
    lambda: strip(site, "shop"),
    lambda: inspect(site, given[0]),
    lambda: locate("shop", [str(site)]),
):
    try:
        work()
        print("done")
    except TargetError as error:
        print(error.slug)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_another_users_store(make_site, rewrite, plan):
    # A folder that another user can get to at all.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        site = make_site(Path(name) / "site-packages")
        site.install("shop", {"shop/__init__.py": ""})
        package = locate("shop", site.path)
        apply(package, rewrite(package, "shop/__init__.py"), [plan()], runtime=None)
        (site.folder / "shop/__pycache__").chmod(0o700)
        (site.folder / "shop").chmod(0o711)
        work = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, site.folder], check=True, capture_output=True, text=True, cwd="/"
        )
    assert work.stdout.split() == ["read-only-site"] * 5
