"""The whole way on real packages: analyze, instrument, verify, strip; each by the command line, in an environment of its own.

python benchmarks/cases.py                        the packages of recipes.toml, from the package index, and the greenhouse
python benchmarks/cases.py sqlparse click         some of them
python benchmarks/cases.py --folder KEPT          keep the environments there, and find them again

The tests are selected by name, as a user would, and sorted by what they execute (--refine). Exit code 1 unless each verdict is
"passed" and each strip is byte-identical.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analyze import GREENHOUSE, Prepared, prepare, prepare_greenhouse, read_recipes, working_folder
from measure import Report, options, say


def meterize(prepared: Prepared, folder: Path, *arguments: str) -> dict[str, Any]:
    """The JSON answer of one command; its exit code as ``exit_code``."""
    command = [str(prepared.python), "-m", "meterize", *arguments, "--json"]
    variables = {**prepared.variables, "METERIZE_SPOOL": str(folder / "spool")}
    done = subprocess.run(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return {**answer, "exit_code": done.returncode}


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


def try_case(name: str, prepared: Prepared, folder: Path) -> tuple[list[object], bool]:
    """One row of the table, and whether all went well."""
    plan = str(folder / f"{name}.plan.toml")
    prepared.bare()  # so that every .pyc file is there
    suites = ["--with", prepared.with_command, "--without", prepared.without_command, "--cwd", str(prepared.cwd)]
    what = [prepared.package, "--feature", prepared.feature]
    found = meterize(prepared, folder, "analyze", *what, *suites, "--plan", plan, "--refine")
    if found["exit_code"]:
        return [name, found.get("error", {}).get("slug", "failed"), "", "", "", ""], False
    before = snapshot(package_folder(prepared))
    put_in = meterize(prepared, folder, "instrument", plan, "--policy", "every")
    verdict = meterize(prepared, folder, "verify", plan)
    meterize(prepared, folder, "strip", prepared.package)
    is_same = snapshot(package_folder(prepared)) == before
    places = "\n".join(f"{point['qualname']}:{point['line']}" for point in found["hook_points"])
    selection = found["selection"]
    tests = f"{len(selection['feature_tests'])} / {len(selection['rest_tests'])}"
    moved = f"+{len(selection['moved_to_feature'])} −{len(selection['moved_to_rest'])}"
    proof = " ".join(f"{group}: {verdict[key]['fired']}/{verdict[key]['total']}" for group, key in
                     (("feature", "feature_tests"), ("rest", "rest_tests"))) if "verdict" in verdict else "failed"  # fmt: skip
    row = [name, places, tests, moved, f"{verdict.get('verdict', 'failed')}\n{proof}", "identical" if is_same else "DIFFERS"]
    return row, put_in["exit_code"] == 0 and verdict.get("verdict") == "passed" and is_same


def run_cases(names: Iterable[str], folder: Path) -> tuple[Report, bool]:
    recipes = read_recipes()
    rows, all_well = [], True
    for name in names:
        say(name)
        prepared = prepare_greenhouse(folder) if name == GREENHOUSE else prepare(recipes[name], folder)
        row, is_well = try_case(name, prepared, folder)
        rows.append(row)
        all_well = all_well and is_well
    report = Report("cases")
    columns = ["", "places", "tests: feature / rest", "moved", "verify: fired", "strip"]
    report.add(
        "Real packages, all the way", columns, rows, "moved: tests that joined or left the feature, by what they execute"
    )
    return report, all_well


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("names", nargs="*", help="recipes to run [all]")
    parser.add_argument("--folder", type=Path, help="keep environments here")
    given = parser.parse_args()
    known = [GREENHOUSE, *read_recipes()]
    if unknown := set(given.names) - set(known):
        raise SystemExit(f"no such recipe: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    with working_folder(given.folder) as folder:
        report, all_well = run_cases(given.names or ([GREENHOUSE] if given.quick else known), folder)
    report.show(given)
    raise SystemExit(0 if all_well else 1)


if __name__ == "__main__":
    main()
