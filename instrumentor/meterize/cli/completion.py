"""Shell completion: the script to source, and the names that exist in this environment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from zoneinfo import available_timezones

import click
from click.shell_completion import CompletionItem, get_completion_class

from meterize.errors import MeterizeError
from meterize.installed import manifests
from meterize.model.own_files import PLAN_BEGINS
from meterize.model.usage import DIMENSIONS, UNITS
from meterize.pipeline.target import Target
from meterize.spool import default_spool, read_uses


def complete_packages(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of installed distributions that begin with what was typed."""
    return _beginning(incomplete, (str(found.metadata["Name"]) for found in distributions() if found.metadata["Name"]))


def complete_metered(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the distributions with hooks in them that begin with what was typed."""
    target = context.find_object(Target) or Target()
    names: set[str] = set()
    with suppress(MeterizeError, OSError):  # the command itself will say what is wrong
        for site in target.sites():
            names.update(manifest.distribution for manifest in manifests(site))
    return _beginning(incomplete, names)


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in frozenset(names) if name.lower().startswith(incomplete.lower()))


def complete_plans(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Plans, or where nothing says that it is one any TOML file, and folders; folders alone are left to the shell, which sets
    no blank behind them."""
    head, tail = os.path.split(incomplete)
    entries: list[Path] = []
    with suppress(OSError, RuntimeError):  # RuntimeError: a ~user that nobody is
        entries = sorted(path for path in Path(head or ".").expanduser().iterdir() if _is_meant(path.name, tail))
    files = [path for path in entries if path.suffix == ".toml" and path.is_file()]
    plans = [path for path in files if _is_plan(path)] or files
    if not plans:
        return [CompletionItem(incomplete, type="dir")]
    folders = [os.path.join(head, path.name, "") for path in entries if path.is_dir()]  # noqa: PTH118 - as it was typed
    return [CompletionItem(each) for each in (*(os.path.join(head, path.name) for path in plans), *folders)]  # noqa: PTH118


def complete_by(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The words of --by that go on after the last comma, but those before it; one unit of time is enough."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    units = () if set(given) & set(UNITS) else UNITS
    return [f"{before}{comma}{word}" for word in (*DIMENSIONS, *units) if word.startswith(last) and word not in given]


def complete_features(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Features that are in the spool; what a ledger holds nobody wants to wait for."""
    folder = context.params.get("spool") or default_spool(os.environ)
    return _beginning(incomplete, (total.feature for total in read_uses(folder).totals))


def complete_zones(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Time zones that this machine knows."""
    return _beginning(incomplete, available_timezones())


def _is_meant(name: str, typed: str) -> bool:
    return name.startswith(typed) and name.startswith(".") == typed.startswith(".")


def _is_plan(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PLAN_BEGINS)) == PLAN_BEGINS
    except OSError:
        return False


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
