"""The manifest on disk: one JSON file a distribution, and copies of its plans beside it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from meterize.model.code import CodeId
from meterize.model.feature import Policy
from meterize.model.manifest import MANIFEST_SCHEMA, ManagedFile, Manifest, MeteredPlan, Original
from meterize.model.plan import HookPoint

from .disk import digest, failures_explained
from .ownership import canonical, is_name
from .records import Record, dump_record, is_inside, read_record
from .store import manifest_file, metered_folders, plan_file, saved_name


def manifests(site: Path) -> tuple[Manifest, ...]:
    """What is metered in a site folder, by distribution. Raises TargetError (``manifest-corrupt``, ``manifest-schema``)."""
    with failures_explained(site):
        return tuple(_read(site, folder / "manifest.json") for folder in metered_folders(site))


def find_manifest(site: Path, distribution: str) -> Manifest | None:
    """The manifest of one distribution, in whatever spelling of its name; None if it is not metered."""
    if not is_name(distribution):
        return None
    path = site / manifest_file(distribution)
    return _read(site, path) if path.is_file() else None


def dump_manifest(manifest: Manifest) -> bytes:
    """The bytes of the file; the same manifest gives the same bytes."""
    return dump_record(
        {
            "distribution": manifest.distribution,
            "package": manifest.package,
            "version": manifest.version,
            "interpreter": manifest.interpreter,
            "plans": [_dump_plan(plan) for plan in manifest.plans],
            "files": [_dump_file(file) for file in manifest.files],
            "made_folders": list(manifest.made_folders),
        },
        MANIFEST_SCHEMA,
    )


def _dump_plan(plan: MeteredPlan) -> dict[str, object]:
    return {
        "feature": plan.feature,
        "policy": plan.policy.value,
        "plan_digest": plan.plan_digest,
        "plan_path": plan.plan_path,
        "text_digest": digest(plan.plan_text.encode()),
        "hook_points": [
            {
                "id": point.id,
                "file": point.code.file,
                "qualname": point.code.qualname,
                "first_line": point.code.first_line,
                "line": point.line,
                "offset": point.offset,
                "digest": point.digest,
                "why": point.why,
                "covers": list(point.covers),
            }
            for point in plan.hook_points
        ],
    }


def _dump_file(file: ManagedFile) -> dict[str, object]:
    original = file.original and {
        "digest": file.original.digest,
        "mode": file.original.mode,
        "atime_ns": file.original.atime_ns,
        "mtime_ns": file.original.mtime_ns,
    }
    return {
        "source": file.source,
        "source_digest": file.source_digest,
        "optimization": file.optimization,
        "pyc": file.pyc,
        "digest": file.digest,
        "hooks": list(file.hooks),
        "missing": list(file.missing),
        "original": original,
    }


def _read(site: Path, path: Path) -> Manifest:
    try:
        record = read_record(path, MANIFEST_SCHEMA)
    except (FileNotFoundError, NotADirectoryError):
        Record(None, path)
        raise
    distribution = record.text("distribution")
    if canonical(distribution) != path.parent.name:
        record.refuse("is not the name of the folder that the manifest lies in", "distribution")
    return Manifest(
        distribution=distribution,
        package=record.text("package"),
        version=record.text("version"),
        interpreter=record.text("interpreter"),
        plans=tuple(_read_plan(site, distribution, each) for each in record.items("plans")),
        files=tuple(_read_file(each) for each in record.items("files")),
        made_folders=tuple(_cache_folder(record, folder) for folder in record.texts("made_folders")),
    )


def _cache_folder(record: Record, folder: str) -> str:
    if not is_inside(folder) or PurePosixPath(folder).name != "__pycache__":
        record.refuse("must name __pycache__ folders inside the site folder", "made_folders")
    return folder


def _read_plan(site: Path, distribution: str, record: Record) -> MeteredPlan:
    try:
        policy = Policy(record.text("policy"))
    except ValueError:
        record.refuse("must be a policy", "policy")
    text_digest = record.hexadecimal("text_digest")
    copy = site / plan_file(distribution, text_digest)
    try:
        text = copy.read_bytes()
    except OSError:
        text = b""
    if digest(text) != text_digest:
        record.refuse(f"names a copy of the plan that is damaged or missing: {copy}", "text_digest")
    return MeteredPlan(
        feature=record.text("feature"),
        policy=policy,
        plan_digest=record.text("plan_digest"),
        plan_path=record.text("plan_path"),
        hook_points=tuple(_read_point(each) for each in record.items("hook_points")),
        plan_text=text.decode(),
    )


def _read_point(record: Record) -> HookPoint:
    code = CodeId(
        file=record.inside("file", ending=".py"), qualname=record.text("qualname"), first_line=record.number("first_line")
    )
    return HookPoint(
        id=record.text("id"),
        code=code,
        line=record.number("line"),
        offset=record.number("offset"),
        digest=record.text("digest"),
        why=record.text("why"),
        covers=record.texts("covers"),
    )


def _read_file(record: Record) -> ManagedFile:
    pyc = record.inside("pyc", ending=".pyc")
    if pyc.split("/")[-2:-1] != ["__pycache__"]:
        record.refuse("must be a file in a __pycache__ folder", "pyc")
    return ManagedFile(
        source=record.inside("source", ending=".py"),
        source_digest=record.hexadecimal("source_digest"),
        optimization=record.number("optimization", below=3),
        pyc=pyc,
        digest=record.hexadecimal("digest"),
        hooks=record.texts("hooks"),
        missing=record.texts("missing"),
        original=record.optional("original", lambda key: _read_original(record.record(key), pyc)),
    )


def _read_original(record: Record, pyc: str) -> Original:
    return Original(
        digest=record.hexadecimal("digest"),
        mode=record.number("mode", below=0o10000),
        atime_ns=record.number("atime_ns"),
        mtime_ns=record.number("mtime_ns"),
        saved=saved_name(pyc),
    )
