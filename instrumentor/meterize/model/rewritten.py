"""A module with hooks in it, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass

from .code import CodeId, InstructionMask
from .feature import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """Put hook ``id`` before the instruction at ``offset`` of the original code object that ``code`` and ``digest`` name."""

    id: str
    feature: str
    policy: Policy
    code: CodeId
    digest: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSite:
    """Where a hook landed: ``path`` leads through nested ``co_consts`` from the module's code to its code object; ``offset``
    is a byte offset into the rewritten code; ``mechanism`` is ``monitoring``, ``in-place`` or ``inline``; ``is_apart`` if it
    stands in a duplicate of the code."""

    id: str
    path: tuple[int, ...]
    offset: int
    mechanism: str
    is_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenModule:
    """One .pyc: ``file`` is the source, posix, relative to the site folder; ``pyc`` the bytes of a PEP 552 file.

    ``missing`` names the hooks that this optimisation level has no place for (an ``assert`` that is compiled away).
    """

    file: str
    optimization: int
    pyc: bytes
    sites: tuple[HookSite, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A mark before the instruction at ``offset`` of the original code: ``reach`` is what has run once it is passed."""

    code: CodeId
    offset: int
    reach: InstructionMask
