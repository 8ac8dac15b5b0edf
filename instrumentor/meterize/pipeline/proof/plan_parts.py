"""What a plan consists of, part by part, so that two plans can be told apart by what differs between them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from meterize.model.manifest import MeteredPlan

_SAID: Final = ("policy", "charge", "version")
"""Parts that are a word, and stand for themselves; of the others a digest is kept."""
_COMMANDS: Final = ("with", "without", "against")
_GUIDANCE: Final = ("at", "exclude", "max_hooks")
_PLACE: Final = ("id", "file", "qualname", "digest", "offset")
_LONGEST: Final = 40


def parts_of(plan: MeteredPlan) -> dict[str, str]:
    """The parts of a plan that is in force: ``policy``, ``charge`` and ``version`` as they are; of ``commands``, ``guidance``,
    ``places``, ``tests`` and ``explanation`` (what is said for readers) the SHA-256. The folder of the commands is no part:
    each clone has another."""
    [feature] = tomllib.loads(plan.plan_text)["feature"]
    points = feature.pop("hook_point")
    feature.pop("cwd")
    said = {key: str(feature.pop(key)) for key in _SAID}
    return {
        **said,
        "commands": _digest({key: feature.pop(key, None) for key in _COMMANDS}),
        "guidance": _digest({key: feature.pop(key, None) for key in _GUIDANCE}),
        "places": _digest([{key: point.pop(key) for key in _PLACE} for point in points]),
        "tests": _digest(feature.pop("selection")),
        "explanation": _digest([feature, points]),
    }


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()


def describe_difference(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which parts differ, in words; empty if ``then`` (read from a file) has no parts to compare."""
    return ", ".join(_differences(then, now)) if then else ""


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for part, value in now.items():
        before = then.get(part)
        if before == value:
            continue
        is_said = part in _SAID and before and before.isprintable() and len(before) <= _LONGEST
        yield f"{part} ({before} then, {value} now)" if is_said else part
