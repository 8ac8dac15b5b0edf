"""A small function, called in a loop; the hook stands at its entry."""


def price(quantity, unit):
    total = quantity * unit  # fires
    if total < 0:
        raise ValueError(total)  # unreached
    return total


def work(turns):
    for number in range(turns):
        price(number, 3)
