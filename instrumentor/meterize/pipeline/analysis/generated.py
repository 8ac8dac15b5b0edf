"""What is said of code that is compiled at run time (templates, generated methods): in no .pyc, so no hook can be there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meterize.cpython.identity import kind
from meterize.cpython.mentions import globals_and_attributes
from meterize.model.code import CodeId
from meterize.model.enumeration import first_few
from meterize.pipeline.sources import PackageCode

_COMPILERS: Final = frozenset({"compile", "eval", "exec"})
_SHOWN: Final = 3


def name_generators(executed: Iterable[CodeId], code: PackageCode) -> tuple[str, ...]:
    """A sentence, if some of the ``executed`` functions look a built-in up that compiles or runs code."""
    found = [name for name in sorted(executed) if _generates(name, code)]
    if not found:
        return ()
    names = first_few([f"{name.qualname} ({name.file}:{name.first_line})" for name in found], _SHOWN)
    sentence = (
        f"code that is compiled at run time can carry no hook, and is not measured; {names} may make some: if the feature"
        " lies there, hook what makes or calls it (--at MODULE:QUALNAME)"
    )
    return (sentence,)


def _generates(name: CodeId, code: PackageCode) -> bool:
    body = code.codes(name.file).get(name)
    if body is None or not _COMPILERS & {*body.co_names} or kind(body) in {"module", "class"}:
        return False
    return bool(globals_and_attributes(body)[0] & _COMPILERS)
