"""The decimal prefixes alone."""

import pytest
from jinja2 import Environment

SIZES = [(1, "1 Byte"), (300, "300 Bytes"), (2000, "2.0 kB"), (3_000_000, "3.0 MB"), (5 * 10**9, "5.0 GB")]


@pytest.mark.parametrize(("n", "want"), SIZES)
def test_decimal(n: int, want: str) -> None:
    assert Environment().from_string("{{ n|filesizeformat }}").render(n=n) == want
