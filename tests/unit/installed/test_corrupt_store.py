"""Our own files, edited by hand into nonsense: a clear error, nothing changed, nothing outside the site folder touched."""

from __future__ import annotations

import json

import pytest

from meterize.errors import TargetError
from meterize.installed import apply, manifests, recover, strip

CART = "shop/cart.py"


@pytest.fixture
def manifest_path(site, shop, rewrite, plan, runtime):
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())
    return site.folder / ".meterize/shop/manifest.json"


def refuse(site, slug="manifest-corrupt"):
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        strip(site.folder, "shop")
    assert caught.value.slug == slug
    assert site.tree() == before
    return caught.value


def edit(path, *keys, value):
    data = json.loads(path.read_text())
    inner = data
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(data))


NOT_JSON = ["", "{", "[" * 100_000, "\0"]
NOT_OURS = ["[]", "null", "7", '{"schema": 1}', '{"schema": "1"}', '{"schema": true}']


@pytest.mark.parametrize("text", [*NOT_JSON, *NOT_OURS])
def test_no_manifest_at_all(site, manifest_path, text):
    manifest_path.write_text(text)
    assert str(manifest_path) in refuse(site).message


def test_manifest_deleted(site, manifest_path):
    manifest_path.unlink()
    with pytest.raises(TargetError) as caught:
        manifests(site.folder)
    assert caught.value.slug == "manifest-corrupt"


def test_another_schema(site, manifest_path):
    edit(manifest_path, "schema", value=99)
    assert "99" in refuse(site, "manifest-schema").message


def test_far_too_large(site, manifest_path, monkeypatch):
    monkeypatch.setattr("meterize.installed.records._LIMIT", 100)
    refuse(site)


NONSENSE = [
    (("distribution",), "other"),
    (("distribution",), None),
    (("files",), {}),
    (("files", 0, "pyc"), "/etc/passwd.pyc"),
    (("files", 0, "pyc"), "../../__pycache__/x.pyc"),
    (("files", 0, "pyc"), "shop/../../__pycache__/x.pyc"),
    (("files", 0, "pyc"), "shop/./__pycache__/x.pyc"),
    (("files", 0, "pyc"), "shop//__pycache__/x.pyc"),
    (("files", 0, "pyc"), "shop/cart.py"),
    (("files", 0, "pyc"), "shop/cart.pyc"),
    (("files", 0, "pyc"), "shop/__pycache__/\0.pyc"),
    (("files", 0, "source"), "/etc/passwd"),
    (("files", 0, "digest"), "abc"),
    (("files", 0, "digest"), "G" * 64),
    (("files", 0, "optimization"), 3),
    (("files", 0, "optimization"), True),
    (("files", 0, "optimization"), -1),
    (("files", 0, "hooks"), [1]),
    (("files", 0, "original"), "none"),
    (("files", 0, "original", "mtime_ns"), 1e18),
    (("files", 0, "original", "mtime_ns"), 2**70),
    (("files", 0, "original", "mode"), 0o170000),
    (("made_folders",), ["../x/__pycache__"]),
    (("made_folders",), ["shop"]),
    (("made_folders",), ["not__pycache__"]),
    (("plans", 0, "policy"), "sometimes"),
    (("plans", 0, "text_digest"), "0" * 64),
    (("plans", 0, "hook_points", 0, "file"), None),
    (("plans", 0, "hook_points", 0, "line"), "7"),
]


@pytest.mark.parametrize(("keys", "value"), NONSENSE)
def test_nonsense_in_a_manifest(site, manifest_path, keys, value):
    edit(manifest_path, *keys, value=value)
    assert keys[-1] in refuse(site).message


def test_a_plan_copy_that_was_edited(site, manifest_path):
    (copy,) = (manifest_path.parent / "plans").iterdir()
    copy.write_text("[other]\n")
    assert str(copy) in refuse(site).message


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("before_ns",), "x"),
        (("runtime", "files", 0, "path"), "../../etc/passwd"),
        (("runtime", "files", 0, "path"), "shop/cart.py"),
        (("runtime",), 5),
    ],
)
def test_nonsense_in_the_site_state(site, manifest_path, keys, value):
    edit(site.folder / ".meterize/.site.json", *keys, value=value)
    refuse(site)


def test_site_state_deleted(site, manifest_path):
    (site.folder / ".meterize/.site.json").unlink()
    refuse(site)


STEP = {"target": "shop/x", "staged": None, "saved": None, "is_folder": False}


@pytest.mark.parametrize(
    "journal",
    [
        {},
        {"steps": 1, "made": [], "emptied": [], "times": []},
        {"steps": [{**STEP, "target": "../x"}], "made": [], "emptied": [], "times": []},
        {"steps": [{**STEP, "staged": "cafe/.meterize-new-0"}], "made": [], "emptied": [], "times": []},
        {"steps": [{**STEP, "saved": "/etc/passwd"}], "made": [], "emptied": [], "times": []},
        {"steps": [], "made": ["../x"], "emptied": [], "times": []},
        {"steps": [], "made": [], "emptied": ["."], "times": []},
        {"steps": [], "made": [], "emptied": [], "times": [{"folder": "..", "before_ns": 1, "after_ns": 1}]},
    ],
)
@pytest.mark.parametrize("name", [".undo.json", ".finish.json"])
def test_nonsense_in_a_journal(site, manifest_path, tmp_path, journal, name):
    (site.folder / ".meterize" / name).write_text(json.dumps({"schema": 1, **journal}))
    (tmp_path / "x").write_text("not ours")
    before = site.tree()
    with pytest.raises(TargetError) as caught:
        recover(site.folder)
    assert caught.value.slug == "manifest-corrupt"
    assert site.tree() == before
    assert (tmp_path / "x").read_text() == "not ours"


def test_nothing_to_recover(site, shop):
    before = site.tree()
    assert recover(site.folder) is False
    assert site.tree() == before
