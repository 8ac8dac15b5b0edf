"""Which score sorts tests best: for each, how well the users of a feature that it finds agree with those who execute the truth.

python benchmarks/scores.py                             every recipe with a ground truth
python benchmarks/scores.py sqlparse-format tablib-xlsx some of them
python benchmarks/scores.py --folder KEPT               keep the environments there, and find them again

A figure is the Jaccard index of the two sets of tests: 1 where they are the same. Each score is tried in the very search that
`analyze` makes. "as selected" is the user's selection by name, unsorted.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from math import sqrt
from pathlib import Path

from measure import Report, say
from recipes import Recipe, choose, prepare, read_recipes, recipe_options, working_folder

from meterize.errors import MeterizeError
from meterize.installed import locate
from meterize.model.coverage import CoverageRecord, Outcome
from meterize.pipeline.analysis.probes import probe_build
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.sources import PackageCode
from meterize.refining import Score, kulczynski, refine
from meterize.testruns import RunEnvironment, collect

Runs = Mapping[str, CoverageRecord]


def ochiai(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001  # as Score has it
    return both / sqrt(users * met)


def jaccard(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001
    return both / (users + met - both)


def f2(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001
    return 5 * both / (4 * users + met)


def tarantula(both: int, users: int, met: int, everyone: int) -> float:
    own, other = both / users, (met - both) / max(1, everyone - users)
    return own / (own + other) if both else 0.0


def op2(both: int, users: int, met: int, everyone: int) -> float:
    return (both - (met - both) / (everyone - users + 1)) / users


def dstar(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001
    suspicion = both * both / max(1e-9, met + users - 2 * both)
    return suspicion / (1 + suspicion)


def barinel(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001
    return both / met


SCORES: Mapping[str, Score] = {
    "Kulczyński 2": kulczynski,
    "Ochiai": ochiai,
    "Jaccard": jaccard,
    "D*": dstar,
    "F2": f2,
    "Tarantula": tarantula,
    "Barinel": barinel,
    "Op2": op2,
}


def agreement(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def users_as_selected(runs: Runs) -> set[str]:
    rest = {test.id for test in runs["without"].tests}
    return {test.id for test in runs["with"].tests if test.outcome is not Outcome.SKIPPED} - rest


def users_in_truth(runs: Runs, recipe: Recipe, code: PackageCode) -> set[str]:
    """The tests that execute a place of the ground truth: a function, or one line of it."""
    places = [tuple(place.split(":")) for place in recipe.ground_truth]
    found = set()
    for test in (test for run in runs.values() for test in run.tests if test.outcome is not Outcome.SKIPPED):
        for name, mask in test.executed.items():
            for file, qualname, *line in places:
                if (name.file, name.qualname) != (file, qualname):
                    continue
                lines = {at for start, _, at in code.codes(name.file)[name].co_lines() if at and mask >> (start >> 1) & 1}
                if not line or int(line[0]) in lines:
                    found.add(test.id)
    return found


def users_by(score: Score, runs: Runs, graphs: Graphs) -> set[str]:
    refinement = refine(runs["with"], runs["without"], graphs.of(runs["with"]), score=score)
    if refinement is None:
        return users_as_selected(runs)
    stays = users_as_selected(runs) - {*refinement.moved_to_rest}
    return stays | {*refinement.moved_to_feature}


def record(recipe: Recipe, folder: Path) -> tuple[Runs, PackageCode]:
    prepared = prepare(recipe, folder)
    if recipe.sample:
        sites = [prepared.variables["PYTHONPATH"]]
    else:
        sites = [str(site) for site in (prepared.python.parent.parent / "lib").glob("python*/site-packages")]
    package = locate(recipe.package, sites)
    code = PackageCode(package)
    environment = RunEnvironment(python=prepared.python, variables=dict(prepared.variables))
    commands = {"without": prepared.without_command, "with": prepared.with_command}
    with probe_build(code) as probes:
        runs = {
            name: collect(
                command,
                cwd=prepared.cwd,
                package=package,
                environment=environment,
                timeout=600,
                on_progress=None,
                probes=probes,
            )
            for name, command in commands.items()
        }
    return runs, code


def compare(recipes: Iterable[Recipe], folder: Path) -> Report:
    rows: list[list[object]] = []
    columns: dict[str, list[float]] = {"as selected": [], **{name: [] for name in SCORES}}
    for recipe in recipes:
        if not recipe.ground_truth or recipe.explained or recipe.fails_here:
            continue
        say(recipe.name)
        try:
            runs, code = record(recipe, folder)
        except MeterizeError as error:
            say(f"  left out: {error}")
            continue
        truth, graphs = users_in_truth(runs, recipe, code), Graphs(code)
        found = {"as selected": users_as_selected(runs)} | {n: users_by(score, runs, graphs) for n, score in SCORES.items()}
        for name, users in found.items():
            columns[name].append(agreement(users, truth))
        rows.append([recipe.name, *(f"{columns[name][-1]:.2f}" for name in columns)])
    if rows:
        rows.append(["mean", *(f"{statistics.mean(values):.3f}" for values in columns.values())])
        rows.append(["exact", *(f"{sum(value == 1 for value in values)} of {len(values)}" for values in columns.values())])
    report = Report("scores")
    report.add("Who uses the feature: agreement with the truth", ["", *columns], rows, "Jaccard index of two sets of tests")
    return report


def main() -> None:
    given = recipe_options(__doc__ or "").parse_args()
    with working_folder(given.folder) as folder:
        report = compare(choose(given, read_recipes().values()), folder)
    report.show(given)


if __name__ == "__main__":
    main()
