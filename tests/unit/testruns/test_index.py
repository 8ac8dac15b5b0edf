"""What suites that run at the same time share: one index, written anew for each of them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import meterize.testruns
from meterize.testruns.index import INDEX, write_index

IN_PROCESS = Path(meterize.testruns.__file__).parent / "_in_process"


def test_whoever_reads_while_it_is_written_anew_reads_all_of_it(tmp_path: Path) -> None:
    lines = [f"package/module{number}.py" for number in range(3000)]
    write_index(tmp_path, lines)
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            write_index(tmp_path, lines)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = {(tmp_path / INDEX).read_text(encoding="utf-8") for _ in range(500)}
    finally:
        is_over.set()
        writer.join()
    assert found == {"\n".join(lines)}
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]


def test_a_process_that_cannot_be_watched_says_why(tmp_path: Path) -> None:
    """It would be taken for a script that never imported the package."""
    settings = ["probes", str(sys.implementation.cache_tag), "/site", str(tmp_path / "none"), "0", "module.py"]
    (tmp_path / "settings").write_text("\n".join(settings))
    program = f"import sys; sys.path.insert(0, {str(IN_PROCESS)!r}); import meterize_run; meterize_run.start({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "FileNotFoundError" in done.stderr, "what Python calls as it starts, catches it"
    (journal,) = tmp_path.glob("*.jsonl")
    notes = [json.loads(line) for line in journal.read_text().splitlines()]
    assert any("FileNotFoundError" in note.get("trouble", "") for note in notes)
