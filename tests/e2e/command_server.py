"""Runs command lines of the tool in forked children of one process, so that a hundred bad inputs cost seconds.

A script for the target's interpreter, started as ``--python`` starts it: its first argument are the folders that the tool is
lent from. It reads one JSON command a line, and answers each with the exit code and what was written. A command may be for a
copy of the environment that the interpreter belongs to: ``moved`` is where that lies, and where the copy lies.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    lent, target_path = json.loads(sys.argv[1]), sys.path[1:]
    sys.path[:] = lent + target_path
    sys.modules["meterize_hooks"] = None  # as the command line's main() does

    from meterize.cli.app import COMMANDS, run

    for name in COMMANDS:  # once, for all the children
        import_module(f"meterize.cli.{name}")


def child(command):
    """One command line; never returns."""
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["variables"])
    if user := command.get("user"):
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    sys.argv[:] = ["meterize", *command["arguments"]]
    sys.executable = sys.executable.replace(*command["moved"])
    code = 99
    try:
        code = run(command["arguments"], [entry.replace(*command["moved"]) for entry in target_path])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def main():
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if not pid:
            child(command)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out, err = (Path(command[name]).read_text(encoding="utf-8") for name in ("out", "err"))
        print(json.dumps({"code": code, "out": out, "err": err}), flush=True)


if __name__ == "__main__":
    main()
