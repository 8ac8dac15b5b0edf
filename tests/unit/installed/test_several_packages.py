"""What is asked of several distributions at once happens to all of them or to none, in one site folder or in two."""

from __future__ import annotations

import shutil

import pytest

from meterize.errors import TargetError
from meterize.installed import Wanted, apply, apply_all, locate, manifests, needs_recovery, strip

CART = "shop/cart.py"
CAFE = {"cafe/__init__.py": "X = 1\n"}


@pytest.fixture
def cafe(site, shop):
    """A second package in the site folder of the first."""
    site.install("Cafe", CAFE)
    site.compile(*CAFE)
    site.age()
    return locate("cafe", site.path)


@pytest.fixture
def far(make_site):
    """A second package in a site folder of its own."""
    other = make_site("other")
    other.install("Cafe", CAFE)
    other.compile(*CAFE)
    other.age()
    return locate("cafe", other.path)


@pytest.fixture(params=["cafe", "far"])
def second(request, shop):
    return request.getfixturevalue(request.param)


@pytest.fixture
def wanted(rewrite, plan):
    return lambda package, *files: Wanted(package=package, modules=rewrite(package, *files), plans=[plan()])


def sites(*packages):
    return list(dict.fromkeys(package.site for package in packages))


@pytest.fixture
def look(snapshot):
    """All that is in the site folders of packages; the times of folders inside a store are nobody's concern."""

    def see(*packages):
        trees = map(snapshot, sites(*packages))
        return [
            {
                name: (mode, None if name.startswith(".meterize") and mode.startswith("0o4") else mtime, content)
                for name, (mode, mtime, content) in tree.items()
            }
            for tree in trees
        ]

    return see


def test_all_are_metered_and_come_back(shop, second, wanted, runtime, look):
    before = look(shop, second)
    made = apply_all([wanted(second, "cafe/__init__.py"), wanted(shop, CART)], runtime=runtime())
    assert [manifest.distribution for manifest in made] == ["Cafe", "Shop"]
    assert {manifest.distribution for site in sites(shop, second) for manifest in manifests(site)} == {"Cafe", "Shop"}
    again = look(shop, second)
    assert apply_all([wanted(shop, CART), wanted(second, "cafe/__init__.py")], runtime=runtime()) == made[::-1]
    assert look(shop, second) == again
    assert strip(shop.site, "shop").identical
    assert strip(second.site, "cafe").identical
    assert look(shop, second) == before


@pytest.fixture
def modules(site):
    """Two distributions of one module each, never imported: their __pycache__ is to be made, and to be shared."""
    for name in ("one", "two"):
        site.install(f"{name}-dist", {f"{name}.py": "X = 1\n"})
    site.age()
    return locate("one", site.path), locate("two", site.path)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("first_out", [0, 1])
def test_modules_share_a_folder(site, modules, wanted, runtime, look, at_once, first_out):
    before = look(*modules)
    wishes = [wanted(module, module.modules[0]) for module in modules]
    alone = [apply_all([wishes[0]], runtime=runtime()), look(*modules)] if first_out else []
    for each in [wishes] if at_once else [[wish] for wish in wishes]:
        apply_all(each, runtime=runtime())
    both = look(*modules)
    assert apply_all(wishes, runtime=runtime()) == manifests(site.folder)
    assert look(*modules) == both
    assert strip(site.folder, modules[first_out].distribution).identical
    assert (
        sorted(path.name.split(".")[0] for path in (site.folder / "__pycache__").iterdir()) == [("two", "one")[first_out]] * 3
    )
    assert [*alone, look(*modules)][1:2] in ([], [look(*modules)])
    assert strip(site.folder, modules[1 - first_out].distribution).identical
    assert look(*modules) == before


def test_a_shared_folder_stays_if_others_use_it(site, modules, wanted, runtime):
    apply_all([wanted(module, module.modules[0]) for module in modules], runtime=runtime())
    site.install("three", {"three.py": ""})
    site.compile("three.py")
    assert all(strip(site.folder, module.distribution).identical for module in modules)
    assert [path.name.split(".")[0] for path in (site.folder / "__pycache__").iterdir()] == ["three"]


def test_a_shared_folder_that_was_there_keeps_its_time(site, modules, wanted, runtime, look):
    site.install("three", {"three.py": "", "one_more.py": ""})
    site.compile("three.py", "one.py", "one_more.py", optimizations=(0, 1))
    site.age()
    before = look(*modules)
    apply_all([wanted(module, module.modules[0]) for module in modules], runtime=runtime())
    between = look(*modules)[0]
    untouched = [name for name in before[0] if name.startswith(("__pycache__/three", "__pycache__/one_more"))]
    assert len(untouched) == 4
    assert all(between[name] == before[0][name] for name in ("__pycache__", *untouched))
    assert all(strip(site.folder, module.distribution).identical for module in modules)
    assert look(*modules) == before


@pytest.mark.parametrize("metered_before", [False, True])
def test_if_the_last_fails_all_are_as_before(shop, second, wanted, runtime, rewrite, plan, look, metered_before):
    if metered_before:
        apply(shop, rewrite(shop, "shop/money.py"), [plan()], runtime=runtime())
    cache = second.site / "cafe" / "__pycache__"
    shutil.rmtree(cache)
    cache.write_text("in the way")
    before = look(shop, second)
    for order in ([shop, second], [second, shop]):
        wishes = [wanted(package, CART if package is shop else "cafe/__init__.py") for package in order]
        with pytest.raises(TargetError):
            apply_all(wishes, runtime=runtime())
        assert look(shop, second) == before
        assert not any(needs_recovery(site) for site in sites(shop, second))


def test_a_source_that_changed_meanwhile_stops_all(shop, second, wanted, runtime, look):
    wishes = [wanted(shop, CART), wanted(second, "cafe/__init__.py")]
    (second.site / "cafe" / "__init__.py").write_text("X = 2\n")
    before = look(shop, second)
    with pytest.raises(TargetError) as raised:
        apply_all(wishes, runtime=runtime())
    assert raised.value.slug == "source-changed"
    assert look(shop, second) == before
