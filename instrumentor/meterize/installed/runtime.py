"""The runtime ``meterize_hooks`` beside the metered packages: brought when nobody else did, shared, kept whole, taken along."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from meterize.errors import TargetError

from .disk import digest
from .ownership import canonical, installed_distributions, name_of, recorded_files
from .store import RuntimeRecord, SiteState
from .transaction import Change, Discard, PutFolder

PACKAGE: Final = "meterize_hooks"
_INSTALLER: Final = "meterize"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSource:
    """The runtime to bring: the folder of its files, its version, and where the target's interpreter looks for packages
    (empty: in the site folder only)."""

    folder: Path
    version: str
    search_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChange:
    """What to change on disk, and the record to keep afterwards."""

    changes: tuple[Change, ...]
    record: RuntimeRecord | None


def bring_runtime(site: Path, state: SiteState | None, source: RuntimeSource | None) -> RuntimeChange:
    """Copy the runtime, or renew our copy, unless the target finds one that is not of our bringing."""
    record = state.runtime if state else None
    if source is None or (record is None and installed_elsewhere(site, source.search_path)):
        return RuntimeChange(changes=(), record=record)
    if record is not None and is_taken_over(site, record):
        return RuntimeChange(changes=_discard(site, _metadata(record)), record=None)
    folders = _build(source)
    wanted = RuntimeRecord(version=source.version, files=_digests(folders))
    if record is None:
        _refuse_foreign(site)
    elif not missing_files(site, record):
        if record == wanted or _release(record.version) > _release(source.version):
            return RuntimeChange(changes=(), record=record)
        _refuse_changed(site, record)
    old = [path.name for path in sorted(site.glob(f"{PACKAGE}-*.dist-info")) if path.name not in folders]
    new = [PutFolder(target=name, files=files) for name, files in folders.items()]
    return RuntimeChange(changes=(*_discard(site, old), *new), record=wanted)


def take_runtime(site: Path, record: RuntimeRecord | None) -> tuple[RuntimeChange, str]:
    """Remove our copy, as nobody uses it any more; says why it has to stay, if it has to."""
    if record is None:
        return RuntimeChange(changes=(), record=None), ""
    if is_taken_over(site, record):
        return RuntimeChange(changes=_discard(site, _metadata(record)), record=None), ""
    if changed := changed_files(site, record):
        reason = f"the runtime is left in {site / PACKAGE}: somebody changed {', '.join(changed)}"
        return RuntimeChange(changes=(), record=None), reason
    return RuntimeChange(changes=_discard(site, [PACKAGE, *_metadata(record)]), record=None), ""


def is_taken_over(site: Path, record: RuntimeRecord) -> bool:
    """Whether an installer has put its own files over our copy since (a wheel of meterize brings the runtime, too)."""
    return bool(changed_files(site, record)) and any(
        canonical(name_of(each)) != canonical(PACKAGE) and f"{PACKAGE}/__init__.py" in recorded_files(each)
        for each in installed_distributions([str(site)])
    )


def _metadata(record: RuntimeRecord) -> list[str]:
    return sorted({path.split("/")[0] for path, _ in record.files} - {PACKAGE})


def _discard(site: Path, names: Sequence[str]) -> tuple[Change, ...]:
    return tuple(Discard(target=name) for name in names if (site / name).is_dir())


def installed_elsewhere(site: Path, search_path: Sequence[str]) -> Path | None:
    """The folder of a runtime that the target finds and that no instrumentation of ours copied there."""
    PathFinder.invalidate_caches()
    for entry in search_path or [str(site)]:
        spec = PathFinder.find_spec(PACKAGE, [entry])
        if spec is not None and spec.origin is not None and not _is_copy(Path(entry)):
            return Path(spec.origin).parent
    return None


def missing_files(site: Path, record: RuntimeRecord) -> tuple[str, ...]:
    """Files of our copy that are gone."""
    return tuple(path for path, _ in record.files if not (site / path).is_file())


def changed_files(site: Path, record: RuntimeRecord) -> tuple[str, ...]:
    """Files of our copy that hold something else now, and files that were added to it."""
    ours = dict(record.files)
    found = [
        path.relative_to(site).as_posix()
        for folder in sorted({name.split("/")[0] for name in ours})
        for path in sorted((site / folder).rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    ]
    # Installers rewrite these two freely (pip notes here that a user asked for the package).
    loose = {path for path in found if path.endswith((".dist-info/RECORD", ".dist-info/REQUESTED"))}
    return tuple(path for path in found if path not in loose and digest((site / path).read_bytes()) != ours.get(path))


def _is_copy(folder: Path) -> bool:
    return any(
        path.read_text(encoding="utf-8", errors="replace").strip() == _INSTALLER
        for path in folder.glob(f"{PACKAGE}-*.dist-info/INSTALLER")
    )


def _refuse_changed(site: Path, record: RuntimeRecord) -> None:
    if changed := changed_files(site, record):
        raise TargetError(
            f"the runtime {record.version} in {site / PACKAGE} has to be renewed, but somebody changed it",
            slug="runtime-changed",
            hint="Keep what you need of the changes, remove that folder, and run the command again.",
            details=changed,
        )


def _refuse_foreign(site: Path) -> None:
    """A folder of that name which is no package would be replaced: only if nothing of worth is in it."""
    folder = site / PACKAGE
    if _is_copy(site) or not (folder.exists() or folder.is_symlink()):
        return
    if not folder.is_dir() or any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*")):
        raise TargetError(
            f"{folder} is in the way of the runtime, and it is not meterize that put it there",
            slug="runtime-in-the-way",
            hint="Move it away and run the command again.",
        )


def _build(source: RuntimeSource) -> dict[str, dict[str, bytes]]:
    """The folders to write: the package and its metadata, so that pip lists and removes it like any other."""
    package = {
        path.relative_to(source.folder).as_posix(): path.read_bytes()
        for path in sorted(source.folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    info_name = f"{PACKAGE}-{source.version}.dist-info"
    info = {
        "METADATA": f"Metadata-Version: 2.1\nName: meterize-hooks\nVersion: {source.version}\n"
        "Summary: Counts uses in metered packages; meterize put it here and takes it away again\n".encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: meterize\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "INSTALLER": f"{_INSTALLER}\n".encode(),
    }
    rows = [
        f"{folder}/{name},sha256={_record_hash(data)},{len(data)}\n"
        for folder, files in ((PACKAGE, package), (info_name, info))
        for name, data in files.items()
    ]
    info["RECORD"] = "".join([*rows, f"{info_name}/RECORD,,\n"]).encode()
    return {PACKAGE: package, info_name: info}


def _record_hash(data: bytes) -> str:
    """As RECORD files have it (packaging.python.org, binary distribution format)."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _digests(folders: dict[str, dict[str, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{folder}/{name}", digest(data)) for folder, files in folders.items() for name, data in files.items())


def _release(version: str) -> tuple[int, ...]:
    """The release numbers of a version, for telling older from newer."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in match[0].split(".")) if match else ()
