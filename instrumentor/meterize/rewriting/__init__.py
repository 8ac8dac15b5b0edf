"""Puts hooks into code objects, and checks the result."""

from .modules import rewrite_module
from .probes import probe_module

__all__ = ["probe_module", "rewrite_module"]
