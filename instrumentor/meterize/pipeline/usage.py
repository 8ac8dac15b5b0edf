"""Who used what, and what hooks do now: from the spool, or from a ledger."""

from __future__ import annotations

import os
import time
from pathlib import Path

from meterize.errors import TargetError, UsageError
from meterize.ledger_client import LedgerSettings
from meterize.ledger_client import answer_question as ask_ledger
from meterize.model.usage import Question, Unmetered, UsageAnswer
from meterize.spool import LiveProcess, default_spool, read_states, read_uses
from meterize.spool import answer_question as ask_spool


def usage(question: Question, source: LedgerSettings | Path | None = None) -> UsageAnswer:
    """What a ledger or a spool answers (None: METERIZE_SPOOL, else under the XDG state folder).

    Raises AwayError if the ledger does not answer now, TargetError, also where a spool may not be read, and UsageError, also if
    one that was asked for is not there; the usual one comes with the first use.
    """
    if isinstance(source, LedgerSettings):
        return ask_ledger(source, question)
    return ask_spool(_folder(source), question)


def unmetered() -> tuple[Unmetered, ...]:
    """What processes could not meter, by the usual spool."""
    return read_uses(default_spool(os.environ)).unmetered


def hooks(spool: Path | None = None) -> tuple[Path, list[LiveProcess], list[str]]:
    """The spool that was read, the processes that count now with their hooks, what could not be read.

    Raises UsageError, TargetError.
    """
    folder = _folder(spool)
    return folder, *read_states(folder, time.time())


def _folder(spool: Path | None) -> Path:
    folder = default_spool(os.environ) if spool is None else spool
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        if spool is not None:
            raise UsageError(
                f"there is no folder {spool}: that would read as if nobody had used anything",
                slug="no-spool",
                hint="Name the folder that metered processes write to (their METERIZE_SPOOL), or leave out --spool.",
            ) from None
    except OSError as error:
        raise TargetError(
            f"{folder} cannot be read ({error.strerror}): that would read as if nobody had used anything",
            slug="spool-unreadable",
            hint="A spool is open to the user of the metered processes alone: run the command as that user, or as root.",
        ) from error
    return folder
