"""Owns the form of a line in the spool: a CloudEvent 1.0 as JSON. Its keys are specified in docs/hook-table.md."""

from __future__ import annotations

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .hook import EveryHook, OnceHook
    from .losses import Loss

try:
    from _json import encode_basestring_ascii
except ImportError:
    from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii

_quote: Callable[[str], str] = encode_basestring_ascii
"""JSON text of a string: ASCII, so that no control character, line separator or encoding can break a line."""

USE_TYPE = "meterize.use"
LOST_TYPE = "meterize.lost"


def use_line(incarnation: str, hook: EveryHook | OnceHook, subject: str | None, first: int, last: int, seconds: float) -> bytes:
    """The uses from the ``first`` (not included) to the ``last`` (included) of this hook and subject in this process."""
    event_id = f"{hook.id}:{subject or ''}:{first}-{last}"
    names = f'"feature":{_quote(hook.feature)},"package":{_quote(hook.package)},"hook":{_quote(hook.id)}'
    return _line(USE_TYPE, incarnation, event_id, subject, f'{{{names},"value":{last - first}}}', seconds)


def lost_line(incarnation: str, number: int, loss: Loss, count: int, seconds: float) -> bytes:
    """Something that could not be metered; ``number`` tells the reports of one process apart."""
    reason, package, feature, hook = loss
    names = f'"reason":{_quote(reason)},"package":{_quote(package)},"feature":{_quote(feature)},"hook":{_quote(hook)}'
    return _line(LOST_TYPE, incarnation, f"lost:{reason}:{number}", None, f'{{{names},"value":{count}}}', seconds)


def _line(kind: str, incarnation: str, event_id: str, subject: str | None, data: str, seconds: float) -> bytes:
    who = "" if subject is None else f'"subject":{_quote(subject)},'
    head = f'"specversion":"1.0","type":"{kind}","source":"urn:meterize:{incarnation}","id":{_quote(event_id)}'
    return f'{{{head},"time":"{_time(seconds)}",{who}"data":{data}}}\n'.encode()


def _time(seconds: float) -> str:
    year, month, day, hour, minute, second, *_ = System.gmtime(seconds)
    micro = int(seconds % 1 * 1_000_000)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z"
