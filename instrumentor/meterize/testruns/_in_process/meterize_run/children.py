"""Child processes: each gets a data file of its own, and belongs to the test that its parent was in."""

from __future__ import annotations

import os

from .contexts import Contexts
from .surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_PREPARED_CONTEXT = "meterize_run_context"


class Children:
    """Looks after forks, fork servers, and the environment that children get."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._renewals: list[Callable[[], None]] = []

    def watch(self) -> None:
        """Begin to."""
        os.register_at_fork(after_in_child=self._forked)
        Surroundings(self._contexts).keep()

    def on_fork(self, renew: Callable[[], None]) -> None:
        """Have ``renew`` called in each forked child, once it has a journal."""
        self._renewals.append(renew)

    def _forked(self) -> None:
        try:
            self._contexts.forked()
            for renew in self._renewals:
                renew()
        except Exception as error:  # noqa: BLE001  # it would be printed into the suite's output
            self._contexts.journal.note("trouble", repr(error))

    def adapt_spawn(self, module: Any) -> None:
        """A fork server outlives the test that started it: send the test along with each process that it is asked for."""
        describe, prepare = module.get_preparation_data, module.prepare

        def get_preparation_data(name: str) -> dict[str, Any]:
            data: dict[str, Any] = describe(name)
            data[_PREPARED_CONTEXT] = self._contexts.token
            return data

        def prepare_in_context(data: dict[str, Any]) -> None:
            self._contexts.adopt(data.get(_PREPARED_CONTEXT, self._contexts.token))
            prepare(data)

        module.get_preparation_data, module.prepare = get_preparation_data, prepare_in_context
