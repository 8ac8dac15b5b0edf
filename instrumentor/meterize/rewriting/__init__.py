"""Puts hooks into code objects."""

from .modules import rewrite_module
from .probes import probe_module

__all__ = ["probe_module", "rewrite_module"]
