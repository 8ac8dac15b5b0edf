"""The company that generated programs keep: what they call, wait for and are called by. Nothing here is hooked or compared."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator

STEPS_AT_MOST = 40
ADVANCES_AT_MOST = 400


def num(value: object) -> int:
    """A small number whatever the value, so that programs go on computing with it."""
    if isinstance(value, (int, float)):
        return int(value) % 97 if abs(value) < 1e12 else 7
    return len(value) % 97 if isinstance(value, (str, tuple, list, dict, set)) else 5


class Manager:
    """A context manager of both kinds that swallows exceptions or does not."""

    def __init__(self, swallow: object) -> None:
        self.swallow = swallow

    def __enter__(self) -> object:
        return self.swallow

    def __exit__(self, *_: object) -> object:
        return self.swallow

    async def __aenter__(self) -> object:
        return await Pause()

    async def __aexit__(self, *_: object) -> object:
        await Pause()
        return self.swallow


class Pause:
    """Something to wait for: gives control to whoever drives, and takes what is sent."""

    def __await__(self) -> Iterator[int]:
        return (yield 7)


class Pair:
    """Something with positions, attributes and items for patterns to look at."""

    __match_args__ = ("left", "right")

    def __init__(self, left: object, right: object) -> None:
        self.left, self.right = left, right

    def __repr__(self) -> str:
        return f"Pair({self.left!r}, {self.right!r})"


async def ticks(count: int) -> object:
    """An asynchronous iterator that pauses."""
    for number in range(count):
        await Pause()
        yield number


def passing(function: object) -> object:
    """A decorator."""
    return function


def labelled(label: object) -> Callable[[object], object]:
    """A decorator with an argument."""
    return lambda decorated: decorated


def drive(started: object, moves: str = "nsntsn") -> object:
    """What a generator, coroutine or asynchronous generator does when it is moved so: next, send, throw, close.

    Whatever else is given is the result itself.
    """
    if isinstance(started, types.AsyncGeneratorType):
        return _drive_asynchronous(started, moves)
    if not hasattr(started, "send"):
        return started
    log: list[object] = []
    try:
        for number, move in enumerate((moves * STEPS_AT_MOST)[:STEPS_AT_MOST]):
            log.append(_move(started, move, number))
    except StopIteration as stop:
        log.append(stop.value)
    finally:
        started.close()
    return log


def _move(started: types.GeneratorType, move: str, number: int) -> object:
    if move == "t":
        return started.throw(KeyError(number))
    if move == "s" and number:
        return started.send(number)
    if move == "c" and number > 2:
        return started.close()
    return next(started) if isinstance(started, types.GeneratorType) else started.send(None)


def _drive_asynchronous(started: types.AsyncGeneratorType, moves: str) -> list[object]:
    log: list[object] = []
    try:
        for number, move in enumerate((moves * STEPS_AT_MOST)[:STEPS_AT_MOST]):
            if move == "t":
                log.append(_finish(started.athrow(KeyError(number))))
            elif move == "c" and number > 2:
                log.append(_finish(started.aclose()))
            else:
                log.append(_finish(started.asend(number if move == "s" and number else None)))
    except StopAsyncIteration:
        log.append("end")
    finally:
        _finish(started.aclose())
    return log


def _finish(awaitable: object) -> object:
    iterator = awaitable.__await__()
    try:
        for _ in range(ADVANCES_AT_MOST):
            next(iterator)
    except StopIteration as stop:
        return stop.value
    return "endless"


KEPT = {each.__name__: each for each in (num, Manager, Pause, Pair, ticks, passing, labelled, drive)}
"""By the names under which programs know them."""
