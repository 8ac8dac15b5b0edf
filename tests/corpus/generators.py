def echo():
    received = []
    while True:
        try:
            value = yield len(received)
        except KeyError as error:
            received.append(repr(error))
            continue
        except GeneratorExit:
            received.append("exit")
            raise
        if value is None:
            return received
        received.append(value)


def delegating():
    result = yield from echo()
    yield result
    try:
        yield from [1, 2]
    finally:
        yield "finally"
    return "end"


def drive():
    gen = delegating()
    log = [next(gen), gen.send("a"), gen.throw(KeyError(1)), gen.send("b")]
    log.append(gen.send(None))
    log += list(gen)
    return log


def closed():
    gen = delegating()
    next(gen)
    gen.close()
    try:
        next(gen)
    except StopIteration as stop:
        return stop.value


def thrown_into_list():
    gen = delegating()
    next(gen), gen.send(None), next(gen)
    return gen.throw(OSError("in"))


def stops_early():
    def inner():
        raise StopIteration(5)
        yield

    return list(inner())


def returns_value():
    def inner():
        yield 1
        return 2

    def outer():
        return (yield from inner()) * 10

    gen = outer()
    next(gen)
    try:
        next(gen)
    except StopIteration as stop:
        return stop.value


def recursive(tree):
    for node in tree:
        if isinstance(node, list):
            yield from recursive(node)
        else:
            yield node


def expression():
    def inner():
        x = [(yield 1), (yield 2)]
        yield x, (yield)

    gen = inner()
    return [next(gen), gen.send("a"), gen.send("b"), gen.send("c")]


def throw_at_start():
    return echo().throw(ValueError("not started"))


CASES = [
    drive,
    closed,
    thrown_into_list,
    stops_early,
    returns_value,
    lambda: list(recursive([1, [2, [3, []], 4]])),
    expression,
    throw_at_start,
]
