"""Shell completion: the script to source, and the names that exist in this environment."""

from __future__ import annotations

from importlib.metadata import distributions

import click
from click.shell_completion import get_completion_class


def complete_packages(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of installed distributions that begin with what was typed."""
    names = {str(found.metadata["Name"]) for found in distributions() if found.metadata["Name"]}
    return sorted(name for name in names if name.lower().startswith(incomplete.lower()))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    Example:
      eval "$(meterize completion bash)"
    """
    from .app import app

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(app, {}, "meterize", "_METERIZE_COMPLETE").source())
