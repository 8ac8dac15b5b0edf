COUNT = 0


def counter(start):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    return step, lambda: count


def bump():
    global COUNT
    COUNT += 1
    return COUNT


class Base:
    registry = []

    def __init_subclass__(cls, **options):
        cls.registry.append((cls.__name__, options))

    def greet(self):
        return "base"


def make(bonus):
    class Child(Base, flavour=bonus):
        bonus_given = bonus
        squares = [n * bonus for n in range(3)]

        def greet(self):
            return super().greet(), __class__.__name__, self.bonus_given

        @property
        def twice(self):
            return bonus * 2

        @staticmethod
        def plain(a, /, b=2, *rest, c, d=4, **options):
            return a, b, rest, c, d, options

    return Child


def decorated(times):
    def decorate(function):
        def wrapper(*args, **options):
            return [function(*args, **options) for _ in range(times)]

        return wrapper

    return decorate


@decorated(2)
def shout(word, *, end="!"):
    return f"{word.upper()!r:>8}{end}"


def free_after_delete():
    value = 1

    def reader():
        return value

    del value
    return reader()


def documented():
    """A docstring that stays one."""
    return documented.__doc__


def undocumented(n):
    return undocumented.__doc__, (lambda: n).__doc__


def default_arguments(a, b=[], *, c={}):
    b.append(a)
    c[a] = len(b)
    return b, c


CASES = [
    lambda: [f() for f in counter(5)] + [counter(1)[0](by=4)],
    bump,
    lambda: (make(3)().greet(), make(4)().twice, make(5).squares, Base.registry.clear()),
    lambda: make(1).plain(1, 3, 5, c=6, e=7),
    lambda: make(1).plain(1),
    lambda: shout("word", end="?"),
    free_after_delete,
    documented,
    lambda: undocumented(3),
    lambda: [sorted(map(str, default_arguments(n))) for n in range(2)],
]
