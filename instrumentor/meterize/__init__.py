"""Meter one feature of an installed Python package, without touching its source."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("meterize")
except PackageNotFoundError:  # run from a checkout under another interpreter (`--python`)
    __version__ = "0+unknown"
