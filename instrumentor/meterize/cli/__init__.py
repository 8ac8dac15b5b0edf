"""The ``meterize`` command: one file a command, rich and JSON views. The only place that prints."""

import gc
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""
GIVEN_PYTHON = "METERIZE_GIVEN_PYTHON"
"""Tells the process that another interpreter runs what --python was; it is taken out of its environment at once."""


def main(search_path: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; ``search_path`` is where the target's packages are, if not ``sys.path``."""
    # The tool's own process never counts, even where click, rich or coverage are metered themselves: with this entry
    # the arming prologue of a rewritten module finds no runtime, which it takes for "unmetered". Before any third-party import.
    sys.modules["meterize_hooks"] = None  # type: ignore[assignment]
    # Records and graphs are kept to the end, and looking through them for garbage every 700 objects takes a tenth of the time.
    gc.set_threshold(50_000, 20, 100)
    try:
        if search_path is None:
            _hand_over()
        from .app import run

        code = run(sys.argv[1:], search_path)
    except KeyboardInterrupt:  # Ctrl-C before the command line had its hands on anything
        code = INTERRUPTED
    if code == INTERRUPTED:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # another must not hit Python while it takes itself apart
    sys.exit(code)


def _hand_over() -> None:
    """With --python, leave before all the imports that only the other interpreter will need."""
    from meterize.errors import MeterizeError

    from .elsewhere import asked_for, hand_over

    arguments = sys.argv[1:]
    if "_METERIZE_COMPLETE" in os.environ:  # a shell asks how the line goes on (click's documentation, "Shell Completion")
        with suppress(ValueError):  # in the middle of a quotation
            arguments = shlex.split(os.environ.get("COMP_WORDS", ""))[1:]
    python = asked_for(arguments)
    if python is not None:
        with suppress(MeterizeError):  # the command line comes to it again, and says so
            hand_over(python, sys.argv[1:])
