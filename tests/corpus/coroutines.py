def run(coroutine):
    """A loop of its own, so that no other code's lines are seen."""
    log = []
    try:
        while True:
            log.append(coroutine.send(None))
    except StopIteration as stop:
        return log, stop.value


class Pause:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        yield self.value
        return self.value * 2


class Manager:
    def __init__(self, swallow=False):
        self.swallow = swallow

    async def __aenter__(self):
        return await Pause("enter")

    async def __aexit__(self, kind, error, traceback):
        await Pause(kind and kind.__name__)
        return self.swallow


async def ticks(n):
    for i in range(n):
        yield await Pause(i)


class Numbers:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        return await Pause(self.n)


async def awaits():
    first = await Pause(1)
    return [first, await Pause(2), (await Pause(3)) + 1]


async def loops(n):
    seen = []
    async for value in ticks(n):
        if value == 2: continue
        seen.append(value)
        if value > 6:
            break
    else:
        seen.append("else")
    async for a in Numbers(2):
        async for b in Numbers(2):
            seen.append((a, b))
    return seen


async def managers():
    log = []
    async with Manager() as entered, Manager(swallow=True):
        log.append(entered)
        raise KeyError("swallowed")
    async with Manager():
        for i in range(3):
            async with Manager():
                if i:
                    return log


async def comprehensions(n):
    return (
        [v async for v in ticks(n)],
        {v: await Pause(v) async for v in ticks(n) if v},
        [v async for v in (w async for w in ticks(n))],
        [await Pause(i) for i in range(2)],
    )


async def failing():
    async with Manager():
        await Pause(1)
        return (await Pause("x")) / 2


async def thrown():
    try:
        await Pause(1)
    except OSError as error:
        await Pause(repr(error))
        raise ValueError from error


def drive_thrown():
    coroutine = thrown()
    log = [coroutine.send(None), coroutine.throw(OSError("in"))]
    return log, coroutine.send(None)


def closed():
    coroutine = loops(3)
    coroutine.send(None)
    coroutine.close()
    return coroutine.cr_frame is None


async def async_generator_ways():
    gen = ticks(5)
    first = await gen.__anext__()
    try:
        await gen.athrow(KeyError("thrown"))
    except KeyError as error:
        second = repr(error)
    other = ticks(3)
    await other.asend(None)
    await other.aclose()
    return first, second, [v async for v in other]


CASES = [
    lambda: run(awaits()),
    lambda: run(loops(3)),
    lambda: run(loops(6)),
    lambda: run(managers()),
    lambda: run(comprehensions(3)),
    lambda: run(failing()),
    drive_thrown,
    closed,
    lambda: run(async_generator_ways()),
]
