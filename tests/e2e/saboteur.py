"""Runs operations on a site folder in processes that die, or meet a failing file system, at the n-th file operation.

A script: it reads one JSON command a line and answers with one, in a forked child for each, so that thousands of real
processes cost seconds. See ``test_kill_at_every_step.py``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.errors import MeterizeError
from meterize.installed import RuntimeSource, Wanted, apply_all, locate, needs_recovery, recover, strip
from meterize.model.feature import Policy
from meterize.model.manifest import MeteredPlan
from meterize.model.rewritten import RewrittenModule

WATCHED = ("open", "write", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "fsync", "utime", "chmod")
WATCHED += ("fchmod", "chown", "setxattr", "removexattr")
NEED_ROOM = {"open", "write", "link", "mkdir"}
AUDITED = {
    "os.rename": {"replace", "rename"},
    "os.link": {"link"},
    "os.remove": {"unlink", "remove"},
    "os.mkdir": {"mkdir"},
    "os.rmdir": {"rmdir"},
    "os.utime": {"utime"},
    "os.chmod": {"chmod", "fchmod"},
    "os.chown": {"chown"},
    "open": {"open"},
}
NOW_NS = 1_700_000_000_123_456_789
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Sabotage:
    """Stands in for the functions of ``os`` that change files; counts, and strikes at number ``at``.

    ``how``: ``kill`` (a write is half done by then), ``interrupt`` (Ctrl-C), or the number of an error that is raised;
    ``lasting`` raises it from then on, and ``kinds`` are the operations that it concerns.
    """

    def __init__(self, at: int, how: str | int, *, lasting: bool, kinds: set[str]) -> None:
        self.at, self.how, self.lasting, self.kinds = at, how, lasting, kinds
        self.done: list[str] = []
        self.audited: list[str] = []
        for name in WATCHED:
            setattr(os, name, self._watch(name, getattr(os, name)))
        if at < 0:
            sys.addaudithook(self._audit)

    def _watch(self, name, real):
        def watched(*args, **kwargs):
            if name == "open" and not (args[1] if len(args) > 1 else kwargs["flags"]) & WRITING:
                return real(*args, **kwargs)
            if name in self.kinds:
                strikes = len(self.done) == self.at or (self.lasting and len(self.done) > self.at >= 0)
                self.done.append(f"{name} {Path(str(args[-1] if name == 'replace' else args[0])).name}")
                if strikes:
                    self._strike(name, real, args)
            return real(*args, **kwargs)

        return watched

    def _strike(self, name, real, args) -> None:
        if self.how == "interrupt":
            signal.raise_signal(signal.SIGINT)
        if self.how != "kill":
            raise OSError(self.how, os.strerror(self.how), str(args[0]))
        if name == "write":
            real(args[0], bytes(args[1])[: len(args[1]) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event, args) -> None:
        if event in AUDITED and (event != "open" or (isinstance(args[2], int) and args[2] & WRITING)):
            self.audited.append(event)

    def overlooked(self) -> list[str]:
        """Kinds of change that the interpreter reported more often than they were counted."""
        kinds = [entry.split()[0] for entry in self.done]
        return [event for event, names in AUDITED.items() if self.audited.count(event) > sum(map(kinds.count, names))]


def modules(package, note, files):
    found = []
    for file in files:
        source = (package.site / file).read_bytes()
        table = ("meterize", 1, package.distribution, package.version, ())
        prologue = f"NOTE = {note!r}\nTABLE = {table!r}\ntry:\n    import meterize_hooks\nexcept ImportError:\n    pass\n"
        for level in (0, 1):
            # A path that is the same in every copy of the site folder.
            code = compile_module(prologue.encode() + source, f"/site/{file}", level)
            found.append(RewrittenModule(file=file, optimization=level, pyc=dump_pyc(code, source), sites=()))
    return found


def wish(site, name, note, files):
    package = locate(name, [str(site)])
    plan = MeteredPlan(
        feature="x", policy=Policy.ONCE, plan_digest="", plan_path="x.toml", hook_points=(), plan_text=f"[{note}]\n"
    )
    return Wanted(package=package, modules=modules(package, note, files), plans=[plan])


def instrument(site, names, note, files, runtime):
    wanted = [wish(site, name, note, [file for file in files if file.startswith(name)]) for name in names]
    apply_all(wanted, runtime=RuntimeSource(folder=Path(runtime), version=note))


def use(site):
    """What the application does: import the packages and run them."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(site))
    import shop
    import shop.deep.end

    assert (shop.total(), shop.deep.end.X) == (42, 7)


def perform(command):
    site = Path(command["site"])
    match command["do"]:
        case "instrument":
            instrument(site, *command["with"])
        case "strip":
            assert strip(site, command["with"]).identical
        case "recover":
            recover(site)
        case "use":
            use(site)
        case "pending":
            return needs_recovery(site)
    return None


def child(command):
    """One command; the answer on the last line of stdout."""
    if user := command.get("user"):
        locate(command["with"][0][0], [command["site"]])  # imports what it needs while that can be read
        os.setgid(user)
        os.setuid(user)
    time.time_ns = lambda: NOW_NS
    sabotage = Sabotage(
        command.get("at", -1),
        command.get("how", "kill"),
        lasting=command.get("lasting", False),
        kinds=NEED_ROOM if command.get("room_only") else set(WATCHED),
    )
    answer = {"value": None}
    try:
        answer["value"] = perform(command)
    except MeterizeError as error:
        answer |= {"slug": error.slug, "message": error.message, "details": error.details}
    except KeyboardInterrupt:
        answer |= {"slug": "interrupted"}
    except BaseException as error:
        answer |= {"slug": "unexpected", "message": repr(error)}
    answer |= {"operations": sabotage.done, "overlooked": sabotage.overlooked()}
    print(json.dumps(answer), flush=True)
    os._exit(0)


def main():
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(json.loads(line))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            print(json.dumps({"slug": "killed"}), flush=True)


if __name__ == "__main__":
    main()
