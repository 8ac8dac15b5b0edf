"""What is metered in an environment, whether it still is as it was left, and whether that was proved."""

from __future__ import annotations

import dataclasses

from meterize.model.report import PackageStatus

from .metered import states_of
from .proof.past_verdicts import find_verdicts
from .target import Target


def status(name: str | None, *, target: Target) -> tuple[PackageStatus, ...]:
    """The state of every metered package, or of one; empty if nothing is metered. Finishes or undoes what was cut off.

    Raises TargetError if the one that is named is not installed either.
    """
    states = states_of(name, target=target)
    return tuple(dataclasses.replace(state, proofs=find_verdicts(state)) for state in states)
