"""One use of a feature: a small function that is called in a loop of its own."""


def price(quantity, unit):
    return quantity * unit  # use


def work(turns):
    for _ in range(turns):
        price(7, 3)
