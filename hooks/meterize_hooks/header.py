"""Owns who a request comes from: by a header, or by a callable of the operator's; the middlewares share it."""

from __future__ import annotations

from .runtime import RUNTIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEFAULT_HEADER = "X-Tenant"
UNRESOLVED = (LookupError, ValueError, TypeError, AttributeError)
"""What `subject_from` may raise at a request that it does not understand: the request goes on, its subject unknown."""


def resolve(subject_from: Callable[[Any], object], request: Any) -> object:
    """The subject that the callable names."""
    try:
        return subject_from(request)
    except UNRESOLVED:
        RUNTIME.lose("subject-unresolved")
        return None
