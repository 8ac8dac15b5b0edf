"""Owns how a plan is written: stable order, one hook point a stanza, one test a line, all or nothing on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from meterize.errors import InternalError, TargetError, UsageError
from meterize.model.code import CodeId
from meterize.model.feature import Guidance
from meterize.model.plan import PLAN_SCHEMA, Alternative, HookPlan, HookPoint, Selection

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest plan that is written or read: some 300,000 test ids."""

_HEADING: Final = """\
# A plan of meterize: where one use of each feature is noticed, and why there. Review it like code.
#
# Each [[feature.hook_point]] names an instruction by byte offset in a code object that is pinned by its digest, so `line` is
# for readers. `covers` are the tests that prove it, `fires` says how many of them pass it once, more often, or nobody knows how
# often; `unproven` is the risk: what else may lead there, though no test shows it. Each [[feature.alternative]] was not chosen.
# Apply it with `meterize instrument`, prove it with `meterize verify`; `meterize schema` prints its JSON Schema, for editors.
"""

_SLICE: Final = """
# The instructions that only the feature's tests execute: all of those tests (intersection), or some (union).
[feature.slice]
"""

_SELECTION: Final = """
# Who was taken for a user of the feature, and who for the rest, by test id, sorted.
[feature.selection]
"""

_MOVED: Final = """\
# Of these, the tests that stand where the two commands did not put them, because of what they execute (--refine).
"""

_OUTSIDE: Final = """\
# The side of what ran outside the tests of the rest (their import, shared fixtures): "feature" if such an import is a use.
"""

_AGAINST: Final = """\
# The tests of these features, below or above, are the rest too.
"""

_GUIDANCE: Final = """\
# What the user said of the choice (--at, --exclude, --max-hooks).
"""

_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def render_plans(plans: Sequence[HookPlan]) -> str:
    """The features of a plan as TOML, in their order; tests are sorted, so that runs in another order make the same file.

    Raises UsageError for a text that no TOML file can hold (a lone surrogate).
    """
    interpreters = {plan.interpreter for plan in plans}
    if len(interpreters) != 1:
        raise InternalError(f"one plan is of one interpreter, and holds a feature at least: {sorted(interpreters)}")
    heading = f"{_HEADING}\nschema = {PLAN_SCHEMA}\ninterpreter = {_quote(plans[0].interpreter)}\n"
    return heading + "".join(piece for plan in plans for piece in _feature(_sorted(plan)))


def digest_plan(plan: HookPlan) -> str:
    """SHA-256, in hex, of all that a plan says of one feature; layout, comments, the order of tests don't count, nor does the
    folder that its commands run in, which is another one in each clone."""
    text = json.dumps(dataclasses.asdict(dataclasses.replace(_sorted(plan), cwd="")), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_plans(plans: Sequence[HookPlan], path: Path) -> None:
    """Write the features of a plan, whole or not at all; an earlier plan there is replaced.

    Where the folder of the commands and the plan's own are in each other, the file has it relative to its own, so that it means
    the same in every clone.

    Raises UsageError for a plan that cannot be written down, TargetError where the folder refuses it.
    """
    text = render_plans([dataclasses.replace(plan, cwd=_seen_from(path, plan.cwd)) for plan in plans])
    title, end, rest = text.partition("\n")
    content = f"{title}{end}{_directive(path)}{rest}".encode()
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"the plan would take {len(content):,} bytes; at most {MAX_BYTES:,} are allowed",
            slug="plan-too-large",
            hint="Select fewer tests with --with and --without: the plan lists each of them.",
        )
    try:
        _replace(path.resolve(), content)  # a link to a plan stays one
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, up to Python 3.12
        raise TargetError(
            f"cannot write the plan {path}: {getattr(error, 'strerror', None) or error}",
            slug="plan-unwritable",
            hint="Choose another place with --plan FILE.",
        ) from error


def _directive(path: Path) -> str:
    """The line by which editors know the plan's schema (``#:schema PATH``), if a person put one into the plan that is there."""
    with contextlib.suppress(OSError, UnicodeDecodeError, RuntimeError):
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                for line in itertools.islice(file, _HEADING.count("\n") + 2):
                    if line.startswith("#:schema ") and len(line) < 500:
                        return line.rstrip("\n") + "\n"
    return ""


def _seen_from(path: Path, cwd: str) -> str:
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # RuntimeError: a loop of links, up to Python 3.12
        folder, there = path.resolve().parent, Path(cwd)
        if there.is_relative_to(folder):
            return there.relative_to(folder).as_posix()
        if folder.is_relative_to(there):
            return "/".join([".."] * len(folder.relative_to(there).parts))
    return cwd


def _replace(path: Path, content: bytes) -> None:
    draft = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.tmp"
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _sorted(plan: HookPlan) -> HookPlan:
    """The plan with its tests sorted."""
    chosen = plan.selection
    selection = Selection(
        feature_tests=tuple(sorted(chosen.feature_tests)),
        rest_tests=tuple(sorted(chosen.rest_tests)),
        moved_to_feature=tuple(sorted(chosen.moved_to_feature)),
        moved_to_rest=tuple(sorted(chosen.moved_to_rest)),
        outside=chosen.outside,
    )
    points = tuple(dataclasses.replace(point, covers=tuple(sorted(point.covers))) for point in plan.hook_points)
    return dataclasses.replace(plan, selection=selection, hook_points=points)


def _feature(plan: HookPlan) -> Iterator[str]:
    yield "\n[[feature]]\n"
    for key, text in (
        ("name", plan.feature),
        ("package", plan.package),
        ("distribution", plan.distribution),
        ("version", plan.version),
        ("charge", plan.charge.value),
        ("policy", plan.policy.value),
        ("with", plan.with_command),
        ("without", plan.without_command),
        ("cwd", plan.cwd),
    ):
        yield f"{key} = {_quote(text)}\n"
    if plan.against:
        yield _AGAINST + _list("against", plan.against)
    yield from _guidance(plan.guidance)
    yield _list("warnings", plan.warnings)
    yield f"{_SLICE}intersection = {plan.intersection}\nunion = {plan.union}\n"
    yield _list("functions", plan.slice_functions)
    for point in plan.hook_points:
        yield from _hook_point(point)
    for alternative in plan.alternatives:
        yield from _alternative(alternative)
    yield _SELECTION
    yield _list("feature_tests", plan.selection.feature_tests)
    yield _list("rest_tests", plan.selection.rest_tests)
    yield _MOVED
    yield _list("moved_to_feature", plan.selection.moved_to_feature)
    yield _list("moved_to_rest", plan.selection.moved_to_rest)
    yield f"{_OUTSIDE}outside = {_quote(plan.selection.outside.value)}\n"


def _guidance(guidance: Guidance) -> Iterator[str]:
    lines = _list("at", guidance.at) if guidance.at else ""
    lines += _list("exclude", guidance.exclude) if guidance.exclude else ""
    lines += f"max_hooks = {guidance.max_hooks}\n" if guidance.max_hooks is not None else ""
    if lines:
        yield _GUIDANCE + lines


def _hook_point(point: HookPoint) -> Iterator[str]:
    fires = point.fires
    yield "\n[[feature.hook_point]]\n"
    yield f"id = {_quote(point.id)}\n"
    yield f"why = {_quote(point.why)}\n"
    yield from _place(point.code, point.line)
    yield f"offset = {point.offset}\n"
    yield f"digest = {_quote(point.digest)}\n"
    yield f"fires = {{ once = {fires.once}, more = {fires.more}, unknown = {fires.unknown} }}\n"
    yield _list("unproven", point.unproven)
    yield _list("covers", point.covers)


def _alternative(alternative: Alternative) -> Iterator[str]:
    yield "\n[[feature.alternative]]\n"
    yield f"why_not = {_quote(alternative.why_not)}\n"
    yield from _place(alternative.code, alternative.line)
    yield f"feature_tests = {alternative.feature_tests}\n"
    yield f"rest_tests = {alternative.rest_tests}\n"


def _place(code: CodeId, line: int) -> Iterator[str]:
    yield f"file = {_quote(code.file)}\n"
    yield f"qualname = {_quote(code.qualname)}\n"
    yield f"first_line = {code.first_line}\n"
    yield f"line = {line}\n"


def _list(key: str, texts: Iterable[str]) -> str:
    lines = "".join(f"  {_quote(text)},\n" for text in texts)
    return f"{key} = [\n{lines}]\n" if lines else f"{key} = []\n"


def _quote(text: str) -> str:
    """A TOML basic string; what cannot be seen is escaped, so that a reviewer sees all there is."""
    quoted = "".join(map(_escape, text))
    try:
        quoted.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the plan cannot hold the text {text!r}: it is not valid Unicode",
            slug="plan-text",
            hint="Commands, test ids and names must be valid Unicode; look for bytes that are not UTF-8.",
        ) from error
    return f'"{quoted}"'


def _escape(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    return character if character.isprintable() or "\ud800" <= character <= "\udfff" else _by_number(ord(character))


def _by_number(number: int) -> str:
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"
