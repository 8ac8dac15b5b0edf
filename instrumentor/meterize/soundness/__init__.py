"""Checks emitted code before it is handed out: a bad rewrite is our bug, and must not reach anybody's files."""

from .modules import check_module, check_pyc

__all__ = ["check_module", "check_pyc"]
