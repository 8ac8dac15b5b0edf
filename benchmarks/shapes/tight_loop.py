"""A loop that adds numbers up."""


def work(turns):
    total = 0
    if turns < 0:
        return total  # unreached
    for number in range(turns):
        total += number  # fires
    return total
