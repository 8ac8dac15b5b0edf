import asyncio
import sys
from annotationlib import Format, get_annotations
from string.templatelib import Interpolation, Template


def rendered(template):
    return "".join(f"<{part.expression}={part.value!r:{part.format_spec}}>" if isinstance(part, Interpolation) else part for part in template)


def templates(name, width):
    greeting = t"hello {name} and {name!r:>{width}}{width=}"
    return rendered(greeting), t"" == Template(), rendered(t"{name}{width}")


def formatted(name):
    return f"{name!s:>{len(name) + 2}}{f'{name}' f"{name!r}"}"


def leaving(values):
    for value in values:
        try:
            if value > 2:
                return value
            if value == 2:
                break
        except TypeError, ValueError:
            continue
        finally:
            values = values[1:]
    # None of these reaches the end of a generator in a loop that hooks make longer than 255 units: from 3.13 on settrace reports
    # a StopIteration there, in any code, hooked or not, since it instruments the prefix of FOR_ITER and lets that specialize.
    return (
        any(value for value in (0, 1)),
        all(value for value in (1, 0)),
        tuple(value for value in values),
    )


class Annotated:
    field: Missing
    if sys.flags.interactive < 5:
        other: list[Absent] = 1

    def method(self, value: Missing, *rest: "Absent") -> Annotated:
        local: Nowhere = value
        return local


def described():
    return (
        get_annotations(Annotated, format=Format.STRING),
        sorted(get_annotations(Annotated.method, format=Format.FORWARDREF)),
        get_annotations(Annotated.method, format=Format.STRING),
    )


def missing():
    return Annotated.__annotations__


class Source:
    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return kind is KeyError

    async def __aiter__(self):
        for number in range(4):
            await asyncio.sleep(0)
            yield number


async def consumed(stop):
    seen = []
    async with Source() as source:
        async for number in source:
            if number == stop:
                break
            if number > stop:
                raise KeyError(number)
            seen.append(number)
        else:
            seen.append("all")
        async for number in source:
            seen.append(-number)
    return seen, [number async for number in Source() if number]


CASES = [
    lambda: templates("ann", 7),
    lambda: formatted("bob"),
    lambda: leaving([1, 2, 3]),
    lambda: leaving([3]),
    lambda: leaving(["x", 0, 1]),
    described,
    missing,
    lambda: asyncio.run(consumed(2)),
    lambda: asyncio.run(consumed(9)),
    lambda: asyncio.run(consumed(-1)),
    lambda: assertion(0),
]


def assertion(value):
    assert value, t"{value}"
    return value
