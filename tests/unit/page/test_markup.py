"""No text from outside is markup, hides anything, or changes the direction of what is around it."""

from __future__ import annotations

import unicodedata
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.page.markup import Markup, element, join, name, text

from .made_pages import HOSTILE


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_seen_and_nothing_else(word: str) -> None:
    written = text(word)
    assert not set("<>\"'") & set(written)
    assert all(
        character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in written
    )
    written.encode()


@given(st.text(st.characters()))
def test_any_text_is_one_text_of_a_page(word: str) -> None:
    written = text(word)
    assert not set("<>\"'") & set(written)
    written.encode()
    if word.isprintable() and not set(word) & set("\u115f\u1160\u3164\uffa0"):  # letters by category, but drawn as nothing
        assert unescape(written) == word


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert text("a\x1bb\0") == "a␛b␀"
    assert text("\u202e\ufeff\ud800\x85") == "⟨U+202E⟩⟨U+FEFF⟩⟨U+D800⟩⟨U+0085⟩"
    assert name("a\nb") == "<code>a␊b</code>"


def test_joiners_stay_where_scripts_and_emoji_need_them() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert text(family) == family


def test_an_endless_name_keeps_its_ends() -> None:
    written = name("start" + "x" * 10_000 + "end")
    assert len(written) < 500
    assert written.startswith("<code>start")
    assert written.endswith("end</code>")
    assert " … " in written


def test_elements() -> None:
    assert element("p", "a < b", Markup("<b>c</b>")) == "<p>a &lt; b<b>c</b></p>"
    assert element("td", class_="x", data_label='"><script>', open=True, hidden=False, id=None) == (
        '<td class="x" data-label="&quot;&gt;&lt;script&gt;" open></td>'
    )
    assert element("rect", x=1.0, y=2.25) == '<rect x="1" y="2.2"></rect>'
    assert join("a", ["<", (Markup("<i>"), "&")]) == "a&lt;<i>&amp;"
    assert text(text("<")) == "&lt;"
