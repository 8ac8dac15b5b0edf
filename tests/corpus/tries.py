def nested_in_loop(n):
    out = []
    for i in range(n):
        try:
            try:
                raise KeyError(i)
            except ValueError:
                pass
            finally:
                out.append(i)
        except KeyError:
            out.append(-i)
    return out


def returns_in_finally(n):
    try:
        for i in range(n):
            try:
                return [i]
            finally:
                try:
                    raise ValueError
                except KeyError:
                    pass
    except ValueError:
        return "ok"


def overriding():
    for i in range(3):
        try:
            raise ValueError(i)
        finally:
            if i < 2:
                continue
            return i


def named(value):
    try:
        return 10 // value
    except (ZeroDivisionError, TypeError) as error:
        note = str(error)
        try:
            raise RuntimeError(note) from error
        except RuntimeError as again:
            return note, repr(again.__cause__)
    except Exception:
        return "other"
    else:
        return "never"
    finally:
        value = None


def with_else(flag):
    log = []
    try:
        log.append("try")
        if flag: raise LookupError
    except LookupError:
        log.append("except")
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log


def groups(errors):
    caught = []
    try:
        raise ExceptionGroup("several", errors)
    except* ValueError as group:
        caught.append(("value", len(group.exceptions)))
    except* (KeyError, IndexError) as group:
        caught.append(("lookup", len(group.exceptions)))
    else:
        caught.append("else")
    finally:
        caught.append("finally")
    return caught


def group_in_loop(n):
    out = []
    for i in range(n):
        try:
            try:
                raise ExceptionGroup("x", [KeyError(i)])
            except* ValueError:
                pass
        except BaseException as error:
            out.append(repr(error))
    return out


def group_raises():
    try:
        raise ExceptionGroup("x", [KeyError(1), ValueError(2)])
    except* KeyError:
        raise OSError(3)
    except* ValueError:
        raise


def bare_raise():
    try:
        {}["missing"]
    except KeyError:
        raise


def chained():
    try:
        [][1]
    except IndexError:
        undefined_name


def deep_stack(values):
    return [1, values[0], {"a": (2, values[1], max(3, *values, key=lambda v: v / (v - 3)))}]


def cleared():
    try:
        raise ValueError
    except ValueError as error:
        pass
    return error


def many_returns(n):
    for _ in range(2):
        try:
            if n == 0:
                return "zero"
            if n == 1:
                continue
            if n == 2:
                break
            raise ValueError(n)
        except ValueError:
            if n == 3:
                return "three"
            raise
        finally:
            n += 10
    return n


CASES = [
    lambda: nested_in_loop(3),
    lambda: returns_in_finally(3),
    overriding,
    lambda: named(0),
    lambda: named("x"),
    lambda: named(5),
    lambda: with_else(True),
    lambda: with_else(False),
    lambda: groups([ValueError(1), KeyError(2), ValueError(3)]),
    lambda: groups([OSError(1), KeyError(2)]),
    lambda: group_in_loop(3),
    group_raises,
    bare_raise,
    chained,
    lambda: deep_stack([1, 2]),
    lambda: deep_stack([1, 3]),
    cleared,
    lambda: [many_returns(n) for n in range(4)],
    lambda: many_returns(9),
]
