"""Which time zone is meant: the one that is named, or this machine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from meterize.errors import UsageError

UTC_NAMES = frozenset({"Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})


def local_zone(environ: Mapping[str, str], root: Path = Path("/")) -> str:
    """This machine's time zone, as the IANA database names it; UTC if it has another one, or none that can be named."""
    for name in _candidates(environ, root):
        if name in UTC_NAMES:
            return "UTC"
        if _is_known(name):
            return name
    return "UTC"


def checked_zone(name: str, *, of_ledger: bool) -> str:
    """The zone that was asked for. A ledger may know it though this machine has no database. Raises UsageError."""
    if _is_known(name):
        return name
    known = available_timezones()
    if of_ledger and not known:
        return name
    near = get_close_matches(name, known, n=1, cutoff=0.5) if known else []
    raise UsageError(
        f"there is no time zone {name!r} here",
        slug="bad-time-zone",
        hint=f"{f'Did you mean {near[0]}? ' if near else ''}Zones are named as in the IANA database, such as Europe/Berlin"
        f"{'.' if known else ', which this machine lacks: install tzdata.'}",
    )


def _candidates(environ: Mapping[str, str], root: Path) -> Iterator[str]:
    """TZ alone where it is set, as for every other program; it may be a path."""
    told = environ.get("TZ", "")
    if told:
        yield _in_database(told.removeprefix(":"))
        return
    with suppress(OSError):
        yield _in_database(str((root / "etc/localtime").readlink()))
    with suppress(OSError, ValueError):
        yield (root / "etc/timezone").read_text(encoding="ascii").strip()


def _in_database(path: str) -> str:
    before, _, name = path.rpartition("/zoneinfo/")
    return name.removeprefix("posix/") if before else path


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
