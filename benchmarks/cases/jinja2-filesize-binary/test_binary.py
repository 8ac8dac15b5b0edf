"""The binary prefixes alone; the package's own test mixes both in one test."""

import pytest
from jinja2 import Environment


@pytest.mark.parametrize(("n", "want"), [(300, "300 Bytes"), (2048, "2.0 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB")])
def test_binary(n: int, want: str) -> None:
    assert Environment().from_string("{{ n|filesizeformat(true) }}").render(n=n) == want
