"""tablib's XLSX export in a service that two tenants use: found, hooked, counted, delivered, proved and taken out again."""

from __future__ import annotations

import sys
import tarfile
import tomllib
from pathlib import Path

from tools.demo import screen, service
from tools.demo.delivery import READER, delivering, wait_until_delivered
from tools.demo.snapshot import Snapshot, differences, digest, take_snapshot
from tools.demo.stage import FOLDER, LOG, DemoError, Stage, expect, make_tool_environment, refresh
from tools.environments import ROOT, digest_files, install, make_environment, run_quietly

VERSION = "3.10.0"
FEATURE = "xlsx-export"
PLAN = "xlsx-export.plan.toml"
TESTS = FOLDER / f"tablib-{VERSION}"
PRODUCTION = FOLDER / "production"
SERVICE = ROOT / "sample_apps" / "report_service"

# What tablib's own tests import (its tests/requirements.txt, less pytest-cov; pandas is optional there).
TEST_NEEDS = [f"tablib[cli,ods,xls,xlsx,yaml]=={VERSION}", "pytest==8.4.2"]

# Which of tablib's tests export XLSX was found by counting the calls of XLSXFormat.export_set and export_book in each test.
# Of class XLSXTests all do but the four that only import. Of the others seven do, in passing: auto_format_detect,
# book_export_no_exceptions, two named databook_formatter_… and datetime_append, separator_append and unicode_append.
ONLY_IMPORT = "bad_dimensions or cell_values or ragged"
EXPORT_IN_PASSING = "auto_format or no_exceptions or formatter or _append"
WITH = f"python -m pytest -q tests -k 'XLSXTests and not ({ONLY_IMPORT})'"
WITHOUT = f"python -m pytest -q tests -k '(not XLSXTests or {ONLY_IMPORT}) and not ({EXPORT_IN_PASSING})'"
FEATURE_TESTS = 19

REPORTS = {
    "acme": {"orders.xlsx": 4, "months.xlsx": 1, "customers.csv": 2},
    "globex": {"orders.xlsx": 2, "orders.csv": 5, "customers.json": 3},
}
USES = {(FEATURE, tenant): sum(n for name, n in asked.items() if name.endswith(".xlsx")) for tenant, asked in REPORTS.items()}
CUSTOMERS = ("Ada", "Grace", "Lin", "Ada", "Mary", "Grace", "Ada")


def prepare() -> None:
    """Two environments and tablib's tests. Raises SetupError when the package index does not give them."""
    fetch_tests()
    make_tool_environment()
    python = make_environment(PRODUCTION, ["starlette>=1.0", "uvicorn>=0.30", *TEST_NEEDS], log=LOG)
    sources = digest_files([SERVICE / "pyproject.toml", *(SERVICE / "report_service").glob("*.py")])
    refresh(PRODUCTION, sources, lambda: install_service(python))


def install_service(python: Path) -> None:
    """The service, and one run of the tests, which leaves pytest's own .pyc files of its plugins in site-packages."""
    install(python, ["--no-deps", "--force-reinstall", str(SERVICE)], log=LOG)
    run_quietly([python, "-m", "pytest", "-q", "tests"], cwd=TESTS, log=LOG)


def fetch_tests() -> None:
    """The sdist of tablib, and of it the tests alone, so that they test the installed package.

    Its pytest.ini asks for coverage reports, so it gets an empty one; with none pytest would take this project's.
    """
    if (TESTS / "pytest.ini").is_file():
        return
    print(f"Fetching tablib {VERSION}'s own tests …", file=sys.stderr, flush=True)
    sdist = FOLDER / "sdist"
    quick = ["--retries", "1", "--timeout", "30", "--disable-pip-version-check"]
    exactly = ["--no-deps", "--no-binary", ":all:", f"tablib=={VERSION}"]
    run_quietly([sys.executable, "-m", "pip", "download", "--quiet", *quick, *exactly, "--dest", sdist], log=LOG)
    with tarfile.open(next(sdist.glob("tablib-*.tar.gz"))) as archive:
        wanted = [member for member in archive.getmembers() if member.name.startswith(f"tablib-{VERSION}/tests/")]
        archive.extractall(FOLDER, wanted, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
    (TESTS / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def tell(stage: Stage) -> None:
    """The whole story; DemoError when a step's result is not what it should be."""
    meterize = ("meterize", "--python", "production/bin/python")
    site = next((PRODUCTION / "lib").glob("python3*/site-packages"))
    stage.clear(site, *meterize)
    before = take_snapshot(site)

    screen.head(f"1  Find the feature: tablib {VERSION}, straight from the package index, and its own tests")
    where = ("--cwd", TESTS.name, "--plan", PLAN)
    stage.show(*meterize, "analyze", "tablib", "--feature", FEATURE, "--with", WITH, "--without", WITHOUT, *where)
    check_plan()

    screen.head("2  Put the hooks in: compiled modules change, not a line of source")
    stage.show(*meterize, "instrument", PLAN, "--policy", "every")
    metered = take_snapshot(site)
    check_changes(before, metered)

    screen.head("3  A ledger, and the agent that brings it what processes count")
    with delivering(stage) as ledger:
        screen.head("4  Run the service: it has never heard of meterize")
        use_service(stage)
        wait_until_delivered()

        asked = ("--ledger", ledger, "--token-file", READER, "--by", "feature,subject")
        show_bill(stage, asked)

        screen.head("6  Prove it: every test of the feature is counted, and no other")
        stage.show(*meterize, "verify", PLAN)
        expect("uses after verify", stage.uses(*asked), USES)

    screen.head("7  Take it out again")
    stage.show(*meterize, "strip", "tablib")
    compare(before, metered, take_snapshot(site))


def show_bill(stage: Stage, asked: tuple[str, ...]) -> None:
    screen.head("5  Who used what")
    stage.show("meterize", "usage", *asked)
    expect("uses by tenant", stage.uses(*asked), USES)
    screen.agree("exactly the XLSX reports, by tenant; CSV and JSON cost nothing, and the kill lost nothing")
    stage.show("meterize", "ledger", "export", "usage.csv")
    stage.show("meterize", "ledger", "prove", "usage.csv")
    screen.agree("the customer can check it too, with that file alone: nothing was added, changed or left out")


def check_plan() -> None:
    (plan,) = tomllib.loads((FOLDER / PLAN).read_text(encoding="utf-8"))["feature"]
    expect("feature tests in the plan", len(plan["selection"]["feature_tests"]), FEATURE_TESTS)
    hooked = {point["file"] for point in plan["hook_point"]}
    expect("modules with hooks in the plan", hooked, {"tablib/formats/_xlsx.py"})


def check_changes(before: Snapshot, metered: Snapshot) -> None:
    changed, came, went = differences(before, metered)
    compiled = "tablib/formats/__pycache__/_xlsx."
    if not any(name.startswith(compiled) for name in changed):
        raise DemoError(f"instrument did not change {compiled}*.pyc")
    others = [name for name in changed if not name.startswith(compiled)]
    others += [name for name in came if name.startswith("tablib/") and not name.startswith(compiled)]
    expect("other files of the environment that changed", [*others, *went], [])
    screen.agree(f"of {len(before)} files in site-packages only {compiled}*.pyc changed; the runtime came beside it")


def use_service(stage: Stage) -> None:
    port = service.free_port()
    deploy = SERVICE / "deploy"
    stage.show("cat", str((deploy / "metered.py").relative_to(ROOT)), cwd=ROOT)
    words = ["production/bin/uvicorn", "--app-dir", f"../{deploy.relative_to(ROOT)}", "--port", str(port), "metered:app"]
    screen.show_command(words, background=True)
    with service.running(words, port, cwd=FOLDER, variables=stage.variables) as process:
        for tenant, asked in REPORTS.items():
            take_orders(port, tenant)
            for name, times in asked.items():
                for _ in range(times):
                    check_report(name, service.request(port, f"/reports/{name}", tenant))
            listed = ", ".join(f"{times} × {name}" for name, times in asked.items())
            print(f"  X-Tenant: {screen.paint(f'{tenant:<8}', screen.BOLD)} GET /reports/…  {listed}", flush=True)
        screen.show_command(["kill", "-9", str(process.pid)])
        process.kill()


def take_orders(port: int, tenant: str) -> None:
    for number, customer in enumerate(CUSTOMERS, start=1):
        order = {"number": number, "customer": customer, "placed": f"2025-0{number}-14", "amount": f"{number * 37}.50"}
        service.request(port, "/orders", tenant, order)


def check_report(name: str, content: bytes) -> None:
    """Metering must not spoil what is metered."""
    begins = {"xlsx": b"PK", "csv": b"", "json": b"["}[name.rpartition(".")[2]]
    if not content.startswith(begins) or len(content) < 50:
        raise DemoError(f"{name} came out as {content[:80]!r}")


def compare(before: Snapshot, metered: Snapshot, after: Snapshot) -> None:
    """Shows the digests; DemoError unless the first and the last are the same."""
    for name, snapshot in (("before", before), ("metered", metered), ("after", after)):
        print(f"  {name:<7} {len(snapshot)} files, sha256 {digest(snapshot)}", flush=True)
    changed, came, went = differences(before, after)
    if before != after:
        raise DemoError(f"strip left traces: changed {changed}, came {came}, went {went}")
    screen.agree("every byte, permission and time stamp in site-packages is as it was")
