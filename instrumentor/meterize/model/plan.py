"""The plan: a reviewed file that says which places notice a use of each of its features, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .code import CodeId
from .feature import NO_GUIDANCE, Charge, Guidance, Policy

PLAN_SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """How often the feature tests pass a place: how many ``once``, how many ``more`` often, and of how many it is not known
    (in child processes, and inside functions that are called several times)."""

    once: int = 0
    more: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A place that was not chosen: ``feature_tests`` and ``rest_tests`` pass it; ``why_not`` is a sentence for a reviewer."""

    code: CodeId
    line: int
    feature_tests: int
    rest_tests: int
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPoint:
    """A chosen block and the reason.

    ``offset`` is a byte offset into the original code object, whose canonical form has ``digest``; ``covers`` are the ids
    of the feature tests that execute it; ``why`` is a sentence for a reviewer. ``unproven`` is the risk to charge for
    something else: the places (``file:line qualname``) that may lead here, going by names, though no feature test shows it.
    """

    id: str
    code: CodeId
    line: int
    offset: int
    digest: str
    why: str
    covers: tuple[str, ...]
    fires: Fires = Fires()
    unproven: tuple[str, ...] = ()


class Side(StrEnum):
    """Whether a test was taken for a user of the feature, or for one of the rest."""

    FEATURE = "feature"
    REST = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which tests were taken for users of the feature and which for the rest, by id, in the order they ran.

    ``moved_to_feature`` and ``moved_to_rest`` are those that stand where the user's commands did not put them. ``outside`` is
    the side of what ran outside the tests of the rest (their import and collection, fixtures that they share): the rest's, or
    the feature's if that executes it, so that such an import is a use.
    """

    feature_tests: tuple[str, ...]
    rest_tests: tuple[str, ...]
    moved_to_feature: tuple[str, ...] = ()
    moved_to_rest: tuple[str, ...] = ()
    outside: Side = Side.REST

    @property
    def is_mended(self) -> bool:
        """Whether anything stands where the user's commands did not put it."""
        return bool(self.moved_to_feature or self.moved_to_rest) or self.outside is Side.FEATURE


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPlan:
    """One feature of one package: everything ``instrument`` and ``verify`` need, and everything a reviewer asks.

    ``interpreter`` is ``sys.implementation.cache_tag``: offsets hold for that bytecode only. ``slice_functions`` are the
    functions that own unique code, largest first, as ``file:qualname``. ``alternatives`` are the runners-up, best first.
    ``against`` names the other features of the package, in the same file, whose tests are the rest too, besides those of
    ``without_command`` (which is empty if they are all the rest there is). ``guidance`` is what the user said of the choice.
    """

    package: str
    distribution: str
    version: str
    interpreter: str
    feature: str
    charge: Charge
    policy: Policy
    with_command: str
    without_command: str
    cwd: str
    selection: Selection
    intersection: int
    union: int
    slice_functions: tuple[str, ...]
    hook_points: tuple[HookPoint, ...]
    alternatives: tuple[Alternative, ...] = ()
    against: tuple[str, ...] = ()
    guidance: Guidance = NO_GUIDANCE
    warnings: tuple[str, ...] = ()
