"""The whole way: hook, cell, agent, ledger, with processes that end in every way there is."""

from __future__ import annotations

import pytest
from tests.agents.stub import TOKEN

SOURCE = """
    def work():
        return 1  # hook

    def other():
        return 2  # hook
"""

LIVES = {
    "in good order": "metered.work()",
    "by os._exit": "metered.work(); os._exit(0)",
    "by kill -9": "metered.work(); os.kill(os.getpid(), 9)",
    "by exec": "metered.work(); os.execv('/bin/true', ['true'])",
    "by an exception": "metered.work(); raise SystemExit(3)",
    "with a child": """
if os.fork():
    os.wait()
    metered.work()
else:
    metered.work()
    os._exit(0)
""",
    "with a grandchild in a subject": """
with subject('acme'):
    if not os.fork():
        if not os.fork():
            metered.work()
        else:
            os.wait()
        os._exit(0)
    os.wait()
""",
    "with a pool": """
from multiprocessing import get_context
if __name__ == '__main__':
    with get_context('fork').Pool(2) as pool:
        pool.map(call, range(7))
""",
    "with a child of a thread, which ends with that": """
import threading
def fork():
    if os.fork():
        os.wait()
    else:
        metered.work()
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
    "after closing all descriptors": "metered.work(); os.closerange(3, 200); metered.work()",
}
USES = {"with a child": 2, "with a pool": 7, "after closing all descriptors": 2}
"""Where it is not one."""
HEAD = "import os\nimport metered\nfrom meterize_hooks import subject\ndef call(_): return metered.work()\n"
NEXT = """
import time
end = time.monotonic() + 20
while len([name for name in os.listdir({0!r}) if name.endswith('.uses')]) > 1 and time.monotonic() < end:
    time.sleep(0.05)
"""


@pytest.fixture
def metered(bench):
    bench.meter(SOURCE, policy="every")
    return bench


@pytest.mark.parametrize("life", LIVES)
def test_however_a_process_ends_its_uses_arrive_and_its_files_go(metered, make_agent, ledger, life):
    agent = make_agent(spools=(str(metered.spool),))
    ran = metered.run(HEAD + LIVES[life], check=False)
    expected = USES.get(life, 1)
    assert sum(ran.uses.values()) == expected
    for _ in range(3):
        agent.round()
    assert ledger.total == expected
    assert list(metered.spool.iterdir()) == []
    assert agent.metrics.health()[0], agent.metrics.troubles


def test_policies_and_subjects_arrive_as_they_are(metered, make_agent, ledger):
    metered.meter("def once():\n    return 1  # hook\n", policy="once", name="single")
    script = (
        "import single\nsingle.once()\nsingle.once()\nfor name in 'abca':\n    with subject(name):\n        metered.other()"
    )
    ran = metered.run(HEAD + script)
    make_agent(spools=(str(metered.spool),)).round()
    assert {(each["policy"], each["subject"]) for request in ledger.requests for each in request["reports"][0]["counters"]} >= {
        ("every", "a"),
        ("every", "b"),
        ("every", "c"),
    }
    assert ledger.total == sum(ran.uses.values())


def thread_environ(ledger):
    return {"METERIZE_AGENT": "thread", "METERIZE_LEDGER": ledger.url, "METERIZE_TOKEN": TOKEN}


@pytest.mark.parametrize("life", LIVES)
def test_in_the_process_itself(metered, ledger, life):
    warn = "default" if "thread" in life else "error"  # 3.12+ warns of the application's own
    ran = metered.run(HEAD + LIVES[life], "-W", warn, environment=thread_environ(ledger), check=False)
    assert "Warning" not in ran.err or warn == "default"
    assert "Traceback" not in ran.err
    if life in ("in good order", "by an exception"):
        assert ledger.total == 1
    # The next process of the spool sees to what the dead have left.
    metered.run(HEAD + NEXT.format(str(metered.spool)), environment=thread_environ(ledger))
    assert ledger.total == USES.get(life, 1)
    assert len(list(metered.spool.glob("*.uses"))) == 1


@pytest.mark.parametrize("value", ["", "tread", "1"])
def test_without_the_setting_there_is_no_thread(metered, ledger, value):
    environ = {**thread_environ(ledger), "METERIZE_AGENT": value}
    ran = metered.run(
        HEAD + "metered.work()\nif not os.fork(): os._exit(0)\nos.wait()\nprint(len(os.listdir('/proc/self/task')))",
        environment=environ,
    )
    assert ran.out == "1\n"
    told = f"meterize: METERIZE_AGENT={value!r} delivers nothing: there is only `thread`\n"
    assert ran.err == (told if value else "")
    assert not ledger.requests
