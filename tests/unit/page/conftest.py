"""A page to start from."""

from __future__ import annotations

import pytest

from meterize.model.page import Page

from .made_pages import make_page


@pytest.fixture
def page() -> Page:
    return make_page("shop.basket:pay")
