class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def classify(subject):
    match subject:
        case 0 | 1:
            return "small"
        case int(n) if n > 100:
            return "big", n
        case [first, *middle, last] if first == last:
            return "same ends", middle
        case [Point(0, y), *_]:
            return "list of point", y
        case Point(x=x, y=0):
            return "on axis", x
        case Point(x, y):
            return x, y
        case {"kind": "a", **rest}:
            return "mapping", sorted(rest)
        case {"kind": ("b" | "c") as kind}:
            return kind
        case str() as text:
            return text.upper()
        case None:
            return "none"
        case _:
            return "other"


def in_loop(subjects):
    found = []
    for subject in subjects:
        match subject:
            case (a, b): found.append(a + b)
            case 3: continue
            case 4: break
    return found


def refuses():
    match Point(1, 2):
        case Point(1, 2, 3):
            return "never"


CASES = [
    lambda: [classify(s) for s in (0, 1, 7, 500, [1, 2, 1], [Point(0, 9), 3], Point(4, 0), Point(4, 5))],
    lambda: [classify(s) for s in ({"kind": "a", "z": 1}, {"kind": "c"}, {"kind": 1}, "text", None, 2.5, [], {})],
    lambda: in_loop([(1, 2), 3, ["a", "b"], 4, (5, 6)]),
    lambda: in_loop([(1, "x")]),
    refuses,
]
