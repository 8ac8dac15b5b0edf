"""The environment of child processes: a suite that starts Python with variables of its own choice is measured there too.

Only our variables are put back, and only for what looks like Python.
"""

from __future__ import annotations

import _posixsubprocess
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from os import environb, fsencode
from os.path import dirname
from typing import Any

from . import contexts, journal

_HERE = fsencode(dirname(dirname(__file__)))
_BIN = fsencode(dirname(sys.executable))
_FOLDER_KEY, _CONTEXT_KEY = b"METERIZE_RUN_FOLDER", fsencode(contexts.VARIABLE)
_FOLDER = fsencode(journal.FOLDER)
_PLUGIN = b"meterize_run.pytest_plugin"
_ENVIRONMENT_AT = 5
"""The place of the environment among ``fork_exec``'s arguments (Modules/_posixsubprocess.c)."""

_inherited = environb


def keep() -> None:
    """Wrap the three primitives below ``subprocess``, ``multiprocessing``, ``os.spawn*`` and ``os.exec*``."""
    fork_exec, posix_spawn, posix_spawnp, execve = _posixsubprocess.fork_exec, os.posix_spawn, os.posix_spawnp, os.execve

    def fork_exec_inside(*arguments: Any) -> Any:
        if len(arguments) > _ENVIRONMENT_AT:
            arguments = (
                *arguments[:_ENVIRONMENT_AT],
                _listed(arguments[0], arguments[1], arguments[_ENVIRONMENT_AT]),
                *arguments[_ENVIRONMENT_AT + 1 :],
            )
        return fork_exec(*arguments)

    def wrap(start: Callable[..., Any]) -> Callable[..., Any]:
        def start_inside(path: Any, argv: Any, env: Any, *rest: Any, **keywords: Any) -> Any:
            return start(path, argv, _mapped(path, argv, env), *rest, **keywords)

        start_inside.__name__ = start_inside.__qualname__ = start.__name__
        start_inside.__doc__ = start.__doc__
        return start_inside

    _posixsubprocess.fork_exec = fork_exec_inside
    os.posix_spawn, os.posix_spawnp = wrap(posix_spawn), wrap(posix_spawnp)
    os.execve = wrap(execve)


def _listed(arguments: Sequence[Any], executables: Sequence[bytes], given: Sequence[bytes] | None) -> Sequence[bytes] | None:
    """``fork_exec``'s environment: ``NAME=value`` strings, or None to inherit."""
    try:
        if given is None:
            completed = _completed(_inherited, (*executables, *arguments))
        else:
            variables = dict(item.partition(b"=")[::2] for item in given)
            completed = _completed(variables, (*executables, *arguments))
        return given if completed is None else [key + b"=" + value for key, value in completed.items()]
    except Exception:  # noqa: BLE001  # odd arguments are for fork_exec to refuse
        return given


def _mapped(path: Any, arguments: Sequence[Any], given: Any) -> Any:
    """The environment of ``execve`` and ``posix_spawn``: a mapping of text or bytes."""
    try:
        variables = {fsencode(key): fsencode(value) for key, value in given.items()}
        completed = _completed(variables, (path, *arguments))
        return given if completed is None else completed
    except Exception:  # noqa: BLE001  # odd arguments are for the system call to refuse
        return given


def _completed(given: Mapping[bytes, bytes], words: Sequence[Any]) -> dict[bytes, bytes] | None:
    """``given`` with our variables as they should be; None if nothing has to change."""
    token = contexts.token.encode()
    path = given.get(b"PYTHONPATH", b"")
    entries = path.split(b":") if path else []
    complete = given.get(_FOLDER_KEY) == _FOLDER and _HERE in entries
    if complete and given.get(_CONTEXT_KEY, b"") == token:
        return None
    if not complete and not _looks_like_python(words):
        return None
    changed = dict(given)
    changed[_FOLDER_KEY], changed[_CONTEXT_KEY] = _FOLDER, token
    if not complete:
        changed[b"PYTHONPATH"] = b":".join([_HERE, *(entry for entry in entries if entry != _HERE)])
        plugins = [plugin for plugin in given.get(b"PYTEST_PLUGINS", b"").split(b",") if plugin]
        changed[b"PYTEST_PLUGINS"] = b",".join(plugins if _PLUGIN in plugins else [_PLUGIN, *plugins])
    return changed


def _looks_like_python(words: Sequence[Any]) -> bool:
    return any(b"python" in (text := fsencode(word)) or dirname(text) == _BIN for word in words)
