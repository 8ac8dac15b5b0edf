"""The whole way on real packages: analyze, instrument, verify, strip; each by the command line, in an environment of its own.

python benchmarks/cases.py                             every recipe of recipes.toml
python benchmarks/cases.py sqlparse-format tablib-xlsx some of them
python benchmarks/cases.py --folder KEPT               keep the environments there, and find them again
python benchmarks/cases.py --readme                    the table of README.md

The tests are selected by name, as a user would, and sorted by what they execute (--refine). Exit code 1 unless each case ends
as it should: the verdict is "passed", every file is again what it was byte for byte, and the place chosen first is in the
recipe's ground truth or among those that docs/placement.md defends; or, where there is nothing to meter, `analyze` says so.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Report, run_measured, say
from recipes import Prepared, Recipe, choose, prepare, read_recipes, recipe_options, working_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one case ended: the JSON answers of the commands, by name; seconds are CPU time."""

    recipe: Recipe
    answers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    is_identical: bool = False
    bare_seconds: float = 0.0
    analyze_seconds: float = 0.0

    @property
    def error(self) -> str:
        """The slug of the command that failed."""
        return next((answer["error"]["slug"] for answer in self.answers.values() if "error" in answer), "")

    @property
    def points(self) -> list[dict[str, Any]]:
        return self.answers.get("analyze", {}).get("hook_points", [])

    @property
    def standing(self) -> str:
        """Of the place that was chosen first: in the ground truth, defended, or neither."""
        if not self.points:
            return ""
        first = self.points[0]
        place = f"{first['file']}:{first['qualname']}"
        names = {place, f"{place}:{first['line']}"}
        return "yes" if names & {*self.recipe.ground_truth} else "defended" if names & {*self.recipe.defended} else "NO"

    @property
    def is_well(self) -> bool:
        if self.recipe.fails_here:
            return True
        if self.recipe.explained:
            return self.error == self.recipe.explained
        verdict = self.answers.get("verify", {}).get("verdict")
        return not self.error and verdict == "passed" and self.is_identical and self.standing != "NO"

    def tests(self, group: str) -> tuple[int, int]:
        """Of ``feature_tests`` or ``rest_tests``: how many fired a hook, and how many there are."""
        found = self.answers.get("verify", {}).get(group, {})
        return found.get("fired", 0), found.get("total", 0)


def try_case(recipe: Recipe, folder: Path) -> Ending:
    """All the way, or until a command fails."""
    if recipe.fails_here:
        return Ending(recipe=recipe)
    prepared = prepare(recipe, folder)
    prepared.bare()  # so that every .pyc file is there
    before = snapshot(package_folder(prepared))
    plan = str(folder / f"{recipe.name}.plan.toml")
    bare, answers = prepared.bare(), {}
    answers["analyze"], seconds = meterize(prepared, folder, "analyze", *prepared.selected, "--plan", plan, "--refine")
    if "error" not in answers["analyze"]:
        answers["instrument"], _ = meterize(prepared, folder, "instrument", plan, "--policy", "every")
        if "error" not in answers["instrument"]:
            answers["verify"], _ = meterize(prepared, folder, "verify", plan)
        answers["strip"], _ = meterize(prepared, folder, "strip", prepared.package)
    is_identical = snapshot(package_folder(prepared)) == before
    return Ending(recipe=recipe, answers=answers, is_identical=is_identical, bare_seconds=bare, analyze_seconds=seconds)


def meterize(prepared: Prepared, folder: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """The JSON answer of one command, and the CPU seconds that it took; nothing is kept from an earlier run of it."""
    command = [str(prepared.python), "-m", "meterize", *arguments, "--json"]
    with working_folder(None) as kept:
        variables = {**prepared.variables, "METERIZE_SPOOL": str(kept / "spool"), "XDG_CACHE_HOME": str(kept)}
        done = run_measured(command, cwd=folder, environment=variables)
    try:
        return json.loads(done.output), done.seconds
    except ValueError:
        say(done.errors[-3000:])
        return {"error": {"slug": f"no answer, exit code {done.exit_code}"}}, done.seconds


def package_folder(prepared: Prepared) -> Path:
    """Where the package is imported from."""
    ask = f"import importlib.util as u; print(u.find_spec({prepared.package!r}).submodule_search_locations[0])"
    done = subprocess.run(
        [str(prepared.python), "-c", ask], env=prepared.variables, cwd="/", stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip())


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time stamp and digest of every file of a package."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def whole_row(ending: Ending) -> list[object]:
    """All that the benchmark found about one case."""
    name = ending.recipe.name if ending.is_well else f"{ending.recipe.name} ✗"
    if not ending.answers:
        return [name, "its own tests fail here", *[""] * 7]
    cost = f"{ending.analyze_seconds / ending.bare_seconds:.2f}×"
    strip = "identical" if ending.is_identical else "DIFFERS"
    if not ending.points:
        return [name, ending.error, *[""] * 5, strip, cost]
    selection = ending.answers["analyze"]["selection"]
    moved = f"+{len(selection['moved_to_feature'])} −{len(selection['moved_to_rest'])}"
    places = "\n".join(f"{point['qualname']}:{point['line']}" for point in ending.points)
    verdict = ending.error or ending.answers["verify"]["verdict"]
    proof = "\n".join("{} of {}".format(*ending.tests(group)) for group in ("feature_tests", "rest_tests"))
    return [name, places, ending.standing, moved, proof, uses_of(ending), verdict, strip, cost]


def uses_of(ending: Ending) -> str:
    """Uses per feature test, lowest to highest."""
    uses = ending.answers.get("verify", {}).get("feature_tests", {}).get("uses")
    return "" if uses is None else str(uses["least"]) if uses["least"] == uses["most"] else f"{uses['least']}–{uses['most']}"


def readme_row(ending: Ending) -> list[object]:
    """One case as README.md shows it."""
    if not ending.points:
        return [ending.recipe.title, "–", f"nothing: `analyze` ends with `{ending.error}`", ""]
    selection = ending.answers["analyze"]["selection"]
    moved = len(selection["moved_to_feature"]) + len(selection["moved_to_rest"])
    places = ", ".join(f"`{point['qualname']}`" for point in ending.points)
    proof = ", ".join("{} of {:,}".format(*ending.tests(group)) for group in ("feature_tests", "rest_tests"))
    return [ending.recipe.title, moved, places, proof]


COLUMNS = [
    "",
    "places",
    "in truth",
    "moved",
    "fired",
    "uses a test",
    "verdict",
    "strip",
    "cost",
]
NOTE = (
    "in truth: the place chosen first is in the ground truth; moved: tests that joined (+) or left (−) the feature, by what "
    "they execute; fired: feature tests and rest tests that passed a hook; uses a test: of feature tests, lowest to highest; "
    "cost: CPU of analyze over that of both suites, bare"
)
README_COLUMNS = ["package, feature", "tests moved", "hooked", "verify: feature tests, rest tests that fired"]


def summary_of(endings: Sequence[Ending]) -> str:
    """How many ended well, how many first choices are in the ground truth, and the median cost."""
    well = sum(ending.is_well for ending in endings)
    standings = [ending.standing for ending in endings if ending.standing]
    costs = [ending.analyze_seconds / ending.bare_seconds for ending in endings if ending.answers]
    parts = [f"{well} of {len(endings)} cases end as they should"]
    if standings:
        parts.append(f"first choice in the ground truth: {standings.count('yes')} of {len(standings)}")
    if costs:
        parts.append(f"median cost: {statistics.median(costs):.2f}×")
    return "; ".join(parts)


def report_of(endings: Sequence[Ending]) -> Report:
    report = Report("cases")
    rows = [whole_row(ending) for ending in endings]
    report.add("Real packages, all the way", COLUMNS, rows, f"{summary_of(endings)}\n\n{NOTE}")
    return report


def print_readme(endings: Iterable[Ending]) -> None:
    for row in (README_COLUMNS, ["---"] * 4, *(readme_row(ending) for ending in endings if ending.answers)):
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def main() -> None:
    parser = recipe_options(__doc__ or "")
    parser.add_argument("--readme", action="store_true", help="print the table of README.md")
    given = parser.parse_args()
    endings = []
    with working_folder(given.folder) as folder:
        for recipe in choose(given, read_recipes().values()):
            say(recipe.name)
            endings.append(try_case(recipe, folder))
    if given.readme:
        print_readme(endings)
    else:
        report_of(endings).show(given)
    wrong = [ending.recipe.name for ending in endings if not ending.is_well]
    say(summary_of(endings) + (f"; not {', '.join(wrong)}" if wrong else ""))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
