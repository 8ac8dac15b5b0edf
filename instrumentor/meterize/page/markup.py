"""Owns escaping: HTML built from parts, in which no text from outside is ever markup, or hides or reorders its surroundings."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape
from typing import Final

_LONGEST: Final = 400
"""Characters of a name; generated test ids can be kilobytes."""

_UNSEEN: Final = frozenset({"\u00ad", "\u061c", "\u115f", "\u1160", "\u180e", "\u200b", "\u3164", "\ufeff", "\uffa0"})
"""Drawn as nothing, though their category does not say so, or a mark of direction."""
_JOINERS: Final = frozenset({"\u200c", "\u200d"})
"""Scripts and emoji need them."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def element(name: str, *inside: str | Iterable[str], **attributes: str | int | float | bool | None) -> Markup:
    """``<name attributes>inside</name>``.

    In attributes a final underscore goes and others become hyphens (``class_``, ``aria_label``); None and False are left out.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(_number(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{written}>{join(*inside)}</{name}>")


def join(*parts: str | Iterable[str]) -> Markup:
    """The parts one behind the other, each escaped unless it is markup."""
    return Markup("".join(text(part) if isinstance(part, str) else join(*part) for part in parts))


def text(content: str) -> Markup:
    """Text from anywhere, escaped; what cannot be seen, or changes the direction of writing, is spelled out."""
    if isinstance(content, Markup):
        return content
    return Markup(escape(visible(content)))


def visible(content: str) -> str:
    """The same with everything spelled out that would hide, or change the direction of writing; not escaped."""
    return content if content.isascii() and content.isprintable() else "".join(map(_visible, content))


def name(content: str) -> Markup:
    """A name from outside as code, cut in the middle where it is endless, and kept apart from the text around it."""
    if len(content) > _LONGEST:
        content = f"{content[: _LONGEST // 2]} … {content[-_LONGEST // 2 :]}"
    return element("code", text(content.replace("\n", "␊").replace("\t", "␉")))


def _visible(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    if character < " ":
        return chr(0x2400 + ord(character))
    if character in _UNSEEN or unicodedata.category(character) in _HIDDEN:
        return f"⟨U+{ord(character):04X}⟩"
    return character


def _number(value: str | float) -> str:
    """Numbers without a tail of zeros; a true boolean never comes here."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
