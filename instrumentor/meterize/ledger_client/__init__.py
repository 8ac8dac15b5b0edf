"""Asks a ledger who used what, over HTTP; it never sends anything but questions."""

from __future__ import annotations

from meterize.model.usage import Question, UsageAnswer

from .settings import LedgerSettings, find_ledger

__all__ = ["LedgerSettings", "answer_question", "find_ledger"]


def answer_question(ledger: LedgerSettings, question: Question) -> UsageAnswer:
    """The uses that the ledger has recorded, and all losses that it was told of.

    Raises AwayError if it does not answer now, TargetError, UsageError.
    """
    from .answering import ask  # HTTP and TLS take longer to import than a spool takes to read

    return ask(ledger, question)
