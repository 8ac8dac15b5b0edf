"""Words of a feature's name that are data in the package: where no code is the feature's own, such an entry decides."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from meterize.model.feature import Feature
from meterize.pipeline.sources import PackageCode

_SHORTEST: Final = 3
_MOST: Final = 3
_COMMON: Final = frozenset({"and", "import", "not", "or", "test", "tests", "the", "with"})


def words_of(feature: Feature) -> frozenset[str]:
    """The words of its name, and of what is selected by ``-k``."""
    selected = re.findall(r"-k[= ]*(?:'[^']*'|\"[^\"]*\"|\S+)", feature.with_command)
    words = re.findall(r"[a-zA-Z]\w*", " ".join((feature.name, *selected)))
    return frozenset(word for word in words if len(word) >= _SHORTEST and word.lower() not in _COMMON)


def find_data_words(code: PackageCode, feature: Feature) -> tuple[str, ...]:
    """Where a word of the feature's name or of a ``-k`` expression is a string in a module; in words, the first three."""
    words = words_of(feature)
    found: dict[str, None] = {}
    for file in code.package.modules:
        text = code.source(file)
        if any(word.encode() in text for word in words):
            found |= dict.fromkeys(f"{word!r} is data: {file}:{line}" for word, line in _strings(text, words))
    return tuple(found)[:_MOST]


def _strings(text: bytes, words: frozenset[str]) -> Iterator[tuple[str, int]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words:
            yield node.value, node.lineno
