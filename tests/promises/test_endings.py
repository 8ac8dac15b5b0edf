"""However a process ends, or splits, it ends as it would: the same output, in the same order, and the same status."""

from __future__ import annotations

import pytest

SOURCE = """
    import os, sys

    def work(n=1):
        if n:
            return n
        return None

    def spin():
        n = 0
        while True:
            n += 1
            work(n)

    def leave(how, *given):
        work()
        return how(*given)

    def fork():
        pid = work(os.fork()) or 0
        if pid == 0:
            work()
            sys.stdout.flush()
        else:
            work(os.waitpid(pid, 0)[1])
        return pid

    def steps(name):
        try:
            while True:
                yield work()
        finally:
            print("closed", name, work(3), flush=True)

    class Last:
        def __init__(self, name):
            self.name = name
        def __del__(self):
            print("deleted", self.name, work(4), flush=True)
    """

ENDINGS = {
    "nothing": "metered.work()",
    "sys.exit": "metered.leave(sys.exit, 7)",
    "os._exit": "print('bye', flush=True); metered.leave(os._exit, 8)",
    "abort": "metered.leave(os.abort)",
    "kill": "metered.leave(os.kill, os.getpid(), signal.SIGKILL)",
    "terminated": "metered.leave(os.kill, os.getpid(), signal.SIGTERM); time.sleep(5)",
    "interrupted": "metered.leave(os.kill, os.getpid(), signal.SIGINT); time.sleep(5)",
    "uncaught": "metered.leave(divmod, 1, 0)",
    "execv": "metered.leave(os.execv, sys.executable, [sys.executable, '-c', 'print(5)'])",
    "atexit-order": "[atexit.register(print, n, metered.work(n)) for n in range(3)]; atexit.register(metered.work)",
    "atexit-raises": "atexit.register(metered.leave, divmod, 1, 0); atexit.register(print, 'after')",
    "daemon-threads": "[threading.Thread(target=metered.spin, daemon=True).start() for _ in 'ab']; time.sleep(0.1)",
    "threads": "[threading.Thread(target=metered.leave, args=(time.sleep, 0.05)).start() for _ in 'abcd']",
    "exit-in-a-thread": "t = threading.Thread(target=metered.leave, args=(sys.exit, 3)); t.start(); t.join(); print('on')",
    "raises-in-a-thread": "t = threading.Thread(target=metered.leave, args=(divmod, 1, 0), name='t'); t.start(); t.join()",
    "generators": "kept = [metered.steps(n) for n in range(3)]; [next(one) for one in kept]; print('main ends')",
    "finalizers": "one = metered.Last(1); one.me = one; metered.two = metered.Last(2); sys.three = metered.Last(3)",
    "weakref": "import weakref; one = metered.Last('one'); weakref.finalize(one, metered.work); print('main ends')",
    "fork": "print(metered.fork() == 0)",
    "fork-deep": "a = metered.fork(); b = metered.fork(); print(a == 0, b == 0)",
    "fork-in-thread": "t = threading.Thread(target=lambda: metered.fork() or os._exit(metered.work(5))); t.start(); t.join()",
    "fork-in-generator": "g = metered.steps('g'); next(g); pid = os.fork(); next(g); pid and os.wait()",
    "fork-and-_exit": "metered.fork() or metered.leave(os._exit, 9)",
    "vfork": "import subprocess; subprocess.run([sys.executable, '-c', 'print(6)'])",
    "modules-gone": "sys.modules.clear(); metered.work(); metered = None",
}

SCRIPT = """
    import os, signal, sys, threading, time, warnings
    import atexit
    atexit.register(print, "registered first")
    warnings.simplefilter("ignore")
    import metered
    {}
    """


IN_DEFAULT = {"os._exit", "interrupted", "atexit-order", "finalizers", "fork-in-thread", "modules-gone"}


def marked(names, quick):
    """All of them, as parameters; those that are not quick in the slow stage."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("ending", marked(ENDINGS, IN_DEFAULT))
def test_it_ends_the_same(twins_of, ending):
    for twins in twins_of:
        twins.write(SOURCE)
        twins.compare(SCRIPT.format(ENDINGS[ending]), fires=False)


def test_uses_in_daemon_threads_and_at_the_end_are_told(twins):
    """What is counted until the exit functions have run is written; that of the children of a fork as well."""
    twins.write(SOURCE)
    ran = twins.compare(SCRIPT.format("atexit.register(metered.work); metered.fork()"))
    if twins.kind == "every":
        assert sum(ran.uses.values()) > 10
