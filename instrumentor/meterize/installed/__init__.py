"""Where a package lives in an environment: find it; write, watch and restore its compiled files, all or nothing."""

from .location import locate

__all__ = ["locate"]
