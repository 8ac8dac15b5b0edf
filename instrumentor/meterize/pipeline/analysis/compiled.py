"""What is said of a package's compiled modules, where no hook can be."""

from __future__ import annotations

from typing import Final

from meterize.model.enumeration import first_few
from meterize.model.package import Package

_SHOWN: Final = 4


def name_compiled(package: Package) -> tuple[str, ...]:
    """A sentence, if there are any."""
    if not package.compiled:
        return ()
    names = first_few(package.compiled, _SHOWN)
    sentence = (
        f"compiled modules can carry no hook ({names}): if the feature lies there, hook the Python code that calls them"
        " (--at MODULE:QUALNAME)"
    )
    return (sentence,)
