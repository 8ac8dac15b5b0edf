"""Colours that everybody can tell from what is behind them."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = files("meterize.page").joinpath("style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
)
PAIRS = [
    *((text, behind) for text in ("ink", "soft", "accent", "idle") for behind in ("paper", "raised")),
    *(("ink", f"own-{shade}") for shade in range(1, 6)),
    *((text, "hook-paper") for text in ("ink", "soft", "accent", "hook")),
    *((text, "paper") for text in ("hook", "good", "warn", "bad")),
    ("warn", "warn-paper"), ("ink", "warn-paper"), ("hook", "raised"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_is_enough_for_small_text(theme: dict[str, str]) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    for text, behind in PAIRS:
        dark, light = sorted((luminance(theme[text]), luminance(theme[behind])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, behind)


def test_both_themes_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE))
    assert used == (LIGHT.keys() | {"sans", "mono"})


def test_every_class_of_the_style_is_used() -> None:
    """What the style speaks of, the page writes."""
    code = "".join(each.read_text(encoding="utf-8") for each in files("meterize.page").iterdir() if each.name.endswith(".py"))
    classes = set(re.findall(r"\.([a-z][\w-]*)(?=[^{};]*\{)", re.sub(r"/\*.*?\*/", "", STYLE)))
    unused = {name for name in classes if not re.search(rf"\b{name}\b", code) and not re.fullmatch(r"own-\d", name)}
    assert unused == set()
