"""``meterize agent``: starts the agent, which is a part of the runtime and imports nothing of the tool."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from meterize.errors import InternalError

from . import output

RUNTIME: Final = "meterize_hooks"
BOOT: Final = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from runpy import run_module; run_module('meterize_hooks.agent', run_name='__main__', alter_sys=True)"
)
"""``python -m meterize_hooks.agent``, with its folder last on the path: of what else lies there nothing is imported."""

_seconds = click.FloatRange(min=0, min_open=True, max=86_400)
_count = click.IntRange(min=1)


@click.command()
@click.option("--ledger", metavar="URL", help="Where the ledger is.  [default: $METERIZE_LEDGER]")
@click.option("--spool", multiple=True, metavar="DIR",
              help="Where metered processes count; may be given many times.  [default: as of `usage`]")  # fmt: skip
@click.option(
    "--token-file", metavar="FILE", help="A file that holds the token.  [default: $METERIZE_TOKEN_FILE, $METERIZE_TOKEN]"
)
@click.option(
    "--ca-file", metavar="FILE", help="CA certificates to trust for https.  [default: $METERIZE_CA_FILE, the system's]"
)
@click.option("--seconds", type=_seconds, metavar="N", help="Pause between rounds [1].")
@click.option("--timeout", type=_seconds, metavar="N", help="Longest request [10].")
@click.option("--longest-wait", type=_seconds, metavar="N", help="Longest pause while the ledger is not there [60].")
@click.option("--items", type=_count, metavar="N", help="Counters in a request, at most [1000].")
@click.option("--body-bytes", type=_count, metavar="N", help="Size of a request, about, at most [524288].")
@click.option("--metrics", metavar="[HOST:]PORT", help="Answer /health and /metrics here [off].")
@click.option("--once", is_flag=True, help="One round, then end: 0 if the ledger took everything, else 1.")
@output.json_option
def agent(as_json: bool, once: bool, spool: tuple[str, ...], **given: Any) -> None:
    """Bring counts from the spool to the ledger, until told to end; run one on each machine.

    The token never stands on a command line, where others can see it.

    \b
    Example:
      meterize agent --ledger https://ledger.example.com --token-file /etc/meterize/token
    """
    arguments = [word for folder in spool for word in ("--spool", folder)]
    for name, value in given.items():
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    _become([*arguments, *(["--once"] if once else []), *(["--json"] if as_json else [])])


def _become(arguments: list[str]) -> NoReturn:
    """Replace this process by the agent's: the supervisor that started us watches it from now on."""
    found = PathFinder.find_spec(RUNTIME)  # importlib.util.find_spec stops at the entry in sys.modules
    if found is None or found.origin is None:
        raise InternalError(f"the tool's own copy of {RUNTIME} is missing")
    # -I and -S: no variable and no .pth file of the environment has a say in it.
    command = [sys.executable, "-I", "-S", "-c", BOOT, str(Path(found.origin).parents[1]), *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter
