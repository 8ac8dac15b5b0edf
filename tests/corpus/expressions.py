def conditional(a, b):
    return (a if b else -a), (a and b or "none"), not a, a is not b, (a or b) and (b or a)


def comparisons(a, b, c):
    return a < b < c, a in (b, c), a == b != c, a is None, c is not None, not (a < b)


def in_condition(values):
    found = []
    for v in values:
        if v and v > 2 or v == -1: found.append(v)
        if not (v < 3 and v != 1): found.append("x")
        assert v != 99, f"bad {v}"
        if v is None or v is ...:
            pass
    return found


def subscripts(values):
    values[0], values[1:2] = 9, [8, 8]
    values[-1] += 5
    del values[0]
    values[::2] = "ab"
    return values, values[1:], values[:-1]


def strings(name, width):
    return f"{name}", f"{name!r:>{width}}", f"{name=}", "%s-%s" % (name, width), f"{width:04d}" "tail"


def calls(function, values):
    return function(*values), function(1, *values, **{"key": str}), function(*values, key=lambda v: -v), dict(**{"a": 1}, b=2)


def unpack(values):
    a, b = values[:2]
    (c, d), *e = [values[:2], *values]
    f, = e[:1]
    return a, b, c, d, e, f, {**{"k": 1}, "l": [*e, *e]}


def fails_in_middle(a, b):
    return (a + 1,
            a.missing(b),
            b)


def fails_in_call(function):
    return function(
        1,
        2,
        function(3),
    )


def many_lines(a):
    result = (
        a
        + 1
        + max(
            a,
            -a,
        )
    )
    return [
        result,
        a if
        a > 3
        else -a,
    ]


def asserts(value):
    assert isinstance(value, int)
    assert value, (
        "must be true"
    )
    return value


def imports():
    import os.path as path
    from collections import OrderedDict, abc as c
    return path.basename("a/b"), OrderedDict.__name__, c.__name__


def annotated():
    x: int = 3
    y: str
    return x


def empty(): pass


def constant(): return 1


CASES = [
    lambda: [conditional(a, b) for a in (0, 1) for b in (0, 2)],
    lambda: comparisons(1, 2, 3) + comparisons(3, 2, 1),
    lambda: in_condition([1, 2, 3, -1, 0]),
    lambda: in_condition([4, 99]),
    lambda: subscripts([1, 2, 3, 4]),
    lambda: strings("name", 9),
    lambda: calls(max, [3, 5]),
    lambda: calls(max, []),
    lambda: unpack([1, 2, 3]),
    lambda: unpack([1]),
    lambda: fails_in_middle(1, 2),
    lambda: fails_in_call(print.__self__.divmod),
    lambda: many_lines(2) + many_lines(5),
    lambda: asserts(3),
    lambda: asserts(0),
    imports,
    annotated,
    empty,
    constant,
]
