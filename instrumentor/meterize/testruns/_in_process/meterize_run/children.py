"""Child processes: each gets a data file of its own, and belongs to the test that its parent was in."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from . import contexts, hits, journal, surroundings

_PREPARED_CONTEXT = "meterize_run_context"

_on_fork: list[Callable[[], None]] = []


def watch() -> None:
    """Look after forks and after the environment that children get."""
    os.register_at_fork(after_in_child=_forked)
    surroundings.keep()


def on_fork(renew: Callable[[], None]) -> None:
    """Have ``renew`` called in each forked child, once it has a data file."""
    _on_fork.append(renew)


def _forked() -> None:
    try:
        contexts.forked(hits.tables())
        for renew in _on_fork:
            renew()
    except Exception as error:  # noqa: BLE001  # it would be printed into the suite's output
        journal.note("trouble", repr(error))


def adapt_spawn(module: Any) -> None:
    """A fork server outlives the test that started it: send the test along with each process that it is asked for."""
    describe, prepare = module.get_preparation_data, module.prepare

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = describe(name)
        data[_PREPARED_CONTEXT] = contexts.token
        return data

    def prepare_in_context(data: dict[str, Any]) -> None:
        contexts.adopt(data.get(_PREPARED_CONTEXT, contexts.token))
        prepare(data)

    module.get_preparation_data, module.prepare = get_preparation_data, prepare_in_context
