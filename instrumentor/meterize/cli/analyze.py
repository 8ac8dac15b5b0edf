"""``meterize analyze``: find a feature's own instructions and the places that notice one use."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from rich.markup import escape

from meterize.errors import UsageError
from meterize.model.feature import Charge, Feature, Guidance
from meterize.model.running import Running
from meterize.pipeline.analysis.analyze import analyze as find
from meterize.pipeline.analysis.features import analyze_features as find_all
from meterize.pipeline.target import Target
from meterize.refining import Refinement, explain

from . import output
from .analysis import as_mapping, show
from .completion import complete_packages
from .options import running_options, timeout_option

_IN_FILE: Final = {"name", "with_command", "without_command", "cwd", "charge", "at", "exclude", "max_hooks"}


@click.command()
@click.argument("package", shell_complete=complete_packages)
@click.option("--feature", "name", metavar="NAME", help="A name for the feature; it stands in plans and bills.")
@click.option("--with", "with_command", metavar="CMD", help="Runs the tests that use the feature.")
@click.option("--without", "without_command", metavar="CMD", help="Runs the tests of everything else.")
@click.option("--features", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Several features in one go, each told apart from all the others: TOML, as above.")  # fmt: skip
@click.option(
    "--cwd", type=click.Path(file_okay=False, exists=True, path_type=Path), default=".", help="Run both commands here."
)
@click.option(
    "--plan", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan here [PACKAGE.FEATURE.plan.toml]."
)
@click.option("--charge", type=click.Choice([c.value for c in Charge]), default=Charge.ON_ENTRY.value, show_default=True,
              help="Count a use when it begins, or when it has succeeded.")  # fmt: skip
@click.option("--refine/--no-refine", default=None,
              help="Sort tests by what they execute, if that differs.  [default: ask on a terminal, else don't]")  # fmt: skip
@click.option(
    "--at", multiple=True, metavar="MODULE:QUALNAME[:LINE]", help="Hook this place, whatever else there is; repeat it for more."
)
@click.option(
    "--exclude", multiple=True, metavar="MODULE[:QUALNAME]", help="Leave these functions alone (* stands for anything)."
)
@click.option("--max-hooks", type=click.IntRange(min=1), metavar="N", help="At most so many hook points.")
@timeout_option
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="Keep what ran as a coverage.py data file.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write all evidence as one HTML page.")
@output.json_option
@running_options
@click.pass_obj
def analyze(
    target: Target,
    package: str,
    name: str | None,
    with_command: str | None,
    without_command: str | None,
    features: Path | None,
    cwd: Path,
    plan: Path | None,
    charge: str,
    at: tuple[str, ...],
    exclude: tuple[str, ...],
    max_hooks: int | None,
    timeout: float | None,
    data: Path | None,
    page: Path | None,
    refine: bool | None,
    running: Running,
    as_json: bool,
) -> None:
    """Find the code of one feature of PACKAGE and choose where to notice its use.

    PACKAGE is an import or distribution name. CMD is any shell command that runs tests: pytest, unittest, a script.

    \b
    Example:
      meterize analyze tablib --feature xlsx \\
        --with 'python -m pytest tests -k xlsx' --without 'python -m pytest tests -k "not xlsx"'

    \b
    A FILE of features. Each may have what the options below say, a policy ("once" or "every"), and a package
    of its own; [rest] runs the tests that use none of them:
      [feature.xlsx]
      with = "python -m pytest tests -k xlsx"
      policy = "every"
      [feature.html]
      with = "python -m pytest tests -k html"
      [rest]
      command = "python -m pytest tests -k 'not xlsx and not html'"
    """
    how: dict[str, Any] = {"plan_path": plan, "data_path": data, "page_path": page, "timeout": timeout, "target": target}
    how["running"] = running
    guidance = Guidance(at=at, exclude=exclude, max_hooks=max_hooks)
    with output.progress(as_json=as_json) as progress:
        accept = partial(_may_move, refine, progress, as_json)
        if features is not None:
            _require_alone(click.get_current_context())
            found = find_all(package, features, accept=accept, progress=progress, **how)
        else:
            feature = Feature(
                name=_given("--feature", name),
                with_command=_given("--with", with_command),
                without_command=_given("--without", without_command),
                cwd=_existing(cwd),
                charge=Charge(charge),
                guidance=guidance,
            )
            found = (find(package, feature, accept=partial(accept, feature.name), progress=progress, **how),)
    if not as_json:
        show(found)
    elif features is None:
        output.print_json(as_mapping(found[0]))
    else:
        output.print_json({"plan": str(found[0].plan_path), "features": [as_mapping(each) for each in found]})


def _given(option: str, value: str | None) -> str:
    if value is None:
        raise click.UsageError(f"Missing option '{option}' (or name a file of features with '--features').")
    return value


def _require_alone(context: click.Context) -> None:
    """Refuse options that a file of features has for each of them."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in _IN_FILE and source is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"'{parameter.opts[0]}' goes into the file that '--features' names: each feature has its own."
            )


def _existing(cwd: Path) -> Path:
    try:
        return cwd.resolve(strict=True)
    except OSError as error:  # the working folder itself has been removed
        raise UsageError(
            f"the folder to run the tests in is not there: {cwd}", slug="cwd-missing", hint="Name an existing folder (--cwd)."
        ) from error


def _may_move(refine: bool | None, progress: output.Reporter, as_json: bool, feature: str, refinement: Refinement) -> bool:
    """Whether to move the tests that sit on the wrong side: as was said, else as the person at the terminal says."""
    if refine is not None or as_json or not sys.stdin.isatty() or not sys.stderr.isatty():
        return bool(refine)
    progress.close()
    output.say(f"Feature [bold cyan]{escape(feature)}[/]:")
    for sentence in explain(refinement):
        output.say(f"[yellow]●[/] {escape(sentence)}")
    return click.confirm("Sort these tests by what they execute?", default=True, err=True)
