"""A ledger that serves, with readers of it, for those who ask it by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.ledger.serving import Serving, command


def event(name, time, uses=1, *, subject="ada", feature="xlsx", package="tablib"):
    data = {"feature": feature, "value": uses, "package": package}
    return {"specversion": "1.0", "id": name, "source": "shop", "type": "x", "subject": subject, "time": time, "data": data}


class Place:
    """A ledger that serves, and files with tokens."""

    def __init__(self, folder: Path) -> None:
        self.database, self.folder = str(folder / "ledger.db"), folder
        self.source = command("token", "add", "--source", "web", database=self.database)["token"]
        self.reader = self.token_file("all", "--reader", "all")
        self.ada = self.token_file("ada", "--reader", "ada", "--subject", "ada")
        self.serving = Serving(self.database, rate=1e5)

    def token_file(self, name: str, *words: str) -> Path:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(command("token", "add", *words, database=self.database)["token"] + "\n")
        return file

    def send(self, *events: object) -> None:
        kind = "application/cloudevents-batch+json"
        answer = self.serving.client.post(
            f"{self.serving.url}/api/v1/events",
            content=json.dumps(events),
            headers={"Authorization": f"Bearer {self.source}", "Content-Type": kind},
        )
        assert answer.status_code == 204, answer.text

    def words(self, *words: str, token: Path | None = None) -> list[str]:
        return ["usage", "--ledger", self.serving.url, "--token-file", str(token or self.reader), *words]


def make_place(made: Path, folder: Path) -> Place:
    shutil.copy(made, folder / "ledger.db")
    return Place(folder)
