"""`meterize ledger`, as a process: from the first token to the proof of an export."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.ledger.made import as_json
from tests.ledger.serving import ENVIRONMENT, Serving, command

from meterize_ledger.proof.chain import COLUMNS


@pytest.fixture
def filled(place):
    """A ledger that was sent something by a source and is read by ada."""
    source = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place)
    server.post("/api/v1/counters", as_json({"ada": 3, "bob": 4, "=1+1\n": 5}), source)
    event = {
        "specversion": "1.0",
        "id": "7",
        "source": "shop",
        "type": "pdf",
        "subject": "ada",
        "data": {"value": 2, "x": "é\r\n"},
    }
    assert server.post("/api/v1/events", event, source).status_code == 204
    server.end()
    return place


def test_the_server_as_an_operator_starts_and_ends_it(tmp_path):
    words = ["serve", "--json", "--port", "0", "--database", tmp_path / "ledger.db"]
    process = subprocess.Popen(
        [sys.executable, "-m", "meterize", "ledger", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout
    lines = ""
    while not lines.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()
        lines += line
    url = json.loads(lines)["url"]
    assert httpx.get(f"{url}/api/v1/health").json() == {"status": "ok"}
    assert quickest(url) < 0.03  # Nagle's algorithm would make it 0.04
    process.terminate()
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def quickest(url: str) -> float:
    """Seconds of the quickest answer of many over one connection."""
    took = []
    with httpx.Client() as client:
        for _ in range(20):
            began = time.perf_counter()
            client.get(f"{url}/api/v1/health")
            took.append(time.perf_counter() - began)
    return min(took)


def test_from_the_first_token_to_the_proof(filled, tmp_path: Path):
    done = command("correct", "web", "1", "--uses", "-1", "--by", "support", "--why", "a test", "--id", "t7", database=filled)
    assert (done["before"], done["after"]) == (3, 2)
    forms = ["jsonl", "csv"]
    try:
        import pyarrow  # noqa: F401

        forms.append("parquet")
    except ImportError:
        pass
    for form in forms:
        file = tmp_path / f"all.{form}"
        written = command("export", str(file), database=filled)
        assert (written["rows"], written["shown"]) == (5, 5)
        (chain,) = written["chains"]
        end = f"web:{chain['seq']}:{chain['link']}"
        proof = command("prove", str(file), "--end", end)
        assert proof["holds"]
        assert [(each["seq"], each["uses"]) for each in proof["chains"]] == [(5, 13)]
        own = tmp_path / f"ada.{form}"
        assert command("export", str(own), "--subject", "ada", database=filled)["shown"] == 3
        assert b"bob" not in own.read_bytes()
        assert command("prove", str(own), "--end", end)["chains"][0]["uses"] == 4
    forged = tmp_path / "forged.jsonl"
    forged.write_text((tmp_path / "all.jsonl").read_text().replace('"uses": 4', '"uses": 5'))
    assert not command("prove", str(forged), code=1)["holds"]
    head = (tmp_path / "all.csv").read_text().splitlines()[0]
    assert head.split(",") == list(COLUMNS)


def test_tokens_are_listed_and_revoked(place):
    made = command("token", "add", "--source", "web", database=place)
    reader = command("token", "add", "--reader", "r", "--subject", "ada", "--scope", "read", database=place)
    listed = command("token", "list", database=place)["tokens"]
    assert [(each["name"], each["scopes"], each["revoked"]) for each in listed] == [
        ("web", ["ingest"], None),
        ("r", ["read"], None),
    ]
    assert command("token", "revoke", reader["token"], database=place)["revoked"] == reader["id"]
    assert command("token", "list", database=place)["tokens"][1]["revoked"] is not None
    assert command("token", "revoke", "nobody", database=place, code=4)["error"]["slug"] == "no-such-token"
    assert command("token", "add", database=place, code=2)["error"]["slug"] == "token-of-whom"
    assert made["token"] not in json.dumps(listed)


def test_a_token_goes_to_a_file_of_its_own(place, tmp_path: Path):
    file = tmp_path / "web.token"
    made = command("token", "add", "--source", "web", "--to", str(file), database=place)
    assert "token" not in made
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert text.split("_")[1] == made["id"]
    assert (
        command("token", "add", "--source", "web", "--to", str(file), database=place, code=4)["error"]["slug"] == "token-file"
    )
    assert file.read_text() == text
    other = tmp_path / "other.token"
    refused = command("token", "add", "--source", "\n", "--to", str(other), database=place, code=2)
    assert (refused["error"]["slug"], other.exists()) == ("bad-name", False)
    assert len(command("token", "list", database=place)["tokens"]) == 1


def test_a_file_is_imported_once(place, tmp_path: Path):
    file = tmp_path / "old.csv"
    file.write_text(
        "id,time,feature,uses,subject,package\n1,2026-01-02T03:04:05Z,xlsx,3,ada,tablib\n2,2026-01-02T03:04:05Z,pdf,,,\n"
    )
    for recorded in (2, 0):
        done = command("import", str(file), "--source", "old", database=place)
        assert (done["read"], done["recorded"]) == (2, recorded)
    bad = tmp_path / "bad.csv"
    bad.write_text("id,time,feature,uses\n3,2026-01-02T03:04:05Z,xlsx,1\n4,never,xlsx,1\n")
    error = command("import", str(bad), "--source", "old", database=place, code=2)["error"]
    assert error["slug"] == "import-refused"
    assert "row 2" in error["message"]
    lines = tmp_path / "events.jsonl"
    lines.write_text('{"specversion":"1.0","id":"9","source":"s","type":"pdf","time":"2026-01-02T03:04:05Z"}\n')
    assert command("import", str(lines), "--source", "old", database=place)["recorded"] == 1
    written = command("export", str(tmp_path / "all.jsonl"), database=place)
    assert written["chains"][0]["seq"] == 3
    assert '"marks": "imported,late"' in (tmp_path / "all.jsonl").read_text()


def test_a_spool_of_a_version_before_usage_files_is_imported_once(place, tmp_path: Path):
    """Uses by hook, subject, from and to, and what could not be counted: lines as version 0.1 wrote them."""
    names, event = {"feature": "xlsx", "package": "tablib"}, {
        "specversion": "1.0",
        "type": "meterize.use",
        "source": "urn:meterize:01934c2e-7a10-7c3e-8a51-0f4c1d2e3b4a",
        "time": "2025-11-22T08:26:40.250000Z",
    }  # fmt: skip
    uses = {**names, "hook": "tablib/xlsx/1"}
    lines = [
        event | {"id": "tablib/xlsx/1::0-3", "data": uses | {"value": 3}},
        event | {"id": "tablib/xlsx/1:ada:0-2", "subject": "ada", "data": uses | {"value": 2}},
        event | {"id": "tablib/xlsx/1:ada:2-7", "subject": "ada", "data": uses | {"value": 5}},
        event
        | {"type": "meterize.lost", "id": "lost:no-room:1"}
        | {"data": {**names, "reason": "no-room", "hook": "", "value": 2}},
    ]
    file = tmp_path / "01934c2e-7a10-7c3e-8a51-0f4c1d2e3b4a.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for recorded in (4, 0):
        done = command("import", str(file), "--source", "old", database=place)
        assert (done["read"], done["recorded"], done["differing"]) == (4, recorded, 0)
    written = tmp_path / "all.jsonl"
    command("export", str(written), database=place)
    records = [json.loads(line) for line in written.read_text().splitlines()]
    assert [(each["subject"], each["uses"]) for each in records] == [(None, 3), ("ada", 2), ("ada", 5), (None, 0)]
    assert "loss" in records[-1]["marks"]


def test_slips_of_the_operator(tmp_path: Path):
    odd = tmp_path / "odd.db"
    odd.write_bytes(b"no database, " * 100)
    assert command("token", "list", database=str(odd), code=2)["error"]["slug"] == "not-a-ledger"
    assert command("token", "list", database="mysql://x/y", code=2)["error"]["slug"] == "database-url"
    assert (
        command("token", "list", database="postgresql://a:secret@127.0.0.1:1/x", code=4)["error"]["slug"]
        == "ledger-unavailable"
    )
    assert command("prove", str(tmp_path / "none.jsonl"), code=2)["error"]["slug"] == "export-unreadable"
    assert command("prove", str(odd), code=2)["error"]["slug"] == "export-unreadable"
    assert command("prove", str(odd), "--end", "x", code=2)["error"]["slug"] == "bad-end"
    place = str(tmp_path / "ledger.db")
    command("token", "add", "--reader", "r", database=place)
    assert (
        command("correct", "web", "1", "--uses", "1", "--by", "a", "--why", "b", database=place, code=2)["error"]["slug"]
        == "no-such-source"
    )
    nowhere = str(tmp_path / "no" / "such" / "file.csv")
    assert command("export", nowhere, database=place, code=4)["error"]["slug"] == "export-unwritable"
    error = command("serve", "--host", "192.0.2.1", database=place, code=2)["error"]
    assert (error["slug"], "Errno" in error["message"]) == ("address-refused", False)
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_a_newer_ledger_is_refused(place):
    from sqlalchemy import text

    from meterize_ledger.service.ledger import open_ledger

    database = open_ledger(place)
    database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close()
    try:
        assert command("token", "list", database=place, code=2)["error"]["slug"] == "ledger-newer"
    finally:
        database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0002'")))
        database.close()


def test_without_the_extra_the_word_is_clear_and_proofs_work(tmp_path: Path):
    """In a process where the packages of the extra cannot be found."""
    program = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Few(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        gone = ('sqlalchemy', 'alembic', 'msgspec', 'starlette', 'uvicorn', 'psycopg', 'pyarrow')\n"
        "        return None if name.partition('.')[0] in gone else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = [Few if finder is PathFinder else finder for finder in sys.meta_path]\n"
        "from meterize.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    file = tmp_path / "empty.jsonl"
    file.touch()
    for words, code, expected in (
        (("serve",), 2, "ledger-extra-missing"),
        (("prove", str(file)), 1, '"holds": false'),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, "ledger", *words, "--json"],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
        assert (done.returncode, expected in done.stdout) == (code, True), done.stdout + done.stderr


def test_help_lists_everything_and_imports_nothing_heavy():
    program = (
        "import sys; from meterize.cli.app import run; code = run(['ledger', '--help'])\n"
        "sys.exit(code or any(name in sys.modules for name in ('sqlalchemy', 'starlette', 'alembic', 'msgspec')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("serve", "token", "export", "import", "correct", "prove"):
        assert f"\n  {name} " in done.stdout
