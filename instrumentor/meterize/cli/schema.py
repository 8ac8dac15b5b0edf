"""``meterize schema``: the JSON Schema of the plan, for editors and for checks without the tool."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of plans (*.plan.toml), for editors and reviews.

    \b
    Example:
      meterize schema > plan.schema.json
    """
    click.echo(files("meterize.plan_file").joinpath("plan.schema.json").read_text(encoding="utf-8"), nl=False)
