"""The file of evidence: written whole and with the right permissions, read as if a stranger had written it."""

from __future__ import annotations

import hashlib
import json
import os
import stat

import pytest

from meterize import evidence
from meterize.errors import TargetError
from meterize.evidence import evidence_file, keep_passed, past_evidence, read_proofs, require_place, write_evidence

FILE = {
    "distribution": "shop",
    "source": "shop/a.py",
    "optimization": 0,
    "source_digest": "s",
    "digest": "d",
    "code_digest": "c",
}
FEATURE = {"feature": "net", "distribution": "shop", "version": "1.0", "plan_digest": "p", "verdict": "passed"}
CONTENT = {"time": "2026-01-01T00:00:00Z", "files": [FILE], "features": [FEATURE]}


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "shop.net.plan.toml"
    path.write_text("")
    return path


def test_it_lies_beside_the_plan(plan):
    assert evidence_file(plan) == plan.with_name("shop.net.plan.verdict.json")
    assert evidence_file(plan.with_name("plan")).name == "plan.verdict.json"
    link = plan.parent / "elsewhere"
    link.mkdir()
    (link / "linked.toml").symlink_to(plan)
    assert evidence_file(link / "linked.toml") == plan.with_name("shop.net.plan.verdict.json")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_who_may_read_the_plan_may_read_it(plan, mode, umask):
    plan.chmod(mode)
    path = evidence_file(plan)
    before = os.umask(umask)
    try:
        digest = write_evidence(path, CONTENT, like=plan)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.chmod(0o600)
    write_evidence(path, CONTENT, like=plan)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "it keeps what its owner gave it"


def test_whole_or_not_at_all(plan, monkeypatch):
    path = evidence_file(plan)
    write_evidence(path, CONTENT, like=plan)
    kept = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evidence.os, "fsync", full)
    with pytest.raises(TargetError) as caught:
        write_evidence(path, {**CONTENT, "more": "x" * 9999}, like=plan)
    assert caught.value.slug == "evidence-unwritable"
    assert "No space left" in str(caught.value)
    assert path.read_bytes() == kept
    assert {each.name for each in plan.parent.iterdir()} == {plan.name, path.name}


def test_where_it_cannot_lie(plan):
    folder = plan.parent
    (folder / "loop").symlink_to("loop")
    (folder / "null").symlink_to("/dev/null")
    (folder / "same").symlink_to(plan.name)
    os.mkfifo(folder / "pipe")
    for name in ("loop", "null", "same", "pipe", "none/x.json", plan.name, "."):
        with pytest.raises(TargetError) as caught:
            require_place(folder / name, plan)
        assert caught.value.slug == "evidence-unwritable", name
    assert require_place(folder / "x.json", plan) == folder / "x.json"


def test_what_it_says_comes_back(plan):
    path = evidence_file(plan)
    digest = write_evidence(path, {**CONTENT, "odd": "\ud800\u2028"}, like=plan)
    [proof] = read_proofs(path)
    assert (proof.feature, proof.plan_digest, proof.passed, proof.digest) == ("net", "p", True, digest)
    assert proof.files == {("shop/a.py", 0): "c"}
    assert proof.plan_parts == {}, "as earlier evidence has none"


def test_files_of_other_distributions_do_not_count(plan):
    path = evidence_file(plan)
    write_evidence(path, {**CONTENT, "files": [FILE, {**FILE, "distribution": "other", "source": "o.py"}]}, like=plan)
    [proof] = read_proofs(path)
    assert proof.files == {("shop/a.py", 0): "c"}


OF_OTHERS = {
    "a failed one": {"features": [{**FEATURE, "verdict": "failed"}]},
    "another version": {"features": [{**FEATURE, "version": "1.1"}]},
    "another plan": {"features": [{**FEATURE, "plan_digest": "q"}]},
    "another feature": {"features": [{**FEATURE, "feature": "gross"}]},
    "other code": {"files": [{**FILE, "code_digest": "e"}]},
}


@pytest.mark.parametrize("name", OF_OTHERS)
def test_what_passed_is_kept_when_something_else_takes_its_place(plan, name):
    path = evidence_file(plan)
    digest = write_evidence(path, CONTENT, like=plan)
    path.chmod(0o640)
    data = path.read_bytes()
    kept = keep_passed(path, {**CONTENT, **OF_OTHERS[name]})
    assert kept == path.with_name(f"shop.net.plan.{digest[:12]}.verdict.json")
    assert (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (data, 0o640)
    write_evidence(path, {**CONTENT, **OF_OTHERS[name]}, like=plan)
    (plan.parent / "shop.net.plan.else.verdict.json").write_text("{}")
    assert past_evidence(path) == (kept,)


def test_what_failed_and_what_is_proved_again_is_not_kept(plan):
    path = evidence_file(plan)
    assert keep_passed(path, CONTENT) is None
    write_evidence(path, {**CONTENT, "features": [{**FEATURE, "verdict": "failed"}]}, like=plan)
    assert keep_passed(path, CONTENT) is None
    write_evidence(path, CONTENT, like=plan)
    assert keep_passed(path, {**CONTENT, "time": "2026-02-02T00:00:00Z"}) is None
    more = [FEATURE, {**FEATURE, "feature": "gross", "verdict": "failed"}]
    assert keep_passed(path, {**CONTENT, "features": more}) is None
    for garbage in (b"", b"garbage", b'{"schema": 1}'):
        path.write_bytes(garbage)
        assert keep_passed(path, CONTENT) is None
    assert past_evidence(path) == ()


def test_evidence_of_any_name_is_kept_beside_it(tmp_path, plan):
    path = tmp_path / "of [may].json"
    digest = write_evidence(path, CONTENT, like=plan)
    kept = keep_passed(path, {**CONTENT, "features": []})
    assert kept == tmp_path / f"of [may].{digest[:12]}.json"
    assert past_evidence(path) == (kept,)


def test_none_is_not_the_same_as_unreadable(plan):
    path = evidence_file(plan)
    assert read_proofs(path) is None
    os.mkfifo(path)
    assert read_proofs(path) == (), "nobody waits for a pipe"
    path.unlink()
    path.mkdir()
    assert read_proofs(path) == ()


def edited(**changes):
    return json.dumps({"schema": 1, **CONTENT, **changes})


STRANGE = [
    *("", "\0", "null", "7", "[]", "{}", "[" * 99999, '{"schema": 1}', "\ufeff{}", '{"schema": ' + "9" * 5000 + "}"),
    *(edited(schema=schema) for schema in (2, None, "1")),
    *(edited(features=features) for features in (None, 7, [7], [{}], [{**FEATURE, "plan_digest": None}])),
    edited(features=[{**FEATURE, "plan": {"policy": 1}}]),
    *(edited(files=files) for files in (7, [{}], [{**FILE, "source": []}])),
    *(edited(files=[{**FILE, "optimization": level}]) for level in ("x", "1", None, True, 1e999, 0.5)),
    *(edited(time=time) for time in (1, "", "\x1b[2J", "2026-01-01T00:00:00Z\n")),
]


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_what_a_stranger_wrote(plan, text):
    path = evidence_file(plan)
    path.write_text(text)
    assert read_proofs(path) == ()


def test_too_large(plan, monkeypatch):
    monkeypatch.setattr(evidence, "MAX_BYTES", 10)
    path = evidence_file(plan)
    write_evidence(path, CONTENT, like=plan)
    assert read_proofs(path) == ()
