"""Names to packages, and one clear refusal for each kind of thing that cannot be metered."""

from __future__ import annotations

import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from meterize.errors import TargetError
from meterize.installed import locate

BOOM = "raise SystemExit('the target was executed')\n"


def refusal(name, path):
    with pytest.raises(TargetError) as caught:
        locate(name, path)
    assert caught.value.hint
    assert name.split(".")[0].lower()[:3] in caught.value.message.lower()
    return caught.value


def test_finds_by_import_name_and_never_executes(site):
    site.install("Shop", {"shop/__init__.py": BOOM, "shop/cart/__init__.py": BOOM, "shop/cart/total.py": BOOM}, version="2.5")
    package = locate("shop", site.path)
    assert (package.import_name, package.distribution, package.version, package.site) == ("shop", "Shop", "2.5", site.folder)
    assert package.modules == ("shop/__init__.py", "shop/cart/__init__.py", "shop/cart/total.py")
    assert package.compiled == ()
    assert not [name for name in sys.modules if name.split(".")[0] == "shop"]


@pytest.mark.parametrize(
    ("distribution", "imported", "asked"),
    [("PyJWT", "jwt", "pyjwt"), ("MarkupSafe", "markupsafe", "MarkupSafe"), ("PyYAML", "yaml", "pyyaml")],
)
@pytest.mark.parametrize("record", [True, False])
def test_finds_by_distribution_name(site, distribution, imported, asked, record):
    site.install(distribution, {f"{imported}/__init__.py": ""}, top_level=f"{imported}\n", record=record)
    package = locate(asked, site.path)
    assert (package.import_name, package.distribution) == (imported, distribution)


def test_spelling_of_a_distribution_name_does_not_matter(site):
    site.install("typed.thing-x", {"thing/__init__.py": ""})
    assert locate("Typed_Thing.X", site.path).import_name == "thing"


def test_an_import_name_goes_before_a_distribution_of_the_same_name(site):
    site.install("attrs", {"attr/__init__.py": "", "attrs/__init__.py": ""})
    assert locate("attr", site.path).modules == ("attr/__init__.py",)
    assert locate("attrs", site.path).modules == ("attrs/__init__.py",)


def test_several_packages_in_one_distribution_must_be_told_apart(site):
    site.install("bundle", {"one/__init__.py": "", "two/__init__.py": ""})
    error = refusal("bundle", site.path)
    assert error.slug == "several-packages"
    assert "one, two" in error.message


def test_a_private_package_beside_the_public_one_is_not_meant(site):
    site.install("PyYAML", {"_yaml/__init__.py": "", "yaml/__init__.py": ""})
    assert locate("PyYAML", site.path).import_name == "yaml"


def test_a_package_inside_a_namespace_lies_below_the_same_site(site):
    site.install("ruamel.yaml", {"ruamel/yaml/__init__.py": "", "ruamel/yaml/main.py": ""})
    for name in ("ruamel.yaml", "ruamel-yaml"):
        package = locate(name, site.path)
        assert (package.import_name, package.site) == ("ruamel.yaml", site.folder)
        assert package.modules == ("ruamel/yaml/__init__.py", "ruamel/yaml/main.py")


def test_a_leftover_folder_of_the_distributions_name_does_not_hide_its_package(site):
    site.install("PyThing", {"thing/__init__.py": ""})
    (site.folder / "PyThing").mkdir()
    assert locate("PyThing", site.path).import_name == "thing"


def test_the_first_folder_of_the_path_counts(make_site):
    first, second = make_site("first"), make_site("second")
    first.install("shop", {"shop/__init__.py": ""}, version="1")
    second.install("shop", {"shop/__init__.py": ""}, version="2")
    assert locate("shop", [*first.path, *second.path]).version == "1"
    assert locate("shop", [*second.path, *first.path]).version == "2"


def test_own_tests_are_left_out(site):
    kept = ("shop/__init__.py", "shop/latest.py", "shop/testing/__init__.py", "shop/testing/tools.py")
    tests = ("shop/conftest.py", "shop/test_cart.py", "shop/cart_test.py", "shop/tests/x.py", "shop/a/test/deep/y.py")
    site.install("shop", dict.fromkeys((*kept, *tests), ""))
    assert locate("shop", site.path).modules == kept


def test_compiled_modules_are_listed_and_hide_a_source_of_their_name(site):
    suffix = EXTENSION_SUFFIXES[0]
    files = ("shop/__init__.py", "shop/fast.py", "shop/plain.py", f"shop/fast{suffix}", "shop/other.cpython-27-darwin.so")
    site.install("shop", dict.fromkeys(files, ""))
    package = locate("shop", site.path)
    assert package.modules == ("shop/__init__.py", "shop/plain.py")
    assert package.compiled == (f"shop/fast{suffix}", "shop/other.cpython-27-darwin.so")


def test_links_to_folders_are_not_followed(site):
    site.install("shop", {"shop/__init__.py": ""})
    (site.folder / "shop" / "again").symlink_to(site.folder / "shop")
    assert locate("shop", site.path).modules == ("shop/__init__.py",)


def test_no_such_package_offers_close_names(site):
    site.install("tablib", {"tablib/__init__.py": ""})
    site.install("PyJWT", {"jwt/__init__.py": ""})
    error = refusal("tabilb", site.path)
    assert error.slug == "no-such-package"
    assert "tablib" in error.hint
    assert "PyJWT" in refusal("pyjtw", site.path).hint
    assert "--python" in refusal("qqqqq", site.path).hint


@pytest.mark.parametrize("name", ["../shop", "shop/x", "", ".", "shop.", "sh\0op", "a b"])
def test_nonsense_for_a_name(site, name):
    site.install("shop", {"shop/__init__.py": ""})
    with pytest.raises(TargetError) as caught:
        locate(name, site.path)
    assert caught.value.slug == "no-such-package"


@pytest.mark.parametrize("name", ["single", "Single-Dist"])
@pytest.mark.parametrize("told_by", ["RECORD", "top_level.txt"])
def test_a_module_on_its_own(site, name, told_by):
    is_recorded = told_by == "RECORD"
    site.install("single-dist", {"single.py": BOOM}, top_level=None if is_recorded else "single\n", record=is_recorded)
    site.install("neighbour", {"single_more.py": "", "singles/__init__.py": "", "single.pyi": "", "single.txt": ""})
    package = locate(name, site.path)
    assert (package.import_name, package.distribution, package.site) == ("single", "single-dist", site.folder)
    assert package.modules == ("single.py",)
    assert locate("single_more", site.path).modules == ("single_more.py",)
    assert locate("single_more", site.path).distribution == "neighbour"


def test_a_module_with_the_name_of_a_test_is_not_its_own_test(site):
    site.install("tester", {"test_things.py": "", "conftest.py": ""})
    assert locate("test_things", site.path).modules == ("test_things.py",)


def test_a_module_inside_a_namespace(site):
    site.install("back.lru", {"back/lru.py": ""})
    site.install("back.port", {"back/port/__init__.py": "", "back/port/lru.py": ""})
    for name in ("back.lru", "back-lru"):
        package = locate(name, site.path)
        assert (package.import_name, package.site, package.modules) == ("back.lru", site.folder, ("back/lru.py",))
    assert refusal("back", site.path).hint == "Name a package inside it: back.lru, back.port"


@pytest.mark.parametrize("folder_has_code", [True, False])
def test_a_module_beside_a_folder_of_its_name(site, make_site, folder_has_code):
    """As import: in one folder a package goes first, a mere folder never does; of two folders the first on the path."""
    files = {"shop/__init__.py": "", "shop/cart.py": ""} if folder_has_code else {"shop/data.txt": ""}
    site.install("folder", files)
    site.install("module", {"shop.py": ""})
    package = locate("shop", site.path)
    assert package.distribution == ("folder" if folder_has_code else "module")
    assert package.modules == (tuple(files) if folder_has_code else ("shop.py",))
    other = make_site("other")
    other.install("elsewhere", {"shop.py": ""})
    assert locate("shop", [*other.path, *site.path]).distribution == "elsewhere"
    assert locate("shop", [*site.path, *other.path]) == package


@pytest.mark.parametrize(
    ("distribution", "files", "imported"),
    [
        ("pytest", ("_pytest/__init__.py", "pytest/__init__.py", "py.py"), "pytest"),
        ("jsonpatch", ("jsonpatch.py", "jsonpatch_cli.py"), "jsonpatch"),
        ("typing-extensions", ("typing_extensions.py", "test/__init__.py"), "typing_extensions"),
        ("PyPNG", ("png.py", "_png.py", "__main__.py"), "png"),
        ("black-box", ("box/__init__.py", "box_version.py", "box/tools.py", "docs/conf.py"), "box"),
        ("tools", ("alone/__init__.py", "one.py", "two.py"), "alone"),
    ],
)
def test_which_of_packages_and_modules_is_meant(site, distribution, files, imported):
    site.install(distribution, dict.fromkeys(files, ""))
    assert locate(distribution.upper(), site.path).import_name == imported


def test_several_modules_in_one_distribution_must_be_told_apart(site):
    site.install("many-things", {f"thing_{number:02}.py": "" for number in range(20)})
    error = refusal("many-things", site.path)
    assert error.slug == "several-packages"
    assert "20 modules: thing_00, " in error.message
    assert "thing_09 and 10 more" in error.message
    assert locate("thing_19", site.path).modules == ("thing_19.py",)


def test_part_of_a_module(site):
    site.install("six", {"six.py": ""})
    assert refusal("six.moves", site.path).slug == "part-of-package"


def test_a_module_that_no_distribution_owns(site):
    site.install("shop", {"shop/__init__.py": "", "shop/stray.py": ""}, top_level="stray\n")
    (site.folder / "stray.py").write_text("")
    assert refusal("stray", site.path).slug == "not-installed"


def test_a_module_that_is_a_link_to_a_source_tree(site, tmp_path):
    (tmp_path / "tree.py").write_text("")
    site.install("linked", {})
    (site.folder / "linked.py").symlink_to(tmp_path / "tree.py")
    (site.folder / "linked-1.0.dist-info" / "RECORD").write_text("linked.py,,\n")
    error = refusal("linked", site.path)
    assert error.slug == "editable-install"
    assert str(tmp_path / "tree.py") in error.message


def test_an_editable_module(site, make_site):
    tree = make_site("project")
    (tree.folder / "dev.py").write_text("")
    site.install("dev-dist", {"dev_dist.pth": str(tree.folder)}, top_level="dev\n", editable=tree.folder)
    path = [*site.path, *tree.path]
    assert refusal("dev", path).slug == "editable-install"
    assert refusal("dev-dist", path).slug == "editable-install"


def test_namespace_package_names_what_is_inside(site):
    site.install("zope.interface", {"zope/interface/__init__.py": ""})
    error = refusal("zope", site.path)
    assert error.slug == "namespace-package"
    assert "zope.interface" in error.hint


def test_part_of_a_package(site):
    site.install("shop", {"shop/__init__.py": "", "shop/cart/__init__.py": ""})
    error = refusal("shop.cart", site.path)
    assert error.slug == "part-of-package"


def test_compiled_package(site):
    suffix = EXTENSION_SUFFIXES[0]
    site.install("speed", {f"speed/__init__{suffix}": "", f"speed/core{suffix}": ""})
    site.install("lone", {f"lone{suffix}": ""}, top_level="lone\n")
    site.install("lone-dist", {f"lonely{suffix}": "", "lonely.py": ""})
    site.install("rt-bundle", {f"rt_only/core{suffix}": ""}, top_level="rt_only\n")
    assert refusal("speed", site.path).slug == "compiled-package"
    assert refusal("rt_only", site.path).slug == "compiled-package"
    for name in ("lone", "lonely", "lone-dist"):
        error = refusal(name, site.path)
        assert error.slug == "compiled-package"
        assert suffix in error.message


def test_package_without_sources(site):
    site.install("closed", {"closed/__init__.pyc": ""})
    assert refusal("closed", site.path).slug == "no-source"
    site.install("closed-too", {"closed_too.pyc": ""})
    assert refusal("closed-too", site.path).slug == "no-source"


def test_zipped_package(site, tmp_path):
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("zipped/__init__.py", "")
    error = refusal("zipped", [str(archive), *site.path])
    assert error.slug == "zipped-package"
    assert str(archive) in error.message


@pytest.mark.parametrize("name", ["json", "sys", "zipimport", "asyncio", "__hello__", "json.decoder", "_frozen_importlib"])
def test_standard_library(site, name):
    assert refusal(name, [*site.path, *sys.path]).slug == "stdlib-package"


def test_editable_by_static_path(site, make_site, tmp_path):
    tree = tmp_path / "project"
    (tree / "src" / "dev").mkdir(parents=True)
    (tree / "src" / "dev" / "__init__.py").write_text("")
    site.install("dev-dist", {"dev_dist.pth": str(tree / "src")}, editable=tree)
    path = [*site.path, str(tree / "src")]
    error = refusal("dev", path)
    assert error.slug == "editable-install"
    assert str(tree) in error.message
    assert refusal("dev-dist", path).slug == "editable-install"


def test_editable_by_import_finder(site, tmp_path):
    tree = tmp_path / "project"
    tree.mkdir()
    site.install(
        "dev-dist",
        {"__editable___dev_dist_finder.py": BOOM, "__editable__.dev_dist-1.0.pth": "import __editable___dev_dist_finder"},
        top_level="dev\n",
        editable=tree,
    )
    assert refusal("dev", site.path).slug == "editable-install"
    assert refusal("dev_dist", site.path).slug == "editable-install"


def test_editable_by_a_link_in_the_site(site, tmp_path):
    tree = tmp_path / "project" / "linked"
    tree.mkdir(parents=True)
    (tree / "__init__.py").write_text("")
    site.install("linked", {})
    (site.folder / "linked").symlink_to(tree)
    (site.folder / "linked-1.0.dist-info" / "RECORD").write_text("linked/__init__.py,,\n")
    error = refusal("linked", site.path)
    assert error.slug == "editable-install"
    assert str(tree) in error.message


def test_a_source_tree_with_build_metadata_is_not_an_installation(make_site):
    tree = make_site("project")
    tree.install("dev", {"dev/__init__.py": ""}, top_level="dev\n", egg=True)
    assert refusal("dev", tree.path).slug == "editable-install"


def test_eggs_of_system_packagers_count_as_installed(make_site):
    system = make_site("dist-packages")
    system.install("packed", {"packed/__init__.py": ""}, top_level="packed\n", egg=True)
    assert locate("packed", system.path).distribution == "packed"


def test_a_folder_that_no_distribution_owns(site, make_site):
    loose = make_site("loose")
    (loose.folder / "stray").mkdir()
    (loose.folder / "stray" / "__init__.py").write_text("")
    error = refusal("stray", [*loose.path, *site.path])
    assert error.slug == "not-installed"
    assert str(loose.folder) in error.message


def test_files_gone_but_metadata_there(site):
    info = site.install("ghost-dist", {"ghost/__init__.py": ""})
    (site.folder / "ghost" / "__init__.py").unlink()
    (site.folder / "ghost").rmdir()
    error = refusal("ghost-dist", site.path)
    assert error.slug == "broken-installation"
    assert str(info.parent) in error.message


def test_a_distribution_without_code(site):
    site.install("data-only", {"share/data.txt": ""})
    assert refusal("data-only", site.path).slug == "no-import-package"


def test_broken_metadata_of_others_is_passed_over(site):
    site.install("shop", {"shop/__init__.py": ""})
    (site.folder / "~hop-1.0.dist-info").mkdir()
    (site.folder / "torn-1.0.dist-info").mkdir()
    (site.folder / "torn-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00garbage")
    (site.folder / "shop-1.0.dist-info" / "direct_url.json").write_text("[not json")
    assert locate("shop", [*site.path, "/does/not/exist"]).version == "1.0"
