"""What an agent reports: the cumulative counts of processes."""

from __future__ import annotations

from msgspec import Struct

from .text import Incarnation, Label, Moment, Name, Total


class Counter(Struct, frozen=True, kw_only=True, gc=False):
    """How often one subject has passed one hook since its process began."""

    hook: Name
    feature: Name
    package: Label
    policy: Label
    subject: Name | None = None
    total: Total


class Loss(Struct, frozen=True, kw_only=True):
    """How often something could not be counted, and why, since the process began."""

    reason: Name
    package: Label = ""
    feature: Label = ""
    hook: Label = ""
    total: Total


class Report(Struct, frozen=True, kw_only=True):
    """The counts of one process as an agent saw them at one moment."""

    incarnation: Incarnation
    host: Label
    pid: Total
    started: Moment
    seen: Moment
    final: bool = False
    counters: tuple[Counter, ...] = ()
    losses: tuple[Loss, ...] = ()


class Taken(Struct, frozen=True, kw_only=True):
    """What became of one report: how many counters it had, and how many of them were news."""

    incarnation: str
    counters: int
    recorded: int
