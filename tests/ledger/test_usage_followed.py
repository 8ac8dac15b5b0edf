"""`meterize usage --follow` on the real ledger: events arrive, the ledger goes away, the token too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.ledger.asking import event, make_place
from tests.ledger.serving import ENVIRONMENT, command


@pytest.fixture
def place(made, tmp_path):
    place = make_place(made, tmp_path)
    yield place
    place.serving.kill()


class Following:
    """`meterize usage --follow` as a process, line by line."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "meterize", *words, "--follow", "--every", "0.05"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**ENVIRONMENT, "TZ": "UTC"},
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        return line

    def warning(self) -> str:
        assert self.process.stderr
        return self.process.stderr.readline()

    def end(self, number: int = signal.SIGINT) -> tuple[str, str, int]:
        self.process.send_signal(number)
        return *self.process.communicate(timeout=20), self.process.returncode


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_followed_by_a_machine(place):
    place.send(event("1", now(), 3))
    followed = Following(*place.words("--by", "subject", "--json"))
    first = json.loads(followed.line())
    assert (first["schema"], first["total"]) == (1, 3)
    time.sleep(0.2)  # nothing changes, and nothing is said
    place.send(event("2", now(), 4, subject="bob"))
    assert {row["subject"]: row["uses"] for row in json.loads(followed.line())["uses"]} == {"bob": 4, "ada": 3}
    place.serving.kill()
    assert "warning: the ledger" in followed.warning()
    place.serving.start()
    assert "answers again" in followed.warning()
    place.send(event("3", now(), 5))
    assert json.loads(followed.line())["total"] == 12
    out, err, code = followed.end()
    assert (out, code) == ("", 130)
    assert "Traceback" not in err


def test_followed_in_a_pipe_until_the_token_is_revoked(place):
    place.send(event("1", now(), 3), event("2", now(), 1, subject=None))
    followed = Following(*place.words("--by", "feature,subject"))
    assert followed.line().split("\t")[1:] == ["xlsx", "ada", "3\n"]
    assert followed.line().split("\t")[1:] == ["xlsx", "(unknown)", "1\n"]
    place.send(event("3", now(), 1500))
    at, *words = followed.line().split("\t")
    assert time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")
    assert words == ["xlsx", "ada", "1,503", "+1,500\n"]
    command("token", "revoke", place.reader.read_text().strip(), database=place.database)
    out, err = followed.process.communicate(timeout=20)
    assert (out, followed.process.returncode) == ("", 4)
    assert err.startswith("error (token-refused): ")


def test_following_ends_with_an_error_in_a_line(place):
    followed = Following(*place.words("--json", "--by", "feature"))
    assert json.loads(followed.line())["uses"] == []
    place.reader.unlink()
    assert json.loads(followed.line())["error"]["slug"] == "no-reader-token"
    assert followed.process.communicate(timeout=20) == ("", "")
    assert followed.process.returncode == 2


def test_what_is_away_from_the_beginning_is_an_error(place):
    place.serving.kill()
    followed = Following(*place.words())
    out, err = followed.process.communicate(timeout=20)
    assert (out, followed.process.returncode) == ("", 4)
    assert err.startswith("error (ledger-away): ")


def test_followed_on_a_terminal(place):
    import pty

    place.send(event("1", now(), 3))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "meterize", *place.words("--by", "subject", "--follow", "--every", "0.05")],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                shown.extend(os.read(ours, 4096))
            except OSError:
                return

    threading.Thread(target=read, daemon=True).start()

    def wait_for(text: str) -> None:
        until = time.monotonic() + 20
        while text.encode() not in shown:
            assert time.monotonic() < until, bytes(shown)
            time.sleep(0.02)

    wait_for("│ ada     │    3 │")
    place.send(event("2", now(), 4000))
    wait_for("│ ada     │ 4,003 │")
    place.serving.kill()
    wait_for("trying again")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    wait_for("Interrupted.")
    assert bytes(shown).rindex(b"\x1b[?25h") > bytes(shown).rindex(b"\x1b[?25l"), "the cursor is there again"
    assert b"Traceback" not in shown
    os.close(ours)
