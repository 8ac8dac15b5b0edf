"""One instrumentation at a time, between processes and between threads."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from meterize.errors import TargetError
from meterize.installed import apply, lock, strip

HOLD = """
import pathlib, sys
from meterize.installed import lock
with lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(site):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, site.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_is_named(site, holder):
    with pytest.raises(TargetError) as caught, lock(site.folder, wait=0):
        pass
    assert caught.value.slug == "locked"
    assert f"process {holder.pid} " in caught.value.message


def test_every_operation_respects_it(site, shop, rewrite, plan, holder, monkeypatch):
    monkeypatch.setattr("meterize.installed.exclusion.WAIT_SECONDS", 0.1)
    before = site.tree()
    for work in (
        lambda: apply(shop, rewrite(shop, "shop/cart.py"), [plan()], runtime=None),
        lambda: strip(site.folder, "shop"),
    ):
        with pytest.raises(TargetError) as caught:
            work()
        assert caught.value.slug == "locked"
    assert site.tree() == before


def test_it_waits_a_little(site, holder):
    threading.Timer(0.3, holder.kill).start()
    with lock(site.folder, wait=20):
        pass


def test_a_dead_process_holds_nothing(site, holder):
    holder.kill()
    holder.wait()
    with lock(site.folder, wait=0):
        pass


def test_who_holds_it_may_ask_again_and_another_thread_may_not(site):
    refused = []

    def ask():
        try:
            with lock(site.folder, wait=0):
                pass
        except TargetError as error:
            refused.append(error.slug)

    with lock(site.folder), lock(site.folder, wait=0):
        with lock(site.folder, wait=0):
            pass
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert refused == ["locked"]
    ask()
    assert refused == ["locked"]


def test_it_leaves_nothing_behind(site, shop):
    before = site.tree()
    with lock(site.folder):
        pass
    assert site.tree() == before


def test_no_such_folder(site):
    with pytest.raises(TargetError) as caught, lock(site.folder / "nowhere"):
        pass
    assert caught.value.slug == "no-such-site"
