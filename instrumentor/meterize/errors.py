"""Every error of the tool: what was wrong, where, and what to do next.

An error carries a ``slug`` (its anchor in ``docs/errors.md``), a ``hint`` (the next step) and an ``exit_code``:
1 findings, 2 usage, 3 the user's tests failed, 4 target or environment, 70 our bug.
"""

from __future__ import annotations

from typing import ClassVar


class MeterizeError(Exception):
    """The root of the family; the command line shows ``message`` and ``hint`` and exits with ``exit_code``."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, slug: str, hint: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.slug = slug
        self.hint = hint
        self.details = details


class UsageError(MeterizeError):
    """The command cannot mean anything: bad options, a plan that is no plan."""

    exit_code = 2


class NothingFound(MeterizeError):
    """The work was done and there is nothing to meter."""

    exit_code = 1


class TestsError(MeterizeError):
    """The user's tests failed, did not end, or could not be found."""

    __test__ = False  # not a test class, whatever pytest makes of its name
    exit_code = 3


class TargetError(MeterizeError):
    """The package or its environment cannot be worked on."""

    exit_code = 4


class AwayError(TargetError):
    """What was asked does not answer now, and may again; ``seconds`` is how long it wants to be left alone."""

    seconds: float = 0.0


class PartError(MeterizeError):
    """An error of another part of the project, which the tool shows as its own; the parts share no class, only this form."""

    @classmethod
    def of(cls, error: Exception) -> PartError | None:
        """The error in the tool's form; None if it lacks a message, a slug, a hint or an exit code."""
        message, slug, hint, code = (getattr(error, name, None) for name in ("message", "slug", "hint", "exit_code"))
        if not (isinstance(message, str) and isinstance(slug, str) and isinstance(hint, str) and isinstance(code, int)):
            return None
        problems = tuple(map(str, getattr(error, "problems", ())))
        found = cls(message, slug=slug, hint=hint, details=problems)
        found.exit_code = code  # type: ignore[misc]
        return found


class InternalError(MeterizeError):
    """Our bug."""

    exit_code = 70

    def __init__(self, message: str, *, details: tuple[str, ...] = ()) -> None:
        super().__init__(
            message,
            slug="internal",
            hint="This is a defect of meterize: please report it with the text above.",
            details=details,
        )


class UnsoundRewrite(InternalError):
    """Our bug, found before anything was written."""

    def __init__(self, message: str, *, details: tuple[str, ...] = ()) -> None:
        MeterizeError.__init__(
            self,
            message,
            slug="rewrite-unsound",
            hint="Nothing was written. This is a defect of meterize: please report it with the text above.",
            details=details,
        )
