"""A spool, a ledger, and an agent between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HOOKS = Path(__file__).resolve().parents[4] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))

from tests.agents.stub import TOKEN, LedgerStub  # noqa: E402

from meterize_hooks.agent.rounds import Agent  # noqa: E402
from meterize_hooks.agent.settings import Settings  # noqa: E402


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def ledger() -> Iterator[LedgerStub]:
    stub = LedgerStub()
    yield stub
    stub.close()


class Lines:
    """A journal that keeps what is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def tell(self, _topic: str, text: str, _kind: str = "") -> None:
        self.said.append(text)

    def settle(self, _topic: str, text: str = "") -> None:
        self.said.append(text)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def make_agent(spool: Path, ledger: LedgerStub, lines: Lines) -> Iterator[Callable[..., Agent]]:
    agents = []

    def make(**settings: Any) -> Agent:
        told = {"ledger": ledger.url, "spools": (str(spool),), "token_text": TOKEN, "timeout": 5.0, **settings}
        agents.append(Agent(Settings(**told), journal=lines, seed=1))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    return make_agent()
