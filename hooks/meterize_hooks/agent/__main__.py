"""``python -m meterize_hooks.agent``: one agent for the spools of this machine, until it is told to end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace

from .rounds import Agent
from .settings import Settings, SettingsError, checked_address, from_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .metrics import Metrics
    from .service import Service

ENDINGS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
MISUSED = 2
JSON_SCHEMA = 1
"""The version of the form of answers, as in docs/json-output.md."""


def main(arguments: Sequence[str]) -> int:
    """Run until a signal says to end; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        settings.token()
        agent = Agent(settings, should_stop=_was_told_to_end)
        # Signals wait until they are asked for: no round is broken off in its middle, and threads inherit the mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        service = _serve(settings, agent)
    except SettingsError as error:
        return _explain(error, as_json=options.json)
    try:
        if options.once:
            agent.round()
            is_well, what = agent.metrics.health()
            if options.json:
                sys.stdout.write(json.dumps({"schema": JSON_SCHEMA, **what}, indent=2) + "\n")
            elif not agent.metrics.failures:
                sys.stderr.write(f"meterize agent: {_what_was_done(agent.metrics)}\n")
            return int(not is_well)
        _work(agent)
        agent.should_stop = lambda: False
        agent.round(settings.last_round)
        return 0
    finally:
        agent.close()
        if service is not None:
            service.close()


def _what_was_done(metrics: Metrics) -> str:
    if not metrics.counters and not metrics.removed:
        return "there was nothing to send, and the ledger is there"
    counters, processes, removed = (
        f"{number:,} {word if number == 1 else plural}"
        for number, word, plural in (
            (metrics.counters, "total", "totals"),
            (metrics.processes, "process", "processes"),
            (metrics.removed, "file", "files"),
        )
    )
    return f"the ledger has confirmed {counters} of {processes}; {removed} removed"


def _explain(error: SettingsError, *, as_json: bool) -> int:
    if as_json:
        what = {"slug": error.slug, "message": str(error), "hint": error.hint}
        sys.stdout.write(json.dumps({"schema": JSON_SCHEMA, "error": what}, indent=2) + "\n")
    else:
        sys.stderr.write(f"error ({error.slug}): {error}\n\n{error.hint}\n")  # as the tool's commands have it
    return MISUSED


def _work(agent: Agent) -> None:
    """Rounds, until a signal comes."""
    pause = 0.0
    while signal.sigtimedwait(ENDINGS, pause) is None:
        pause = agent.round()


def _was_told_to_end() -> bool:
    return bool(signal.sigpending() & ENDINGS)


def _serve(settings: Settings, agent: Agent) -> Service | None:
    if settings.metrics is None:
        return None
    from .service import Service

    service = Service(settings.metrics, agent.metrics)
    sys.stderr.write(f"meterize agent: /health and /metrics at {service.address[0]}:{service.address[1]}\n")
    return service


def _settings(options: argparse.Namespace) -> Settings:
    given = from_environment(os.environ, options.spool, options.ledger)
    settings = Settings(**given)  # type: ignore[arg-type]
    numbers = {name: getattr(options, name) for name in ("seconds", "timeout", "longest_wait", "items", "body_bytes")}
    return replace(
        settings,
        token_file=options.token_file or settings.token_file,
        authorities=options.ca_file or settings.authorities,
        once=options.once,
        metrics=checked_address(options.metrics) if options.metrics else None,
        **{name: value for name, value in numbers.items() if value is not None},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meterize agent",
        allow_abbrev=False,
        description="Bring the counts of metered processes from the spool to the ledger, at least once, each counted once.",
        epilog="The token is read from --token-file or METERIZE_TOKEN, never from the command line, which others can see.",
    )
    add = parser.add_argument
    add("--ledger", metavar="URL", default="", help="the ledger  [METERIZE_LEDGER]")
    add("--spool", metavar="DIR", action="append", default=[], help="a spool folder; may be given many times  [METERIZE_SPOOL]")
    add("--token-file", metavar="FILE", default="", help="a file that holds the token  [METERIZE_TOKEN_FILE, METERIZE_TOKEN]")
    add("--ca-file", metavar="FILE", default="", help="CA certificates to trust for https  [METERIZE_CA_FILE, the system's]")
    add("--seconds", type=_positive, metavar="N", help="pause between rounds  [1]")
    add("--timeout", type=_positive, metavar="N", help="longest request  [10]")
    add("--longest-wait", type=_positive, metavar="N", help="longest pause while the ledger is not there  [60]")
    add("--items", type=_count, metavar="N", help="counters in a request, at most  [1000]")
    add("--body-bytes", type=_count, metavar="N", help="size of a request, at most, about  [524288]")
    add("--metrics", metavar="[HOST:]PORT", default="", help="answer /health and /metrics here  [off]")
    add("--once", action="store_true", help="one round, then end: 0 if the ledger took everything, else 1")
    add("--json", action="store_true", help="with --once: say on stdout how it went, as JSON")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 86_400:
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
