"""Commands that cannot be used: one error each, that says what was wrong, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from meterize.errors import TestsError, UsageError

_SHOP_TEST = "import shop\ndef test_net(): shop.net(1)\n"


def _refused(suite, command, **options):
    with pytest.raises(TestsError) as caught:
        suite.collect(command, **options)
    return caught.value


def test_a_failing_suite_shows_its_last_lines(suite):
    suite.write(test_shop="import shop\ndef test_net(): assert shop.net(1) == 'euro'\n")
    error = _refused(suite, "python -m pytest -q test_shop.py")
    assert error.slug == "suite-failed"
    assert "exit code 1" in error.message
    assert any("assert 0 == 'euro'" in line for line in error.details)
    assert len(error.details) <= 40


def test_endless_output_is_kept_in_bounds(suite):
    suite.write(check="import shop\nfor number in range(200_000): print(number, 'x' * 80)\nraise SystemExit(3)\n")
    error = _refused(suite, "python check.py")
    assert "exit code 3" in error.message
    assert error.details[-1].startswith("199999 ")
    assert sum(map(len, error.details)) < 64 * 1024


def test_one_line_without_an_end_is_kept_in_bounds(suite):
    suite.write(check="import shop\nprint('x' * 10_000_000)\nraise SystemExit(3)\n")
    assert sum(map(len, _refused(suite, "python check.py").details)) <= 64 * 1024


def test_output_that_is_no_text(suite):
    suite.write(check="import os, shop\nos.write(1, bytes(range(256)))\nraise SystemExit(3)\n")
    assert _refused(suite, "python check.py").slug == "suite-failed"


@pytest.mark.parametrize("shell", ["exec", "true;"])
def test_a_suite_that_is_killed(suite, shell):
    error = _refused(suite, f"{shell} python -c 'import os, shop; os.kill(os.getpid(), 9)'")
    assert error.slug == "suite-failed"
    assert "signal 9" in error.message


def test_a_program_that_is_not_there(suite):
    error = _refused(suite, "no-such-program --at-all")
    assert error.slug == "suite-failed"
    assert "did not find" in error.hint


def test_a_folder_that_is_not_there(suite):
    with pytest.raises(UsageError) as caught:
        suite.collect("true", cwd=suite.root / "nowhere")
    assert caught.value.slug == "cwd-missing"


@pytest.mark.parametrize(
    "command",
    [
        "python -m pytest -q test_shop.py -k nothing",
        "python -m pytest -q test_shop.py -k nothing || true",
        "python -m unittest discover -p nothing.py",
        "python -m unittest discover -p nothing.py || true",
    ],
)
def test_no_tests(suite, command):
    suite.write(test_shop=_SHOP_TEST)
    error = _refused(suite, command)
    assert error.slug == "no-tests"
    assert command in error.message


def test_a_suite_that_never_ends_is_stopped_with_its_children(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import os, shop, signal, subprocess, sys, time
            def test_hangs():
                print("hanging here", flush=True)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                child = "import shop, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
                subprocess.run([sys.executable, "-c", child])
        """)
    )
    begin = time.monotonic()
    error = _refused(suite, "python -m pytest -q -s test_shop.py", timeout=4)
    assert error.slug == "suite-timeout"
    assert "4 s" in error.message
    assert "hanging here" in error.details
    assert time.monotonic() - begin < 30


def test_ctrl_c_stops_the_suite_and_passes_on(suite):
    suite.write(test_shop="import shop, time\ndef test_hangs():\n    shop.net(1)\n    time.sleep(100)\n")

    def interrupt(test: str) -> None:
        raise KeyboardInterrupt

    suite.seen = _Calls(interrupt)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        suite.collect("python -m pytest -q test_shop.py")
    assert time.monotonic() - begin < 30


class _Calls:
    def __init__(self, append):
        self.append = append


def test_ctrl_c_from_a_terminal(suite):
    suite.write(test_shop="import shop, time\ndef test_hangs():\n    shop.net(1)\n    time.sleep(100)\n")
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from meterize.model.package import Package
        from meterize.testruns import RunEnvironment, count_fires
        package = Package(import_name="shop", distribution="shop", version="1", site=Path({str(suite.site)!r}), modules=())
        environment = RunEnvironment(python=Path(sys.executable), variables={{"PYTHONPATH": {str(suite.site)!r}}})
        count_fires("python -m pytest -q test_shop.py", cwd=Path({str(suite.work)!r}), package=package,
                    environment=environment, timeout=None, on_progress=lambda test: print(test, flush=True))
    """)
    # A shell starts background programs with SIGINT ignored; a terminal's foreground program has it.
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as tool:
        assert tool.stdout.readline().strip() == "test_shop.py::test_hangs"
        tool.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in tool.communicate(timeout=30)[1]


def test_background_processes_end_with_the_command(suite):
    suite.write(test_shop=_SHOP_TEST)
    suite.collect("python -c 'import time; time.sleep(100)' & python -m pytest -q test_shop.py")


def test_another_copy_is_imported(suite):
    copy = suite.work / "shop"
    copy.mkdir()
    for path in (suite.site / "shop").glob("*.py"):
        (copy / path.name).write_text(path.read_text())
    suite.write(test_shop=_SHOP_TEST)
    error = _refused(suite, "python -m pytest -q test_shop.py")
    assert error.slug == "no-data"
    assert str(copy) in error.message
    assert "copy aside" in error.hint


def test_another_copy_is_imported_too(suite, read_tests):
    suite.write(test_shop=_SHOP_TEST + "def test_other():\n    import runpy; runpy.run_path('other/shop/late.py')\n")
    (suite.work / "other" / "shop").mkdir(parents=True)
    (suite.work / "other" / "shop" / "late.py").write_text((suite.site / "shop/late.py").read_text())
    record = suite.collect("python -m pytest -q test_shop.py")
    assert read_tests(record)["test_shop.py::test_net"] == {"net"}


def test_a_vendored_copy_is_none_of_the_package(suite):
    inside = suite.site / "big" / "vendor"
    (inside / "shop").mkdir(parents=True)
    for folder in (inside, inside.parent):
        (folder / "__init__.py").touch()
    (inside / "shop" / "__init__.py").write_text("")
    suite.write(test_shop="import big.vendor.shop\n" + _SHOP_TEST)
    assert suite.collect("python -m pytest -q test_shop.py").warnings == ()


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_python_does_not_look_at_our_files(suite, flag):
    suite.write(check=f"import sys\nsys.path.insert(0, {str(suite.site)!r})\nimport shop\nshop.net(1)\n")
    error = _refused(suite, f"python {flag} check.py")
    assert error.slug == "no-data"
    assert "PYTHONPATH" in error.hint


def test_the_package_is_never_imported(suite):
    suite.write(test_shop="def test_nothing(): pass\n")
    error = _refused(suite, "python -m pytest -q test_shop.py")
    assert error.slug == "no-data"
    assert "never imported" in error.message


def _another_python() -> Path | None:
    folders = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python"))
    return next((path for path in folders if f"{sys.version_info[0]}.{sys.version_info[1]}." not in str(path)), None)


@pytest.mark.skipif(_another_python() is None, reason="needs another Python under ~/.pyenv")
def test_the_command_uses_another_python(suite):
    suite.write(check=f"import sys\nsys.path.insert(0, {str(suite.site)!r})\nimport shop\nshop.net(1)\n")
    error = _refused(suite, f"{_another_python()} check.py")
    assert error.slug == "no-data"


def test_python_is_the_target_whatever_path_says(suite):
    suite.write(check=f"import sys, shop\nassert sys.executable == {sys.executable!r}\nshop.net(1)\n")
    fake = suite.root / "fake"
    fake.mkdir()
    (fake / "python").write_text("#!/bin/sh\nexit 9\n")
    (fake / "python").chmod(0o755)
    suite.collect("python check.py", PATH=f"{fake}:/usr/bin:/bin")


@pytest.mark.parametrize(
    "command",
    [
        "PYTHONPATH=extra:{site} python check.py",
        'PYTHONPATH="{site}" python check.py',
        "env 'PYTHONPATH={site}' python check.py",
        "PYTHONPATH={site}:$PYTHONPATH python check.py",
        "export PYTHONPATH='{site}'; python check.py",
        "true && PYTHONPATH=$(echo {site}) python check.py",
        "PYTHONPATH= PYTHONSAFEPATH=1; PYTHONPATH={site} python check.py",
    ],
)
def test_a_command_that_sets_pythonpath_itself(suite, command):
    suite.write(check="import shop\nshop.net(1)\n")
    record = suite.collect(command.format(site=suite.site), PYTHONPATH="")
    assert record.command == command.format(site=suite.site)


def test_a_command_that_the_system_refuses(suite):
    with pytest.raises(UsageError) as caught:
        suite.collect("true", VARIABLE="x" * 10_000_000)
    assert caught.value.slug == "command-not-started"


def test_an_interpreter_whose_folder_has_no_python(suite):
    from meterize.testruns import RunEnvironment

    folder = suite.root / "a b" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3.x").symlink_to(sys.executable)
    suite.environment = lambda **variables: RunEnvironment(
        python=folder / "python3.x", variables={"PYTHONPATH": str(suite.site), **variables}
    )
    suite.write(check="import shop\nshop.net(1)\n")
    assert suite.collect("python check.py").exit_code == 0


def test_what_the_environment_of_the_command_holds(suite):
    suite.write(
        check=textwrap.dedent("""
            import os, sys, shop
            assert "METERIZE_SUBJECT" not in os.environ
            assert os.environ["METERIZE_SPOOL"] != "/real"
            assert os.path.isdir(os.environ["METERIZE_SPOOL"])
            assert "PYTHONHOME" not in os.environ
            assert os.environ.get("VIRTUAL_ENV", sys.prefix) == sys.prefix
            assert os.stat(os.environ["METERIZE_RUN_FOLDER"] + "/..").st_mode & 0o777 == 0o700
        """)
    )
    suite.collect("python check.py", METERIZE_SUBJECT="tenant", METERIZE_SPOOL="/real", VIRTUAL_ENV="/elsewhere")


FLAKY = """
import shop
def test_fails(): shop.net(1); assert False
""" + "".join(f"def test_passes_{number}(): shop.net({number})\n" for number in range(3))


def test_failing_tests_are_named_and_may_be_allowed(suite):
    suite.write(test_flaky=FLAKY)
    error = _refused(suite, "python -m pytest -q test_flaky.py")
    assert error.details[0] == "failed: test_flaky.py::test_fails"
    assert "--allow-failures" in (error.hint or "")
    record = suite.collect("python -m pytest -q test_flaky.py", allow_failures=True)
    [warning] = record.warnings
    assert warning.startswith("1 of 4 tests failed and prove nothing: test_flaky.py::test_fails.")
    assert [record.proves(test) for test in record.tests] == [False, True, True, True]


def test_a_suite_that_mostly_fails_or_breaks_off_proves_nothing(suite):
    suite.write(test_flaky=FLAKY, test_broken="def test_one(: pass\n")
    for command in ("python -m pytest -q test_flaky.py -k fails", "python -m pytest -q test_broken.py", "exit 3"):
        with pytest.raises(TestsError) as caught:
            suite.collect(command, allow_failures=True)
        assert caught.value.slug == "suite-failed"
        assert "go on without them" not in caught.value.hint


@pytest.mark.parametrize("allow_failures", [False, True])
def test_why_a_suite_that_mostly_fails_is_worthless_is_said(suite, allow_failures):
    suite.write(test_flaky=FLAKY)
    with pytest.raises(TestsError) as caught:
        suite.collect("python -m pytest -q test_flaky.py -k 'fails or passes_0'", allow_failures=allow_failures)
    assert "1 of 2 tests failed, and --allow-failures is for a few" in caught.value.hint
    assert "stops half-way" in caught.value.hint


def test_one_test_in_many_that_fails_is_told_and_no_obstacle(suite):
    many = FLAKY + "".join(f"def test_more_{number}(): pass\n" for number in range(46))
    suite.write(test_many=many + "def test_last(): pass\n")
    record = suite.collect("python -m pytest -q test_many.py")
    assert record.exit_code == 1
    [warning] = record.warnings
    assert warning.startswith("1 of 51 tests failed and prove nothing: test_many.py::test_fails.")
    suite.write(test_many=many.replace("def test_more_0(): pass", "def test_more_0(): assert 0"))
    assert _refused(suite, "python -m pytest -q test_many.py").slug == "suite-failed"
