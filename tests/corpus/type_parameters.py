from typing import TypeVar


def first[T: (int, str), *Rest, **Spec](items: list[T]) -> T:
    return items[0]


class Box[T]:
    def __init__(self, item: T) -> None:
        self.item = item

    def mapped[U](self, function) -> "Box[U]":
        return Box(function(self.item))


type Pairs[K, V] = dict[K, list[tuple[K, V]]]

CASES = [
    lambda: first([3, 4]),
    lambda: first([]),
    lambda: Box(2).mapped(lambda n: n + 1).item,
    lambda: (str(Pairs.__value__), [p.__name__ for p in first.__type_params__], first.__type_params__[0].__constraints__),
]
