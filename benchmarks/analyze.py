"""What ``meterize analyze`` takes against the two suites that it runs: CPU seconds, of all processes.

python benchmarks/analyze.py                                the recipes of recipes.toml that have something to find
python benchmarks/analyze.py sqlparse-format tablib-xlsx    some of them
python benchmarks/analyze.py --folder KEPT                  keep the environments there, and find them again
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from measure import Report, Samples, Shown, cpu_of, say, summarize, take_in_turns
from recipes import Prepared, Recipe, choose, prepare, read_recipes, recipe_options, working_folder


def analyze(prepared: Prepared) -> float:
    """CPU seconds of the whole command, with nothing kept from an earlier one. One suite runs after the other, as the bare ones
    do: two at the same time take more CPU each, on cores that share a cache."""
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        options = ["--refine", "--jobs", "1", "--plan", f"{folder}/plan.toml"]
        command = [str(prepared.python), "-m", "meterize", "analyze", *prepared.selected, *options]
        return cpu_of(command, cwd=prepared.cwd, environment={**prepared.variables, "XDG_CACHE_HOME": folder})


def measure(recipes: Iterable[Recipe], folder: Path, rounds: int) -> Report:
    rows: list[list[object]] = []
    for recipe in recipes:
        prepared = prepare(recipe, folder)
        say(f"{recipe.name}: {rounds} rounds")
        prepared.bare()  # so that every .pyc file is there
        samples: Samples = take_in_turns({"bare": prepared.bare, "analyze": lambda: analyze(prepared)}, rounds)  # noqa: B023
        ratios = [one / other for one, other in zip(samples["analyze"], samples["bare"], strict=True)]
        bare, whole = (Shown(figure=summarize(samples[key]), pattern="{:.2f} s") for key in ("bare", "analyze"))
        more = summarize(samples["analyze"]).median - summarize(samples["bare"]).median
        rows.append([recipe.name, bare, whole, f"{more:+.2f} s", Shown(figure=summarize(ratios), pattern="{:.2f}×")])
    report = Report("analyze")
    note = f"CPU time of all processes; median of {rounds} rounds, lowest to highest"
    report.add("To analyze a feature", ["", "both suites, bare", "analyze", "added", "ratio"], rows, note)
    return report


def main() -> None:
    given = recipe_options(__doc__ or "").parse_args()
    recipes = [recipe for recipe in read_recipes().values() if not recipe.explained and not recipe.fails_here]
    with working_folder(given.folder) as folder:
        report = measure(choose(given, recipes), folder, given.repeats or (1 if given.quick else 5))
    report.show(given)


if __name__ == "__main__":
    main()
