def down(n):
    try:
        return down(n + 1)
    except RecursionError:
        return "bottom"


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def mutual(n):
    def even(k): return True if k == 0 else odd(k - 1)
    def odd(k): return False if k == 0 else even(k - 1)
    return even(n), odd(n)


CASES = [lambda: down(0), lambda: factorial(20), lambda: mutual(10)]
