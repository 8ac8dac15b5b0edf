class Manager:
    def __init__(self, log, swallow=False):
        self.log = log
        self.swallow = swallow

    def __enter__(self):
        self.log.append("enter")
        return self, 2

    def __exit__(self, kind, error, traceback):
        self.log.append(kind and kind.__name__)
        return self.swallow


def plain(n):
    log = []
    with Manager(log):
        log.append(n)
    with Manager(log) as (manager, two), Manager(log, swallow=True):
        log.append(two)
        raise KeyError(n)
    return log


def returns(n):
    log = []
    for i in range(n):
        with Manager(log):
            if i == 1:
                continue
            with Manager(log) as pair:
                if i == 2:
                    return log, len(pair)
    return log


def not_swallowed():
    with Manager([]):
        with Manager([], swallow=False) as (manager, two):
            return manager.nothing


def no_manager():
    with 5 as five:
        return five


CASES = [lambda: plain(1), lambda: returns(4), lambda: returns(1), not_swallowed, no_manager]
