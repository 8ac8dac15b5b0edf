"""The flags say what this interpreter does."""

from __future__ import annotations

import sys

import pytest

from meterize.cpython import versions
from meterize.errors import TargetError


def test_this_interpreter_is_supported():
    assert versions.check_supported() is None
    assert sys.version_info[:2] in versions.SUPPORTED


def test_monitoring_is_where_it_is_said_to_be():
    assert hasattr(sys, "monitoring") == versions.HAS_MONITORING
    assert not (versions.HAS_MONITORING and versions.CAN_RETIRE_IN_PLACE)


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 15, 0), (4, 0, 0)])
def test_another_version_is_refused_with_what_is_known(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(TargetError, match=r"3\.11, 3\.12, 3\.13, 3\.14") as caught:
        versions.check_supported()
    assert caught.value.slug == "interpreter-unsupported"


def test_a_build_without_the_gil_is_refused(monkeypatch):
    monkeypatch.setattr(versions, "IS_FREE_THREADED", True)
    with pytest.raises(TargetError, match="a build without the GIL") as caught:
        versions.check_supported()
    assert caught.value.slug == "interpreter-unsupported"


def test_another_implementation_is_refused(monkeypatch):
    monkeypatch.setattr(versions, "IS_CPYTHON", False)
    with pytest.raises(TargetError):
        versions.check_supported()
