"""A loop that does nothing, with numbers that need no memory: the worst case for what a hook leaves behind."""


def count(numbers):
    total = 0
    if numbers is None:
        return total  # unreached
    for number in numbers:
        total = number + 1  # fires
    return total


def work(turns):
    numbers = range(200)
    for _ in range(turns // 200):
        count(numbers)
