"""What a run of tests executed, test by test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from .code import CodeId, InstructionMask

Executed: TypeAlias = Mapping[CodeId, InstructionMask]
"""The executed instructions of each code object that ran at all."""


def unite(many: Iterable[Executed]) -> dict[CodeId, InstructionMask]:
    """All that is executed in some of them."""
    whole: dict[CodeId, InstructionMask] = {}
    for executed in many:
        for code, mask in executed.items():
            whole[code] = whole.get(code, 0) | mask
    return whole


class Outcome(StrEnum):
    """How a test ended. An expected failure counts as passed, an error in set-up or tear-down as failed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


ENOUGH_CALLS: Final = 4
"""More calls of a function in one test are not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a test entered a function: so many times (``ENOUGH_CALLS`` means that many or more), and from which code of the
    package, seen from its first calls: the nearest on the stack; None where there is none."""

    code: CodeId
    count: int
    callers: frozenset[CodeId | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """One test: its id as its framework prints it, its end, and what of the package it executed (children included).

    ``calls`` are the functions that it entered, in the order of their first calls. ``flickers`` is what it executed in some of
    several runs only, which proves nothing of it, and is nobody's own either.
    """

    __test__ = False

    id: str
    outcome: Outcome
    executed: Executed
    calls: tuple[Call, ...] = ()
    flickers: Executed = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRecord:
    """One run of a user's command under collection.

    ``outside`` is what ran outside any test: import, collection, session fixtures. ``seconds`` is CPU time (user + system,
    children included). A command that runs no known test framework is one test whose id is the command itself. ``kept_at`` is
    when it ran (seconds since 1970), if it did not run now.
    """

    command: str
    tests: tuple[TestRecord, ...]
    outside: Executed
    exit_code: int
    seconds: float
    warnings: tuple[str, ...] = ()
    kept_at: float | None = None

    def proves(self, test: TestRecord) -> bool:
        """Whether one of these tests shows what a use executes: it took part, and did not fail with the whole run."""
        return test.outcome is not Outcome.SKIPPED and (self.exit_code == 0 or test.outcome is not Outcome.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFires:
    """One test of a metered package: how many uses each hook counted in it (hooks that did not fire are absent).

    ``warned``: what it made Python warn of, as ``Category: text``, and how often, whoever caught the warnings then.
    """

    __test__ = False

    id: str
    outcome: Outcome
    fires: Mapping[str, int]
    warned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRecord:
    """One run of a user's command on the metered package, or on its original code; ``outside`` are uses counted outside any
    test, ``warned_outside`` the warnings there; ``output`` are the last lines that the command wrote."""

    command: str
    tests: tuple[TestFires, ...]
    outside: Mapping[str, int]
    exit_code: int
    seconds: float
    armed_hooks: frozenset[str]
    warnings: tuple[str, ...] = ()
    warned_outside: Mapping[str, int] = field(default_factory=dict)
    output: tuple[str, ...] = ()
