"""Owns reading the hook table that a metered module carries; docs/hook-table.md is its contract."""

from __future__ import annotations

from types import CodeType

from .policy import read_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Entry: TypeAlias = "tuple[str, str, str, str, tuple[int, ...], int, int]"
    """Hook id, feature, policy, mechanism, path, offset, extra."""

MAGIC = "meterize"
VERSION = 1
MONITORING = "monitoring"
IN_PLACE = "in-place"
INLINE = "inline"
MECHANISMS = {MONITORING: False, IN_PLACE: False, INLINE: True}
"""Whether its hooks stay."""


def read_table(table: object) -> tuple[str, tuple[object, ...]] | None:
    """The distribution and its entries; None where this is no table of our version."""
    if not isinstance(table, tuple) or len(table) != 5 or table[:2] != (MAGIC, VERSION):
        return None
    _, _, distribution, release, entries = table
    if not (isinstance(distribution, str) and isinstance(release, str) and isinstance(entries, tuple)):
        return None
    return distribution, entries


def read_entry(entry: object) -> Entry | None:
    """The entry, if it is one."""
    if not isinstance(entry, tuple) or tuple(map(type, entry)) != (str, str, str, str, tuple, int, int):
        return None
    _, _, text, mechanism, _, offset, _ = entry
    policy = read_policy(text)
    return entry if policy is not None and MECHANISMS.get(mechanism) is policy.stays and offset >= 0 else None


def find_code(module: CodeType, path: tuple[int, ...]) -> CodeType | None:
    """The code object that a path of ``co_consts`` indices leads to."""
    code: object = module
    for index in path:
        if not isinstance(code, CodeType) or type(index) is not int or not 0 <= index < len(code.co_consts):
            return None
        code = code.co_consts[index]
    return code if isinstance(code, CodeType) else None
