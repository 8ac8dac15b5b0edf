"""Whoever looks at functions, frames and tracebacks finds what stands in the source."""

from __future__ import annotations

import pytest


def test_what_inspect_says(twins):
    twins.compare(
        """
        import inspect, metered, typing
        functions = [value for _, value in sorted(vars(metered).items()) if inspect.isfunction(value)]
        functions += [value for _, value in inspect.getmembers(metered.Box, inspect.isroutine) if hasattr(value, "__code__")]
        functions += [metered.Box.volume.func, metered.Box.side.fget, metered.adder(1), metered.opened.__wrapped__]
        for _ in range(2):
            for one in functions:
                print(one.__qualname__, inspect.signature(one), inspect.getfullargspec(one))
                print(inspect.getclosurevars(one).nonlocals, typing.get_type_hints(one))
                print(inspect.getsource(one), inspect.getsourcelines(one)[1], inspect.getdoc(one), inspect.getcomments(one))
                print(one.__defaults__, one.__kwdefaults__, one.__closure__ and len(one.__closure__))
                code = one.__code__
                print(code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags, code.co_argcount, code.co_nlocals)
                print(code.co_firstlineno, code.co_filename, sorted({line for _, _, line in code.co_lines() if line}))
                print(inspect.isgeneratorfunction(one), inspect.iscoroutinefunction(one), inspect.isasyncgenfunction(one))
            metered.main()
        walking = metered.walk(1)
        for _ in range(3):
            print(inspect.getgeneratorstate(walking), inspect.getgeneratorlocals(walking))
            print(walking.gi_frame.f_lineno, next(walking))
        print(inspect.getmodule(metered.add), inspect.getfile(metered.add), metered.__spec__.name, sorted(vars(metered)))
        """
    )


def test_tracebacks_with_columns(twins):
    """As Python prints them: uncaught, chained, from generators, comprehensions, lambdas and coroutines."""
    ran = twins.compare(
        """
        import metered, traceback
        def show(call):
            try: call()
            except BaseException as error: traceback.print_exc()
        for _ in range(3):
            show(lambda: metered.fail(0))
            show(lambda: metered.add("x", 1))
            show(lambda: metered.adder("k")())
            show(lambda: metered.double({}))
            show(lambda: metered.classify(None))
            show(lambda: metered.Box("x").volume)
            show(lambda: metered.run(metered.wait(object())))
            walking = metered.walk(3)
            [next(walking) for _ in range(3)]
            show(lambda: walking.throw(KeyError("thrown")))
        metered.fail(0)
        """
    )
    assert ran.returncode == 1
    assert ran.err.count("^") > 40


def test_frames_of_suspended_and_running_code(twins):
    twins.compare(
        """
        import metered, sys, traceback
        class Looker:
            def __rtruediv__(self, other):
                frames = traceback.extract_stack(sys._getframe(1))
                for one in frames[-2:]: print(one.lineno, one.colno, one.end_colno, one.name, sorted(sys._getframe(1).f_locals))
                return 1
        for _ in range(2): metered.fail(Looker())
        """
    )


@pytest.mark.parametrize("protocol", [pytest.param(0, marks=pytest.mark.slow), 5])
def test_pickles(twins, protocol):
    twins.compare(
        f"""
        import copy, metered, pickle
        for _ in range(2):
            box = metered.Box(3)
            for one in (metered.add, metered.Box, metered.Box.make, box, box.volume, metered.main):
                text = pickle.dumps(one, {protocol})
                print(text, pickle.loads(text), copy.deepcopy(one))
            metered.main()
        print(box.__dict__, pickle.loads(pickle.dumps(box)).volume)
        """
    )


def test_cached_properties_and_descriptors(twins):
    twins.compare(
        """
        import functools, metered
        box = metered.Box(3)
        print(vars(box), box.volume, vars(box), box.volume)
        del box.volume
        print(vars(box), box.volume, metered.Box.volume.__doc__, metered.Box.volume.attrname)
        cached = functools.lru_cache(metered.classify)
        print([cached(n) for n in (1, 2, 1)], cached.cache_info(), cached.__wrapped__ is metered.classify)
        print(functools.partial(metered.add, 1)(2), functools.wraps(metered.add)(lambda: 0).__doc__)
        print(functools.singledispatch(metered.match)([1, 2]))
        """
    )


def test_functions_whose_code_is_exchanged_or_copied(twins):
    """Mocks, hot reloaders and decorators do such things."""
    twins.compare(
        """
        import importlib, metered, types
        copied = types.FunctionType(metered.add.__code__, {"__builtins__": {"len": len}}, "copied", metered.add.__defaults__)
        print(copied(1, 2, start=0))
        print(types.FunctionType(metered.classify.__code__.replace(co_name="renamed"), vars(metered))(9))
        def other(*numbers, start=0, **options): return -1
        metered.add.__code__, other.__code__ = other.__code__, metered.add.__code__
        print(metered.add(1), other(1, 2))
        importlib.reload(metered)
        print(metered.add(1), metered.main())
        metered.add.__code__ = metered.add.__code__.replace(co_consts=metered.add.__code__.co_consts)
        print(metered.add(1))
        """
    )
