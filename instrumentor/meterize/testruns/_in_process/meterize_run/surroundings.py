"""The environment of child processes: a suite that starts Python with variables of its own choice is measured there too.

Only our variables are put back, and only for what looks like Python.
"""

from __future__ import annotations

import _posixsubprocess
import os
import sys
from os import environb, fsencode

from .contexts import VARIABLE, Contexts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


_FOLDER_KEY, _CONTEXT_KEY, _PATH_KEY = b"METERIZE_RUN_FOLDER", VARIABLE.encode(), b"PYTHONPATH"
_ENVIRONMENT_AT = 5
"""The place of the environment among ``fork_exec``'s arguments (Modules/_posixsubprocess.c)."""


class Surroundings:
    """What children of this process have to find in their environment."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._inherited = environb
        self._folder = fsencode(contexts.journal.folder)
        self._here = fsencode(__file__.rpartition("/meterize_run/")[0])
        self._programs = fsencode(sys.executable or "").rpartition(b"/")[0]

    def keep(self) -> None:
        """Wrap the primitives below ``subprocess``, ``multiprocessing``, ``os.spawn*`` and ``os.exec*``."""
        fork_exec = _posixsubprocess.fork_exec

        def fork_exec_inside(*arguments: Any) -> Any:
            if len(arguments) > _ENVIRONMENT_AT:
                environment = self._listed(arguments[:2], arguments[_ENVIRONMENT_AT])
                arguments = (*arguments[:_ENVIRONMENT_AT], environment, *arguments[_ENVIRONMENT_AT + 1 :])
            return fork_exec(*arguments)

        _posixsubprocess.fork_exec = fork_exec_inside
        os.posix_spawn, os.posix_spawnp = self._wrap(os.posix_spawn), self._wrap(os.posix_spawnp)
        os.execve = self._wrap(os.execve)

    def _wrap(self, start: Callable[..., Any]) -> Callable[..., Any]:
        def start_inside(path: Any, argv: Any, env: Any, *rest: Any, **keywords: Any) -> Any:
            return start(path, argv, self._mapped((path, *argv), env), *rest, **keywords)

        start_inside.__name__ = start_inside.__qualname__ = start.__name__
        start_inside.__doc__ = start.__doc__
        return start_inside

    def _listed(self, words: Sequence[Any], given: Sequence[bytes] | None) -> Sequence[bytes] | None:
        """``fork_exec``'s environment: ``NAME=value`` strings, or None to inherit. ``words``: its arguments and programs."""
        try:
            variables = self._inherited if given is None else dict(item.split(b"=", 1) for item in given)
            completed = self._completed((*words[0], *words[1]), variables)
        except Exception:  # noqa: BLE001  # odd arguments are for fork_exec to refuse
            return given
        return given if completed is None else [key + b"=" + value for key, value in completed.items()]

    def _mapped(self, words: Sequence[Any], given: Any) -> Any:
        """The environment of ``execve`` and ``posix_spawn``: a mapping of text or bytes."""
        try:
            completed = self._completed(words, {fsencode(key): fsencode(value) for key, value in given.items()})
        except Exception:  # noqa: BLE001  # odd arguments are for the system call to refuse
            return given
        return given if completed is None else completed

    def _completed(self, words: Sequence[Any], given: Mapping[bytes, bytes]) -> dict[bytes, bytes] | None:
        """``given`` with our variables as they should be; None if nothing has to change."""
        token = self._contexts.token.encode()
        path = given.get(_PATH_KEY)
        entries = path.split(b":") if path else []
        complete = given.get(_FOLDER_KEY) == self._folder and self._here in entries
        if complete and given.get(_CONTEXT_KEY, b"") == token:
            return None
        if not complete and not self._looks_like_python(words):
            return None
        changed = {**given, _FOLDER_KEY: self._folder, _CONTEXT_KEY: token}
        if self._here not in entries:
            changed[_PATH_KEY] = b":".join([self._here, *entries])
        return changed

    def _looks_like_python(self, words: Sequence[Any]) -> bool:
        return any(b"python" in (text := fsencode(word)) or self._programs == text.rpartition(b"/")[0] != b"" for word in words)
