"""What the page shows that explains a charge: the plan, and the evidence for it, ready to be drawn.

All counts of tests leave out skipped ones. A *feature test* uses the feature, a *rest test* does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from .code import CodeId
from .plan import Fires, HookPlan, HookPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a source line. ``proofs`` counts the feature tests that run it, where it is the feature's own (else 0);
    ``ran`` says that some test of either side executed it, or that it has no code."""

    text: str
    proofs: int
    ran: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    """One source line. ``hooks`` and ``alternatives`` are numbers, from 1, of the hook points and runners-up that stand on it;
    ``proofs`` is the most of any of its spans."""

    number: int
    spans: tuple[Span, ...]
    proofs: int
    hooks: tuple[int, ...] = ()
    alternatives: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How strongly a function belongs to the feature.

    ``ochiai`` is |W∩f| / √(|W|·|f|), 0 to 1, with the feature tests W and the tests f that enter it; ``unique`` of its
    ``total`` instructions are the feature's own.
    """

    code: CodeId
    feature_tests: int
    rest_tests: int
    ochiai: float
    unique: int
    total: int
    hooked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """The source of one function with what is nested in it; lines that say nothing are left out, so numbers jump."""

    code: CodeId
    lines: tuple[PageLine, ...]
    hooked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBlock:
    """A basic block as it is drawn. ``share`` (0 to 1) of its instructions are the feature's own, ``proofs`` feature tests run
    them; ``dominates`` says that every way to a hook of the function leads over it."""

    lines: str
    text: tuple[str, ...]
    share: float
    proofs: int
    hooks: tuple[int, ...]
    dominates: bool
    loop_depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEdge:
    """From block to block, by index; on an exception, or as usual."""

    start: int
    end: int
    exception: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The control flow of one hooked function; block 0 is the entry. ``left_out`` counts blocks too far from any hook to be
    drawn; clean-up code of the compiler, which has no source, is not counted."""

    code: CodeId
    blocks: tuple[FlowBlock, ...]
    edges: tuple[FlowEdge, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHook:
    """One hook point. ``kind`` is its function's (``function``, ``generator``, …), ``is_entry`` whether every call begins
    there; ``text`` is its source line, and ``part`` what of it runs there, where that is not the whole; ``rest_tests`` counts
    those that pass it."""

    number: int
    point: HookPoint
    kind: str
    is_entry: bool
    text: str
    part: str
    fires: Fires
    rest_tests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTest:
    """One test: the numbers of the hooks that it passes, and how often it ``fires`` them, added up (0: not known; counts from
    ``ENOUGH_CALLS`` on mean that many or more); ``moved`` says that the user's commands put it on the other side."""

    id: str
    hooks: tuple[int, ...]
    fires: int
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page. ``made`` is a UTC date and time; ``scores`` and ``sources`` are best first, and bounded:
    ``scored`` functions are entered by feature tests, ``sliced`` hold code of the feature's own."""

    plan: HookPlan
    plan_digest: str
    made: str
    tool: str
    interpreter: str
    hooks: tuple[PageHook, ...]
    scores: tuple[Score, ...]
    scored: int
    sources: tuple[PageSource, ...]
    sliced: int
    flows: tuple[Flow, ...]
    feature_tests: tuple[PageTest, ...]
    rest_tests: tuple[PageTest, ...]
    moved_why: tuple[str, ...]
