"""Whoever traces, profiles or steps through the code sees what there would be to see without hooks."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

TRACING = """
    import sys, metered
    seen = []
    def tracer(frame, event, arg):
        if frame.f_code.co_filename != metered.__file__:
            return None
        frame.f_trace_lines = True
        value = repr(arg) if event == "return" else ""
        seen.append((event, frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals), value))
        return tracer
    sys.settrace(tracer)
    for _ in range(2):
        print(metered.main())
    sys.settrace(None)
    for one in seen:
        if one[0] != "exception": print(*one)
    """


def test_a_tracer_sees_the_same_events_lines_and_locals(twins):
    twins.compare(TRACING)


def test_a_tracer_sees_the_same_exceptions(twins):
    """But where the runtime is missing: there the hook's own absence is an exception that a tracer sees caught."""
    if twins.is_missing:
        pytest.skip("an exception that remains: docs/promises.md")
    twins.compare(TRACING.replace('if one[0] != "exception": ', ""))


@pytest.mark.parametrize("tracer", ["settrace", pytest.param("setprofile", marks=pytest.mark.slow)])
def test_a_tracer_that_raises_is_heard_wherever_it_raises(twins, tracer):
    """A debugger ends a program by an exception (bdb.BdbQuit) out of its trace function: at the n-th event, for every n."""
    twins.compare(
        f"""
        import sys, metered
        class Quit(Exception): pass
        def run(limit):
            left = limit
            def tracer(frame, event, arg):
                nonlocal left
                if frame.f_code.co_filename != metered.__file__ or event in ("exception", "c_call", "c_return", "c_exception"):
                    return tracer
                left -= 1
                if left < 0: raise Quit(event, frame.f_lineno)
                return tracer
            sys.{tracer}(tracer)
            try:
                return metered.use(), metered.classify(9), metered.add(1, 2), list(metered.walk(2)), metered.deep(3)
            except Quit as quit:
                return quit.args, quit.__traceback__.tb_next.tb_lineno
            finally:
                sys.{tracer}(None)
        for limit in range(120): print(run(limit))
        """
    )


def test_a_profile_function_sees_the_same_calls(twins):
    """On 3.11 a hook of policy once is a call, the first time."""
    bare, metered = twins.run_both(
        """
        import sys, metered
        seen = []
        def profile(frame, event, arg):
            name = getattr(arg, "__name__", "") if event.startswith("c_") else ""
            seen.append((event, frame.f_code.co_name, frame.f_lineno, name))
        for _ in range(2):
            sys.setprofile(profile)
            result = metered.main()
            sys.setprofile(None)
            print(result)
            print(len(seen))
            for one in seen: print(*one)
            seen.clear()
        """
    )
    if twins.kind == "once" and not HAS_MONITORING:
        assert metered.returncode == 0
        assert "call once" in metered.out
        assert metered.out.rpartition("\n[")[2] == bare.out.rpartition("\n[")[2], "the second time there is no such call"
    else:
        assert metered.told == bare.told
    assert twins.is_missing or metered.uses


@pytest.mark.slow
def test_cprofile_counts_the_same_calls(twins):
    bare, metered = twins.run_both(
        """
        import cProfile, pstats, metered
        for _ in range(2):
            profile = cProfile.Profile()
            profile.enable(); result = metered.main(); profile.disable()
            print("run", result)
            for (file, line, name), (calls, primitive, *_) in sorted(pstats.Stats(profile).stats.items()):
                print(file, line, name, calls, primitive)
        """
    )
    if twins.kind == "once" and not HAS_MONITORING:
        assert "(once)" not in metered.out
        assert metered.out.rpartition("run")[2] == bare.out.rpartition("run")[2], "the second time there is no such call"
    else:
        assert metered.told == bare.told


def test_the_lines_by_instruction_are_those_of_the_source(twins):
    """What a tracer of single instructions is told beyond the bare program's lies on the same lines."""
    twins.compare(
        """
        import sys, metered
        seen = []
        def tracer(frame, event, arg):
            if frame.f_code.co_filename != metered.__file__: return None
            frame.f_trace_opcodes = True
            if event == "opcode" and seen[-1:] != [(frame.f_code.co_name, frame.f_lineno)]:
                seen.append((frame.f_code.co_name, frame.f_lineno))
            return tracer
        sys._getframe().f_trace_opcodes = True
        sys.settrace(tracer)
        metered.main()
        sys.settrace(None)
        print(*seen, sep="\\n")
        """
    )


STEPPING = {
    "branches": "b metered.classify\nc\n" + "n\np n\n" * 4 + "r\nc\nw\nu\nd\nq\n",
    "loop": "b metered:18\nc\np total\nn\np total\nn\nu\np said\nd\nr\nw\ncl 1\nq\n",
    "handlers": "b metered.fail\nc\n" + "n\n" * 6 + "p locals()\nw\n" + "n\n" * 5 + "q\n",
    "generator": "b metered.walk\nc\n" + "s\n" * 25 + "w\nq\n",
    "recursion": "b metered.deep\nc\nc\nc\nw\nu\nu\np n\ncl 1\nunt\nr\nunt\nq\n",
    "with": "b metered.use\nc\n" + "n\n" * 8 + "w\nq\n",
    "jumps": "b metered.add\nc\nj 20\np start\nj 16\nn\nn\nn\np total\nj 20\nn\nn\nw\nq\n",
}
BREAKING = {
    "conditions": "b metered:18, total > 2\nc\np total\nw\nc\np total, number\ncondition 1\nignore 1 1\np n\na\nq\n",
    "many": "b metered:57\nb metered:40\nb metered:91\nb metered:67\nc\np locals()\nw\nc\np locals()\nw\nc\nu\np said\nc\nq\n",
}
SESSIONS = """
    import metered, io, os, pdb, sys, warnings
    if sys.version_info[:2] == (3, 13): warnings.simplefilter("ignore")  # of forks: docs/promises.md
    for name, commands in {!r}.items():
        print("session", name, flush=True)
        if os.fork():
            os.wait()
            continue
        debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=sys.stdout, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        try: debugger.run("metered.main()", {{"metered": metered}})
        except BaseException as error: print(type(error))
        sys.stdout.flush()
        os._exit(0)
    """


def test_pdb_steps_as_before(twins):
    """Whole sessions, as typed. Without the runtime it also stops at the hook's own exception; on 3.11 `step` goes into it."""
    if twins.is_missing:
        pytest.skip("an exception that remains: docs/promises.md")
    is_call = twins.kind == "once" and not HAS_MONITORING
    sessions = {name: typed for name, typed in STEPPING.items() if not (is_call and name == "generator")}
    ran = twins.compare(SESSIONS.format(sessions), fires=False)
    assert "***" not in ran.out
    assert all(said.count("(Pdb)") > 8 for said in ran.out.split("session ")[1:])


def test_pdb_stops_at_breakpoints_as_before(twins):
    ran = twins.compare(SESSIONS.format(BREAKING), fires=False)
    assert ran.out.count("***") == ran.out.count("NameError: name 'n'")
    assert all(said.count("(Pdb)") > 8 for said in ran.out.split("session ")[1:])


@pytest.mark.slow
def test_what_is_uncaught_is_examined_after_death(twins):
    twins.compare(
        """
        import metered, io, pdb, sys
        try: metered.fail(0)
        except ValueError as error: trace = error.__traceback__
        debugger = pdb.Pdb(stdin=io.StringIO("w\\np n\\nu\\nd\\nl\\nll\\nq\\n"), stdout=sys.stdout, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        debugger.reset()
        debugger.interaction(None, trace)
        """
    )
