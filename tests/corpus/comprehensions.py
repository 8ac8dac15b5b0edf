def lists(n):
    x = "outer"
    inner = [x for x in range(n) if x % 2]
    return x, inner, [(a, b) for a in range(n) for b in range(a) if a != b], [[j for j in range(i)] for i in range(3)]


def sets_and_dicts(n):
    return sorted({i % 3 for i in range(n)}), {k: v for k, v in zip("abc", range(n))}, {k: [k for _ in "ab"] for k in "xy"}


def generators(n):
    gen = (i * i for i in range(n) if i)
    return next(gen), sum(gen), list(j for i in range(3) for j in (i, -i))


def capturing(n):
    return [f() for f in [lambda i=i: i + n for i in range(3)]], [(lambda: i)() for i in range(3)]


def failing(values):
    total = 7
    return [total / value for value in values if value is not None]


def restored():
    item = 1
    try:
        [item.nothing for item in "ab"]
    except AttributeError:
        return item


def walrus(values):
    return [last := v for v in values], last, any((hit := v) > 2 for v in values), hit


def deleted():
    item = 1
    del item
    [item for item in "a"]
    return item


CASES = [
    lambda: lists(5),
    lambda: sets_and_dicts(5),
    lambda: generators(5),
    lambda: capturing(3),
    lambda: failing([1, None, 2]),
    lambda: failing([1, 0]),
    restored,
    lambda: walrus([1, 2, 3]),
    deleted,
]
