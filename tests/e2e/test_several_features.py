"""Several features in one plan, of one package and of two: found in one go, metered as one, counted apart, taken out."""

from __future__ import annotations

import tomllib

import pytest

FEATURES = """\
[rest]
command = "python -m unittest test_climate test_command_line test_readings"

[feature.irrigation]
with = "python -m unittest test_irrigation"
policy = "every"

[feature.forecast]
with = "python -m unittest test_forecast"
policy = "every"
charge = "on-entry"
"""
SHOP = "def sell():\n    return 1\n\n\ndef count():\n    return 2\n"
USE = {
    "irrigation": "from greenhouse import Reading, plan_watering\n"
    "plan_watering([Reading(bed='basil', hour=9, air=20, humidity=80, moisture=40)], tank=9)\n",
    "forecast": "from greenhouse import Reading, forecast\n"
    "list(forecast([Reading(bed='b', hour=h, air=20 + h, humidity=80, moisture=40) for h in (8, 9)]))\n",
    "sale": "import shop; shop.sell()\n",
}


@pytest.fixture(autouse=True)
def _briefly(lab, quick):
    lab.quick = quick


@pytest.fixture
def features(lab):
    """Lays a file of features into the folder of the tests' own."""

    def lay(text=FEATURES, *, here=False):
        path = lab.work / "features.toml"
        for key in () if here else ("with", "command"):
            text = text.replace(f"{key} =", f'cwd = "{lab.suite}"\n{key} =')
        path.write_text(text)
        return path

    return lay


@pytest.fixture
def shop(lab, install):
    """A second package, and two programs that stand for its tests."""
    install(lab.site, {"shop/__init__.py": SHOP}, name="shop")
    (lab.work / "sell.py").write_text("import shop; shop.sell()")
    (lab.work / "count.py").write_text("import shop; shop.count()")
    return (
        f'\n[feature.sale]\npackage = "shop"\ncwd = "{lab.work}"\npolicy = "every"\n'
        'with = "python -B sell.py"\nwithout = "python -B count.py"\n'
    )


def uses(lab):
    found = {}
    for use in lab.ask("usage")["uses"]:
        found[use["package"], use["feature"]] = found.get((use["package"], use["feature"]), 0) + use["uses"]
    return found


def paths(value, at=""):
    if isinstance(value, dict):
        return {f"{at}.{key}" for key in value}.union(*(paths(each, f"{at}.{key}") for key, each in value.items()))
    return set().union(*(paths(each, f"{at}[]") for each in value)) if isinstance(value, list) else set()


def test_two_features_from_one_file_to_strip(lab, features, snapshot_of):
    before = snapshot_of(lab.venv)
    found = lab.ask("analyze", "greenhouse", "--features", features())
    assert set(found) == {"schema", "plan", "features"}
    assert found["plan"] == "greenhouse.plan.toml"
    assert [each["feature"] for each in found["features"]] == ["irrigation", "forecast"]
    for each in found["features"]:
        own = set(each["selection"]["feature_tests"])
        assert all(f"test_{each['feature']}" in test for test in own)
        assert not own & set(each["selection"]["rest_tests"])
        assert [point["file"] for point in each["hook_points"]] == [f"greenhouse/{each['feature']}.py"]
    plan = lab.work / found["plan"]
    held = tomllib.loads(plan.read_text())["feature"]
    assert [(each["name"], each["policy"], each["against"]) for each in held] == [
        ("irrigation", "every", ["forecast"]),
        ("forecast", "every", ["irrigation"]),
    ]

    done = lab.ask("instrument", plan)
    assert [(each["feature"], each["changed"]) for each in done["features"]] == [("irrigation", True), ("forecast", True)]
    assert [each["changed"] for each in lab.ask("instrument", plan)["features"]] == [False, False]
    assert [lab.ask("instrument", plan, "--feature", name)["changed"] for name in ("irrigation", "forecast")] == [False, False]
    [package] = lab.ask("status")["packages"]
    assert package["intact"]
    assert [(each["feature"], each["plan"]) for each in package["features"]] == [
        ("irrigation", str(plan)),
        ("forecast", str(plan)),
    ]
    lab.use(USE["irrigation"] * 2 + USE["forecast"] * 3)
    assert uses(lab) == {("greenhouse", "irrigation"): 2, ("greenhouse", "forecast"): 3}
    verdict = lab.ask("verify", plan)
    assert verdict["verdict"] == "passed", verdict
    assert [each["feature"] for each in verdict["features"]] == ["irrigation", "forecast"]
    assert lab.ask("strip", "greenhouse")["packages"][0]["identical"]
    assert snapshot_of(lab.venv) == before


def test_each_answer_is_that_of_a_single_one(lab, features, plan):
    several = lab.ask("analyze", "greenhouse", "--features", features(), "--refine")["features"]
    single = lab.analyze("irrigation", "--json").json()
    assert paths(several[0]) | {".schema"} >= paths(single) - {
        path for path in paths(single) if path.startswith(".alternatives[]")
    }
    assert several[0]["hook_points"][0]["line"] == single["hook_points"][0]["line"]
    path = lab.work / "greenhouse.plan.toml"
    several = lab.ask("instrument", path, "--dry-run")["features"]
    single = lab.ask("instrument", plan("irrigation"), "--dry-run")
    assert [paths(each) | {".schema"} for each in several] == [paths(single)] * 2


def test_a_test_of_both_features_is_the_rest_of_neither(lab, features):
    text = FEATURES.replace('unittest test_forecast"', 'unittest test_forecast test_both"')
    text = text.replace('unittest test_irrigation"', 'unittest test_irrigation test_both"')
    body = "".join(f"        {line}\n" for line in (USE["irrigation"] + USE["forecast"]).splitlines())
    (lab.work / "test_both.py").write_text(f"import unittest\n\nclass Both(unittest.TestCase):\n    def test_it(self):\n{body}")
    path = features(text.replace("python -m", f"PYTHONPATH={lab.work} python -m"))
    found = lab.ask("analyze", "greenhouse", "--features", path)["features"]
    for each in found:
        assert any("test_both" in test for test in each["selection"]["feature_tests"])
        assert not any("test_both" in test for test in each["selection"]["rest_tests"])
    lab.ask("instrument", lab.work / "greenhouse.plan.toml")
    verdict = lab.ask("verify", lab.work / "greenhouse.plan.toml")
    assert verdict["verdict"] == "passed", verdict
    assert [each["rest_tests"]["fired"] for each in verdict["features"]] == [0, 0]


def test_no_rest_but_each_other(lab, features):
    text = FEATURES[FEATURES.index("[feature.irrigation]") :]
    assert lab.meterize("analyze", "greenhouse", "--features", features(text)).code == 0
    held = tomllib.loads((lab.work / "greenhouse.plan.toml").read_text())["feature"]
    assert [each["without"] for each in held] == ["", ""]
    lab.instrument(lab.work / "greenhouse.plan.toml")
    assert lab.ask("verify", lab.work / "greenhouse.plan.toml")["verdict"] == "passed"


def test_two_packages_in_one_plan(lab, features, shop, snapshot_of):
    path = features()
    path.write_text(path.read_text() + shop)
    before = snapshot_of(lab.venv)
    found = lab.ask("analyze", "greenhouse", "--features", path, "--plan", "both.toml")
    assert [each["package"]["distribution"] for each in found["features"]] == ["greenhouse", "greenhouse", "shop"]
    done = lab.ask("instrument", lab.work / "both.toml")
    assert [each["package"]["name"] for each in done["features"]] == ["greenhouse", "greenhouse", "shop"]
    assert {package["name"] for package in lab.ask("status")["packages"]} == {"greenhouse", "shop"}
    lab.use("".join(USE.values()))
    assert uses(lab) == {("greenhouse", "irrigation"): 1, ("greenhouse", "forecast"): 1, ("shop", "sale"): 1}
    assert lab.ask("verify", lab.work / "both.toml")["verdict"] == "passed"
    assert [each["identical"] for each in lab.ask("strip", "--all")["packages"]] == [True, True]
    assert snapshot_of(lab.venv) == before


def test_two_import_packages_of_one_distribution(lab, features, install, snapshot_of):
    install(lab.site, {"one/__init__.py": SHOP, "two/__init__.py": SHOP}, name="duo")
    before = snapshot_of(lab.venv)
    text = ""
    for name in ("one", "two"):
        (lab.work / f"{name}_with.py").write_text(f"import {name}; {name}.sell()")
        (lab.work / f"{name}_without.py").write_text(f"import {name}; {name}.count()")
        text += f'[feature.{name}-sale]\npackage = "{name}"\npolicy = "every"\n'
        text += f'with = "python -B {name}_with.py"\nwithout = "python -B {name}_without.py"\n'
    assert lab.meterize("analyze", "greenhouse", "--features", features(text, here=True), "--plan", "duo.toml").code == 0
    lab.instrument(lab.work / "duo.toml")
    assert lab.ask("instrument", lab.work / "duo.toml", "--feature", "two-sale")["changed"] is False
    [package] = lab.ask("status")["packages"]
    assert (package["distribution"], len(package["features"]), package["intact"]) == ("duo", 2, True)
    lab.use("import one, two; one.sell(); two.sell(); two.sell()")
    assert uses(lab) == {("duo", "one-sale"): 1, ("duo", "two-sale"): 2}
    assert lab.ask("verify", lab.work / "duo.toml")["verdict"] == "passed"
    assert lab.ask("strip", "one")["packages"][0]["identical"]
    assert snapshot_of(lab.venv) == before


def test_one_package_that_cannot_be_metered_stops_all(lab, features, shop):
    path = features()
    path.write_text(path.read_text() + shop)
    assert lab.meterize("analyze", "greenhouse", "--features", path, "--plan", "both.toml").code == 0
    both = lab.work / "both.toml"
    good = (lab.site / "shop" / "__init__.py").read_text()
    (lab.site / "shop" / "__init__.py").write_text(good.replace("return 1", "return 3"))
    before = lab.tree()
    lab.refused(lab.meterize("instrument", both), 4, "plan-out-of-date", "sale: shop/__init__.py: sell", before=before)
    (lab.site / "shop" / "__init__.py").write_text(good)
    cache = lab.site / "shop" / "__pycache__"
    assert not cache.exists()
    cache.write_text("in the way")
    before = lab.tree()
    ran = lab.meterize("instrument", both)
    assert ran.code == 4, ran
    assert lab.tree() == before
    done = lab.ask("instrument", both, "--feature", "forecast")
    assert (done["feature"], done["changed"]) == ("forecast", True)
    lab.refused(lab.meterize("instrument", both, "--feature", "tea"), 2, "no-such-feature", "'irrigation', 'forecast', 'sale'")


def test_pages_and_data_of_all(lab, features):
    ran = lab.meterize("analyze", "greenhouse", "--features", features(), "--html", "page.html", "--data", "data")
    assert ran.code == 0, ran
    assert {path.name for path in lab.work.glob("*.html")} == {"page.irrigation.html", "page.forecast.html"}
    assert (lab.work / "data").read_bytes().startswith(b"SQLite")
    assert ran.out.count("Plan: ") == 1
    for feature in ("irrigation", "forecast"):
        assert f"feature {feature}" in ran.out


def test_a_feature_that_is_not_found_leaves_no_plan(lab, features):
    before = lab.tree()
    path = features(f'{FEATURES}\n[feature.nothing]\nwith = "python -m unittest test_climate"\n')
    ran = lab.meterize("analyze", "greenhouse", "--features", path)
    path.unlink()
    lab.refused(ran, 2, "same-selection", "feature 'nothing': ")
    assert set(lab.tree()) == set(before)


BAD = {
    "missing file": (None, "features-not-found", "no file of features at"),
    "no toml": ("[feature", "features-invalid", "not TOML"),
    "empty": ("", "features-invalid", "feature: missing"),
    "no feature": ("[feature]\n", "features-invalid", "[feature.NAME]"),
    "no command": ('[feature.a]\npolicy = "once"\n', "features-invalid", "feature: a: with: missing"),
    "unknown key": ('[feature.a]\nwith = "true"\ncolour = "red"\n', "features-invalid", "a file of features has no such key"),
    "unknown table": ('[feature.a]\nwith = "true"\n[rests]\n', "features-invalid", "rests: a file of features has no such key"),
    "bad policy": ('[feature.a]\nwith = "true"\npolicy = "twice"\n', "features-invalid", '"once" or "every"'),
    "bad charge": ('[feature.a]\nwith = "true"\ncharge = 1\n', "features-invalid", "feature: a: charge"),
    "bad name": ('[rest]\ncommand = "true"\n[feature."a/b"]\nwith = "true"\n', "bad-feature-name", "slash"),
    "no folder": ('[feature.a]\nwith = "true"\ncwd = "nowhere"\n', "features-invalid", "an existing folder"),
    "rest without command": ('[rest]\n[feature.a]\nwith = "true"\n', "features-invalid", "rest: command: missing"),
    "no rest at all": ('[feature.a]\nwith = "true"\n', "features-invalid", "no other feature of greenhouse"),
    "twins": ('[feature.a]\nwith = "true"\n[feature.b]\nwith = "true"\n', "features-invalid", "command than that of 'a'"),
    "no hooks": ('[feature.a]\nwith = "true"\nmax_hooks = 0\n', "features-invalid", "max_hooks"),
    "feature as text": ('feature = "a"\n', "features-invalid", "expected a table"),
    "large": ("#" * 2**21, "features-invalid", "this is no file of features"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_of_features(lab, features, kind):
    text, slug, says = BAD[kind]
    path = lab.work / "features.toml" if text is None else features(text, here=True)
    lab.refused(lab.meterize("analyze", "greenhouse", "--features", path), 2, slug, says, before=lab.tree())


def test_a_package_of_a_feature_that_is_not_there(lab, features):
    path = features(FEATURES + '\n[feature.tea]\npackage = "teahouse"\nwith = "true"\nwithout = "true"\n')
    lab.refused(lab.meterize("analyze", "greenhouse", "--features", path), 4, "no-such-package", "teahouse", before=lab.tree())


@pytest.mark.parametrize(
    "option", [("--feature", "x"), ("--with", "x"), ("--charge", "on-entry"), ("--at", "x:y"), ("--cwd", ".")]
)
def test_options_that_belong_into_the_file(lab, features, option):
    lab.refused(lab.meterize("analyze", "greenhouse", "--features", features(), *option), 2, "usage", option[0], "--features")


def test_neither_a_feature_nor_a_file(lab):
    lab.refused(
        lab.meterize("analyze", "greenhouse", "--with", "true", "--without", "true"), 2, "usage", "--feature", "--features"
    )
