"""``meterize ledger serve``."""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from meterize_ledger.api.server import bind
from meterize_ledger.api.server import serve as answer_requests
from meterize_ledger.api.settings import Limits
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.store.alone import alone

from . import output

USUAL = Limits()


@click.command()
@output.database_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8990, show_default=True, type=output.Whole(0, 65535), help="0 takes a free one.")
@click.option("--max-body", default=USUAL.body, show_default=True, type=output.Whole(1), help="Bytes of one request.")
@click.option("--max-items", default=USUAL.items, show_default=True, type=output.Whole(1), help="Items of one request.")
@click.option(
    "--rate", default=USUAL.rate, show_default=True, type=output.Number(0.001), help="Requests a second of one token."
)
@output.json_option
def serve(database: str | None, host: str, port: int, max_body: int, max_items: int, rate: float, as_json: bool) -> None:
    """Receive usage and answer questions over HTTP, until it is told to end (SIGTERM, Ctrl-C).

    Behind a reverse proxy that speaks TLS: tokens are sent in the clear.
    """
    limits = Limits(body=max_body, items=max_items, rate=rate, burst=max(1, round(2 * rate)))
    opened = open_ledger(database)
    try:
        with alone(opened), bind(host, port) as listening:
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}:{listening.getsockname()[1]}"
            if as_json:
                output.print_json({"url": url, "database": opened.name})
                sys.stdout.flush()
            else:
                output.say(f"The ledger {opened.name} answers at {url}")
            with suppress(KeyboardInterrupt):  # to be told to end is how a server ends
                answer_requests(opened, listening, limits)
    finally:
        opened.close()
