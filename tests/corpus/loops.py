def nested(n):
    total = 0
    for i in range(n):
        for j in (1, 2, 3):
            if j == 2 and i % 2:
                continue
            if i > 3:
                break
            total += i * j
        else:
            total += 100
            continue
        total -= 1
    return total


def whiles(n):
    seen = []
    while n > 0:
        n -= 1
        if n == 3:
            continue
        seen.append(n)
        if n < 2: break
    else:
        seen.append("never")
    while True:
        n += 1
        if n > 5 or not seen:
            return seen, n


def one_line(n):
    for i in range(n): n += i if i % 2 else -i
    while n > 5: n -= 1
    return n


def unpacking(pairs):
    found = {}
    for key, (first, *rest) in pairs:
        found[key] = first, rest
    for found[0] in range(2):
        pass
    return sorted(map(str, found.items()))


def forever():
    while 1:
        try:
            yield 1
        finally:
            break
    yield 2


def exhausted(iterator):
    for item in iterator:
        for _ in iterator:
            pass
    return item


def fails_in_iterator(n):
    def broken():
        yield 1
        raise KeyError(n)

    for item in broken():
        n += item
    return n


CASES = [
    lambda: nested(6),
    lambda: whiles(7),
    lambda: whiles(1),
    lambda: one_line(7),
    lambda: unpacking([(1, (2, 3)), ("a", "xyz")]),
    lambda: list(forever()),
    lambda: exhausted(iter([1, 2, 3])),
    lambda: fails_in_iterator(4),
]
