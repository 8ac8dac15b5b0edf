"""The shared runtime: brought when nobody else did, renewed, left alone when somebody changed it, taken along at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distributions

import pytest

from meterize.errors import TargetError
from meterize.installed import RuntimeSource, apply, locate, manifests, notices, strip

CART = "shop/cart.py"


@pytest.fixture
def meter(shop, rewrite, plan):
    return lambda source: apply(shop, rewrite(shop, CART), [plan()], runtime=source)


def version_of(site):
    return [each.version for each in distributions(path=site.path) if each.metadata["Name"] == "meterize-hooks"]


def test_it_is_a_distribution_like_any_other(site, meter, runtime):
    meter(runtime("1.5"))
    (found,) = [each for each in distributions(path=site.path) if each.metadata["Name"] == "meterize-hooks"]
    assert found.version == "1.5"
    assert found.read_text("INSTALLER").strip() == "meterize"
    files = {str(path): path.locate() for path in found.files}
    assert all(path.is_file() for path in files.values())
    copied = {path.relative_to(site.folder).as_posix() for path in site.folder.glob("meterize_hooks*/**/*") if path.is_file()}
    assert copied == set(files)
    for path in found.files:
        assert path.hash is None or path.size == len(path.read_binary())


def test_pip_can_remove_it(site, meter, runtime):
    meter(runtime())
    # A user's own pip, on a folder that it sees as its site-packages.
    environment = {**os.environ, "PYTHONPATH": str(site.folder), "PIP_BREAK_SYSTEM_PACKAGES": "1"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    listed = subprocess.run([*pip, "list"], check=True, capture_output=True, text=True, env=environment).stdout
    assert "meterize-hooks" in listed
    code = f"import sys; sys.prefix = {str(site.folder.parent)!r}; from pip._internal.cli.main import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", code, "uninstall", "-qy", "meterize-hooks"], check=True, env=environment)
    assert not list(site.folder.glob("meterize_hooks*"))
    assert [notice.slug for notice in notices(site.folder, manifests(site.folder)[0], environ={})] == ["runtime-missing"]
    assert strip(site.folder, "shop").identical


def test_one_from_elsewhere_on_the_path_is_used(site, make_site, meter, runtime):
    other = make_site("other")
    other.install("meterize", {"meterize_hooks/__init__.py": ""})
    meter(RuntimeSource(folder=runtime().folder, version="1", search_path=(*other.path, *site.path)))
    assert not list(site.folder.glob("meterize_hooks*"))
    report = strip(site.folder, "shop")
    assert (report.identical, report.runtime_removed) == (True, False)


def test_one_that_is_installed_beside_the_package_is_used(site, shop, meter, runtime):
    site.install("meterize", {"meterize_hooks/__init__.py": "THEIRS = True\n"})
    meter(runtime())
    assert version_of(site) == []
    strip(site.folder, "shop")
    assert (site.folder / "meterize_hooks/__init__.py").read_text() == "THEIRS = True\n"


def test_a_copy_of_ours_in_another_site_folder_is_that_sites_own(site, make_site, meter, runtime, rewrite, plan):
    other = make_site("other")
    other.install("cafe", {"cafe/__init__.py": ""})
    cafe = locate("cafe", other.path)
    apply(cafe, rewrite(cafe, "cafe/__init__.py"), [plan()], runtime=runtime())
    meter(RuntimeSource(folder=runtime().folder, version="1.0", search_path=(*other.path, *site.path)))
    strip(other.folder, "cafe")
    assert (site.folder / "meterize_hooks/__init__.py").is_file()


@pytest.mark.parametrize(("then", "kept"), [("1.10", "1.10"), ("1.9.1", "1.9.1"), ("0.9", "1.9")])
def test_an_older_copy_is_renewed_and_a_newer_kept(site, shop, meter, runtime, then, kept):
    before = site.tree()
    meter(runtime("1.9"))
    meter(runtime(then, text=f"VERSION = {then!r}\n"))
    assert version_of(site) == [kept]
    assert ((site.folder / "meterize_hooks/__init__.py").read_text() == f"VERSION = {then!r}\n") is (then == kept)
    assert strip(site.folder, "shop").runtime_removed
    assert site.tree() == before


def test_what_python_compiled_in_it_goes_too(site, shop, meter, runtime):
    before = site.tree()
    meter(runtime())
    site.compile("meterize_hooks/__init__.py", "meterize_hooks/web/__init__.py")
    assert strip(site.folder, "shop").runtime_removed
    assert site.tree() == before


def test_a_damaged_copy_is_mended(site, meter, runtime):
    meter(runtime())
    (site.folder / "meterize_hooks/web/__init__.py").unlink()
    meter(runtime())
    assert (site.folder / "meterize_hooks/web/__init__.py").is_file()


def test_a_copy_that_somebody_changed_is_neither_renewed_nor_removed(site, meter, runtime):
    meter(runtime("1.0"))
    (site.folder / "meterize_hooks/__init__.py").write_text("MINE = True\n")
    (site.folder / "meterize_hooks/extra.py").write_text("")
    with pytest.raises(TargetError) as caught:
        meter(runtime("1.1"))
    assert caught.value.slug == "runtime-changed"
    assert caught.value.details == ("meterize_hooks/__init__.py", "meterize_hooks/extra.py")
    report = strip(site.folder, "shop")
    assert not report.runtime_removed
    assert "extra.py" in report.notes[0]
    assert (site.folder / "meterize_hooks/__init__.py").read_text() == "MINE = True\n"
    assert not (site.folder / ".meterize").exists()


def test_a_wheel_that_was_installed_over_our_copy_owns_it(site, meter, runtime):
    meter(runtime("1.0"))
    for path in (site.folder / "meterize_hooks").rglob("*.*"):
        path.unlink()
    site.install("meterize", {"meterize_hooks/__init__.py": "WHEEL = True\n"}, version="2.0")
    meter(runtime("2.0"))
    assert version_of(site) == []
    assert not strip(site.folder, "shop").runtime_removed
    assert (site.folder / "meterize_hooks/__init__.py").read_text() == "WHEEL = True\n"


def test_a_folder_of_that_name_is_not_overwritten(site, shop, meter, runtime):
    (site.folder / "meterize_hooks").mkdir()
    (site.folder / "meterize_hooks" / "notes.txt").write_text("dear diary")
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        meter(runtime())
    assert caught.value.slug == "runtime-in-the-way"
    assert site.tree() == before


def test_what_an_uninstallation_left_of_a_runtime_is_no_obstacle(site, meter, runtime):
    (site.folder / "meterize_hooks" / "__pycache__").mkdir(parents=True)
    (site.folder / "meterize_hooks" / "__pycache__" / "old.pyc").write_bytes(b"")
    meter(runtime())
    assert version_of(site) == ["1.0"]


def test_a_copy_whose_store_was_lost_is_taken_over(site, meter, runtime):
    meter(runtime("1.0"))
    (site.folder / ".meterize").rename(site.folder.parent / "lost")
    meter(runtime("1.1"))
    assert version_of(site) == ["1.1"]
    assert strip(site.folder, "shop").runtime_removed
