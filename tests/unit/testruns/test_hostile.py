"""Suites that take away what others rely on, and environments that have plans of their own for start-up."""

from __future__ import annotations

import textwrap

import pytest

from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import TestsError

_BEFORE = "import pytest, shop\n"
_PATCHES = {
    "open": "monkeypatch.setattr('builtins.open', None)",
    "os_write": "[monkeypatch.setattr(os, name, None) for name in ('open', 'write', 'read', 'close', 'getpid', 'fsencode')]",
    "environ_object": "monkeypatch.setattr(os, 'environ', {})",
    "environ_cleared": "[monkeypatch.delenv(name) for name in list(os.environ)]",
    "time": "monkeypatch.setattr('time.time', lambda: 0); monkeypatch.setattr('time.monotonic', lambda: 0)",
    "sockets": "monkeypatch.setattr('socket.socket', None)",
    "warnings": "warnings.simplefilter('error')",
    "importing": "monkeypatch.setattr(sys, 'meta_path', []); monkeypatch.setattr(sys, 'path', [])",
    "modules": "[monkeypatch.delitem(sys.modules, name) for name in list(sys.modules) if 'meterize' in name]",
    "json": "monkeypatch.setattr('json.dumps', None)",
    "cwd": "monkeypatch.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
    "descriptors": "os.closerange(3, 256)",
    "few_descriptors": "resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
    "umask": "os.umask(0o777)",
    "recursion": "dive()",
}


def test_what_suites_do_to_the_interpreter(suite, read_tests):
    imports = "import os, resource, sys, tempfile, warnings, pytest, shop\n"
    dive = "def dive():\n    try: dive()\n    except RecursionError: shop.gross(1)\n"
    limits = textwrap.dedent("""
        @pytest.fixture(autouse=True)
        def restored():
            limits, mask = resource.getrlimit(resource.RLIMIT_NOFILE), os.umask(0o22)
            yield
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            os.umask(mask)
    """)
    tests = "".join(
        f"def test_{name}(monkeypatch):\n    {patch}\n    shop.net(1)\ndef test_after_{name}(): shop.gross(1)\n"
        for name, patch in _PATCHES.items()
    )
    suite.write(test_shop=imports + dive + limits + tests)
    found = read_tests(
        suite.collect("python -m pytest -q -s -p no:cacheprovider -p no:faulthandler -p no:logging test_shop.py")
    )
    expected = {}
    for name in _PATCHES:
        expected[f"test_shop.py::test_{name}"] = {"net"}
        expected[f"test_shop.py::test_after_{name}"] = {"gross"}
    expected["test_shop.py::test_recursion"] = {"net", "gross"}
    assert found == expected


def test_warnings_are_errors_from_the_start(suite, read_tests):
    suite.write(test_shop="import shop\ndef test_net(): shop.net(1)\n")
    # What other plugins of this environment warn of is theirs.
    alone = {"PYTHONWARNDEFAULTENCODING": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    record = suite.collect("python -W error -X dev -bb -m pytest -q -W error test_shop.py", **alone)
    assert read_tests(record) == {"test_shop.py::test_net": {"net"}}


def test_sitecustomize_and_usercustomize_of_the_environment_still_run(suite):
    suite.install({"sitecustomize.py": "import os\nos.environ['SITE_RAN'] = __name__ + __spec__.name\n"})
    suite.write(
        test_shop=textwrap.dedent("""
            import os, sys, shop
            def test_site():
                shop.net(1)
                assert os.environ["SITE_RAN"] == "sitecustomize" * 2
                import sitecustomize
                assert sitecustomize.__file__.startswith(os.path.dirname(os.path.dirname(shop.__file__)))
        """)
    )
    suite.collect("python -m pytest -q test_shop.py")


def test_a_sitecustomize_that_fails_fails_as_it_would(suite):
    suite.install({"sitecustomize.py": "raise ValueError('of its own')\n"})
    suite.write(check="import sys, shop\nassert 'sitecustomize' not in sys.modules\nshop.net(1)\n")
    assert suite.collect("python check.py").exit_code == 0


def test_no_sitecustomize_is_no_sitecustomize(suite):
    suite.write(
        check=textwrap.dedent("""
            import sys, shop
            assert "sitecustomize" not in sys.modules
            try:
                import sitecustomize
            except ImportError as error:
                assert error.name == "sitecustomize"
            else:
                raise SystemExit(f"found {sitecustomize}")
        """)
    )
    suite.collect("python check.py")


def test_pythonpath_keeps_its_order(suite):
    suite.write(check="import os, sys, shop\nassert os.environ['PYTHONPATH'].split(':')[1:] == ['/a', sys.argv[1]]\n")
    suite.collect(f"python check.py {suite.site}", PYTHONPATH=f"/a:{suite.site}")


def test_python_started_without_our_files_runs_as_ever(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import os, subprocess, sys, shop
            def test_isolated():
                shop.net(1)
                subprocess.run([sys.executable, "-I", "-m", "pytest", "--version"], check=True)
                absent = "import sys; assert 'meterize_run' not in sys.modules"
                subprocess.run([sys.executable, "-E", "-S", "-c", absent], check=True)
        """)
    )
    suite.collect("python -m pytest -q test_shop.py")


def test_tracebacks_and_warnings_do_not_mention_us(suite):
    suite.install(
        {
            "shop/broken.py": "1 / 0\n",
            "shop/old.py": "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n",
        }
    )
    suite.write(
        check=textwrap.dedent("""
            import traceback, warnings
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                import shop.old
            assert [warning.filename for warning in caught] == [__file__], caught
            try:
                import shop.broken
            except ZeroDivisionError as error:
                files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
            assert files[0] == __file__ and files[1].endswith("broken.py") and len(files) == 2, files
        """)
    )
    suite.collect("python check.py")


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_optimised_runs_say_so_where_they_cannot_be_measured(suite, flag):
    suite.write(check="import shop\nshop.net(1)\n")
    if HAS_MONITORING:
        assert suite.collect(f"python {flag} check.py").tests[0].executed
    else:
        with pytest.raises(TestsError) as caught:
            suite.collect(f"python {flag} check.py")
        assert caught.value.slug == "no-data"
        assert "-O" in caught.value.message


def test_code_that_pytest_rewrote_is_named(suite):
    suite.install({"shop/checks.py": "import shop\ndef check(amount):\n    assert shop.net(amount) >= 0\n"})
    suite.write(
        conftest="import pytest\npytest.register_assert_rewrite('shop.checks')\n",
        test_shop="import shop.checks\ndef test_check(): shop.checks.check(5)\n",
    )
    record = suite.collect("python -m pytest -q test_shop.py")
    assert any("shop/checks.py" in warning for warning in record.warnings), record.warnings
    assert {name.qualname for name in record.tests[0].executed} == {"net"}


def test_a_script_run_by_the_path_of_a_package_file(suite):
    (suite.work / "here").symlink_to(suite.site)
    suite.install({"shop/__main__.py": "import sys\nprint(sys.argv[1] * 2)\n"})
    suite.write(test_shop="import os, shop\ndef test_it():\n    shop.net(1)\n    os.system('python here/shop/__main__.py x')\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    (test,) = record.tests
    if HAS_MONITORING:
        assert {name.file for name in test.executed} == {"shop/prices.py", "shop/__main__.py"}
    else:
        assert {name.file for name in test.executed} == {"shop/prices.py"}
        assert any("shop/__main__.py" in warning for warning in record.warnings), record.warnings


def test_functions_that_share_name_and_line_are_left_out_and_named(suite):
    suite.install({"shop/pairs.py": "first, second = lambda a: a + 1, lambda a: [a, a, a]\ndef third(): return first(1)\n"})
    suite.write(test_shop="from shop import pairs\ndef test_pairs(): pairs.third(); pairs.second(2)\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    assert {name.qualname for name in record.tests[0].executed} == {"third"}
    assert any("shop/pairs.py:1" in warning for warning in record.warnings), record.warnings
