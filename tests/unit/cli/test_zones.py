"""Whose days and months are meant."""

from __future__ import annotations

import pytest

from meterize.cli import zones
from meterize.errors import UsageError


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Kolkata", "Asia/Kolkata"),
        ("/usr/share/zoneinfo/America/New_York", "America/New_York"),
        (":/usr/share/zoneinfo/posix/Europe/Berlin", "Europe/Berlin"),
        ("Etc/UTC", "UTC"),
        ("UTC", "UTC"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("Europe", "UTC"),
        ("a\0b", "UTC"),
    ],
)
def test_tz_of_the_environment(tmp_path, told, zone):
    assert zones.local_zone({"TZ": told}, tmp_path) == zone


def test_the_zone_of_the_machine(tmp_path):
    assert zones.local_zone({}, tmp_path) == "UTC"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/timezone").write_bytes(b"\xff")
    assert zones.local_zone({"TZ": ""}, tmp_path) == "UTC"
    (tmp_path / "etc/timezone").write_text("Asia/Tokyo\n")
    assert zones.local_zone({}, tmp_path) == "Asia/Tokyo"
    (tmp_path / "etc/localtime").symlink_to("../usr/share/zoneinfo/Europe/Berlin")
    assert zones.local_zone({}, tmp_path) == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Mars/Base", "", "../x", "Europe", "a\0b", "Europe/Berln\x1b[31m", "/etc/passwd"])
def test_zones_that_are_none(name):
    for of_ledger in (True, False):
        with pytest.raises(UsageError) as refused:
            zones.checked_zone(name, of_ledger=of_ledger)
        assert refused.value.slug == "bad-time-zone"


def test_the_zone_that_may_be_meant():
    with pytest.raises(UsageError, match="no time zone 'Europe/Berln'") as refused:
        zones.checked_zone("Europe/Berln", of_ledger=True)
    assert "Europe/Berlin?" in refused.value.hint


def test_without_a_database_of_zones_the_ledger_judges(monkeypatch):
    def unknown(name):
        raise LookupError(name)

    monkeypatch.setattr(zones, "ZoneInfo", unknown)
    monkeypatch.setattr(zones, "available_timezones", set)
    assert zones.checked_zone("Europe/Berlin", of_ledger=True) == "Europe/Berlin"
    assert zones.local_zone({"TZ": "Europe/Berlin"}) == "UTC"
    with pytest.raises(UsageError) as refused:
        zones.checked_zone("Europe/Berlin", of_ledger=False)
    assert "tzdata" in refused.value.hint
