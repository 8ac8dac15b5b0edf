"""Whole modules: the table, the prologue, what stays untouched, what is refused."""

from __future__ import annotations

import builtins
import marshal
import signal
import sys
import types

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import hook_offsets
from meterize.cpython.pyc import compile_module
from meterize.cpython.sequences import count_every
from meterize.cpython.versions import CAN_RETIRE_IN_PLACE, HAS_MONITORING
from meterize.errors import TargetError, UsageError
from meterize.model.code import CodeId
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module

FILE = "pkg/module.py"
SOURCE = """
class Exporter:
    def export(self, rows):
        def render(row):
            return [str(cell) for cell in row]
        return [render(row) for row in rows]

def other(flag):
    if flag:
        return "yes"
    return "no"
"""


def compiled(source=SOURCE, optimization=0):
    return compile_module(source.encode(), "module.py", optimization)


def request(module, name, policy=Policy.EVERY, nth=0, number=1):
    code = next(code for _, code in walk(module) if code.co_name == name)
    return HookRequest(
        id=f"dist/feature/{number}",
        feature="feature",
        policy=policy,
        code=code_id(FILE, code),
        digest=code_digest(code),
        offset=sorted(hook_offsets(code))[nth],
    )


def rewrite(module, *requests, **options):
    return rewrite_module(module, FILE, requests, distribution="dist", version="1.2", **options)


def table_of(module):
    (table,) = (const for const in module.co_consts if isinstance(const, tuple) and const[:1] == ("meterize",))
    return table


def at(module, path):
    for index in path:
        module = module.co_consts[index]
    return module


def detour(code, nth):
    """What the table says of one over the nth instruction that a hook may precede (docs/hook-table.md)."""
    offset = sorted(hook_offsets(code))[nth]
    (one,) = (one for one in decode(code) if one.offset == offset)
    return 256 * offset + 2 * one.units


def test_the_table_says_what_the_contract_says():
    module = compiled()
    new, sites, missing = rewrite(
        module,
        request(module, "render"),
        request(module, "other", Policy.ONCE, number=2),
        request(module, "other", Policy.ONCE, nth=3, number=3),
    )
    once = "monitoring" if HAS_MONITORING else "in-place"
    every_site, *once_sites = sites
    assert missing == ()
    assert [site.id for site in sites] == ["dist/feature/1", "dist/feature/2", "dist/feature/3"]
    assert [site.mechanism for site in sites] == ["inline", once, once]
    assert at(new, every_site.path).co_name == "render"
    other = next(code for _, code in walk(module) if code.co_name == "other")
    entry, later = (1, 0) if HAS_MONITORING else (detour(other, 0), detour(other, 3))
    assert table_of(new) == (
        "meterize",
        1,
        "dist",
        "1.2",
        (
            ("dist/feature/1", "feature", "every", "inline", every_site.path, every_site.offset, 0),
            ("dist/feature/2", "feature", "once", once, once_sites[0].path, once_sites[0].offset, entry),
            ("dist/feature/3", "feature", "once", once, once_sites[1].path, once_sites[1].offset, later),
        ),
    )
    assert marshal.loads(marshal.dumps(new)) == new


def test_an_inline_site_is_the_nop_in_front_of_the_instruction():
    module = compiled()
    asked = request(module, "other", nth=3)
    new, (site,), _ = rewrite(module, asked)
    instructions = decode(at(new, site.path))
    first = next(index for index, one in enumerate(instructions) if one.offset == site.offset)
    original = next(one for one in decode(at(module, site.path)) if one.offset == asked.offset)
    behind = instructions[first + len(count_every(site.id))]
    assert instructions[first].name == "NOP"
    assert instructions[first].position == behind.position == original.position
    assert (behind.name, behind.arg) == (original.name, original.arg)


@pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring came with 3.12")
def test_monitoring_leaves_the_functions_code_object_untouched():
    module = compiled()
    new, (site,), _ = rewrite(module, request(module, "other", Policy.ONCE))
    assert at(new, site.path) is at(module, site.path)
    assert new.co_consts[: len(module.co_consts)] == module.co_consts


@pytest.mark.skipif(not CAN_RETIRE_IN_PLACE, reason="3.11 only")
def test_the_operand_of_a_nop_in_place_is_the_way_to_the_next_instruction():
    module = compiled()
    asked = request(module, "other", Policy.ONCE, nth=2)
    new, (site,), _ = rewrite(module, asked)
    code = at(new, site.path)
    after = site.offset + 2 + 2 * code.co_code[site.offset + 1]
    original = {one.offset: one for one in decode(at(module, site.path))}[asked.offset]
    landed = {one.start: one for one in decode(code)}[after]
    assert (landed.name, landed.arg, landed.position) == (original.name, original.arg, original.position)


def test_code_without_hooks_is_the_very_same_object():
    module = compiled()
    new, _, _ = rewrite(module, request(module, "render"))
    before, after = dict(walk(module)), dict(walk(new))
    changed = {code.co_name for path, code in before.items() if after[path] is not code}
    assert changed == {"<module>", "Exporter", "export", "render"}


def test_without_requests_the_module_is_the_very_same_object():
    module = compiled()
    assert rewrite(module) == (module, (), ())
    assert rewrite(module)[0] is module


def test_two_features_meet_in_one_place(behaviour):
    source = SOURCE + "CASES = [lambda: [other(f) for f in (0, 1, 1)]]\n"
    module = compiled(source)
    asked = [
        request(module, "other", Policy.EVERY, number=1),
        request(module, "other", Policy.ONCE, number=2),
        request(module, "other", Policy.EVERY, number=3),
        request(module, "other", Policy.ONCE, nth=3, number=4),
    ]
    new, sites, _ = rewrite(module, *asked)
    assert len({(site.mechanism, site.offset) for site in sites}) == 4
    with behaviour.runtime_present() as runtime:
        behaviour.behave(new, runs=1, trace=False)
        assert runtime.fired() == {"dist/feature/1": 3, "dist/feature/2": 1, "dist/feature/3": 3, "dist/feature/4": 1}


def test_two_lambdas_that_nobody_can_tell_apart_are_both_hooked(behaviour):
    source = "pair = (lambda: 1), (lambda: 1)\ndef both(): return pair[0]() + pair[1]()\nCASES = [both]\n"
    module = compiled(source)
    new, sites, _ = rewrite(module, request(module, "<lambda>"))
    # 3.12 makes one constant of the two
    assert {site.path for site in sites} == {path for path, code in walk(module) if code.co_name == "<lambda>"}
    with behaviour.runtime_present() as runtime:
        behaviour.behave(new, runs=1, trace=False)
        assert runtime.fired() == {"dist/feature/1": 2}


SPECIAL = {
    "empty": "",
    "docstring": '"""Doc."""',
    "docstring and future": '"""Doc."""\nfrom __future__ import annotations\nx: int = 1',
    "annotations": "x: int = 1\nprint(globals().get('__annotations__'))",
    "loop first": "while True:\n    break\nfor x in (1, 2): pass",
    "import first": "import sys\n",
    "star import": "from os.path import *\n",
    "raises at once": "int('x')\n",
    "try first": "try:\n    import nothing_of_the_kind\nexcept ImportError:\n    x = 1\n",
    "comment above": "# one\n# two\n\nx = 1\n",
    "class first": "class C:\n    '''Doc.'''\n    def m(self): self.x = 1\n",
    "del": "x = 1\ndel x\n",
}


@pytest.mark.parametrize("source", SPECIAL.values(), ids=SPECIAL.keys())
@pytest.mark.parametrize("present", [True, False])
def test_the_prologue_is_invisible_whatever_the_module_begins_with(behaviour, source, present):
    text = source + "\ndef hooked(): pass\nCASES = [hooked]\n"
    module = compiled(text)
    new, _, _ = rewrite(module, request(module, "hooked"))
    expected = observe(behaviour, module, present)
    with behaviour.runtime_present() if present else behaviour.runtime_missing():
        seen = observe(behaviour, new, present)
    assert seen == expected


def observe(behaviour, code, with_exceptions):
    """Events, the names that are left in the module, and the exception if it raises."""
    events, namespace, raised = [], {"__name__": "module"}, None

    def tracer(frame, event, arg):
        if frame.f_code.co_filename != code.co_filename:
            return None
        events.append((event, frame.f_code.co_name, frame.f_lineno))
        return tracer

    sys.settrace(tracer)
    try:
        exec(code, namespace)
    except ValueError as error:
        raised = behaviour.positions(error)
    finally:
        sys.settrace(None)
    kept = [event for event in events if event[0] != "exception" or with_exceptions]
    names = {name: type(value).__name__ for name, value in namespace.items()}
    return kept, names, raised, namespace.get("__doc__")


def test_the_prologue_lets_other_exceptions_through(behaviour, monkeypatch):
    class Interrupt(BaseException):
        pass

    def arm(_):
        raise Interrupt

    module = compiled()
    new, _, _ = rewrite(module, request(module, "other"))
    monkeypatch.setitem(sys.modules, "meterize_hooks", types.SimpleNamespace(arm=arm))
    with pytest.raises(Interrupt):
        exec(new, {})


@pytest.mark.parametrize("error", [ImportError, AttributeError, NameError, TypeError, RecursionError, MemoryError])
def test_the_prologue_swallows_what_a_broken_runtime_raises(monkeypatch, error):
    def arm(_):
        raise error

    module = compiled()
    new, _, _ = rewrite(module, request(module, "other"))
    monkeypatch.setitem(sys.modules, "meterize_hooks", types.SimpleNamespace(arm=arm))
    namespace: dict = {}
    exec(new, namespace)
    assert namespace["other"](True) == "yes"


def test_a_runtime_without_arm_is_no_runtime(monkeypatch):
    module = compiled()
    new, _, _ = rewrite(module, request(module, "other"))
    monkeypatch.setitem(sys.modules, "meterize_hooks", types.SimpleNamespace())
    namespace: dict = {}
    exec(new, namespace)
    assert namespace["other"](False) == "no"


def test_docstrings_and_their_absence_stay():
    source = 'def a(): "doc"\ndef b(n): return n\nc = lambda: 1\ng = lambda: (yield)\ndef d(): pass\n'
    module = compiled(source)
    for policy in (Policy.ONCE, Policy.EVERY):
        codes = [code for path, code in walk(module) if path]
        asked = [
            HookRequest(
                id=f"dist/feature/{n}",
                feature="f",
                policy=policy,
                code=code_id(FILE, code),
                digest=code_digest(code),
                offset=min(hook_offsets(code)),
            )
            for n, code in enumerate(codes)
        ]
        new, _, _ = rewrite(module, *asked)
        before: dict = {}
        after: dict = {}
        exec(module, before)
        exec(new, after)
        for name in "abcdg":
            assert after[name].__doc__ == before[name].__doc__
        assert [path for path, _ in walk(new)] == [path for path, _ in walk(module)]


class TestRefusals:
    def test_code_that_is_gone(self):
        module = compiled()
        asked = request(module, "other")
        with pytest.raises(TargetError, match="other") as caught:
            rewrite(compiled("x = 1"), asked)
        assert caught.value.slug == "plan-out-of-date"
        assert "not there" in caught.value.message

    def test_code_that_changed(self):
        asked = request(compiled(), "other")
        with pytest.raises(TargetError, match="has changed") as caught:
            rewrite(compiled(SOURCE.replace('"yes"', '"Yes"')), asked)
        assert caught.value.slug == "plan-out-of-date"
        assert asked.id in caught.value.details[0]

    @pytest.mark.parametrize("offset", [-2, 0, 1, 3, 10_000])
    def test_an_offset_where_no_hook_may_stand(self, offset):
        module = compiled()
        asked = request(module, "other")
        wrong = HookRequest(id=asked.id, feature="f", policy=asked.policy, code=asked.code, digest=asked.digest, offset=offset)
        with pytest.raises(UsageError, match="no hook may stand") as caught:
            rewrite(module, wrong)
        assert caught.value.slug == "plan-bad-offset"

    @pytest.mark.parametrize("name", ["<module>", "Exporter"])
    def test_modules_and_class_bodies(self, name):
        module = compiled()
        with pytest.raises(UsageError) as caught:
            rewrite(module, request(module, name))
        assert caught.value.slug == "plan-bad-offset"

    def test_another_file(self):
        module = compiled()
        asked = request(module, "other")
        stranger = CodeId(file="pkg/elsewhere.py", qualname="other", first_line=asked.code.first_line)
        with pytest.raises(TargetError):
            rewrite(
                module,
                HookRequest(
                    id="x/y/1", feature="f", policy=asked.policy, code=stranger, digest=asked.digest, offset=asked.offset
                ),
            )


class TestOptimizationLevels:
    SOURCE = '''
def f(value):
    """Doc."""
    assert value, "needed"
    if __debug__:
        value += 1
    try:
        return 10 // value
    finally:
        assert value != 3
        print(end="")
CASES = [lambda: f(1), lambda: f(4), lambda: f.__doc__]
'''

    @pytest.mark.parametrize("optimization", [1, 2])
    @pytest.mark.parametrize("policy", [Policy.ONCE, Policy.EVERY])
    def test_hooks_land_at_the_same_place_or_are_missing(self, behaviour, optimization, policy):
        plain, optimized = compiled(self.SOURCE), compiled(self.SOURCE, optimization)
        asked = [one for one in behaviour.requests_everywhere(plain, policy) if one.code.qualname == "f"]
        asked = [self.renamed(one) for one in asked]
        new, sites, missing = rewrite(optimized, *asked, locate=plain)
        assert {site.id for site in sites} | set(missing) == {one.id for one in asked}
        assert sites
        assert missing
        original = {one.offset: one for one in decode(dict(walk(plain))[sites[0].path])}
        gone = {original[one.offset].position[0] for one in asked if one.id in missing}
        assert gone <= {4, 6, 8, 10, 11}  # assertions, the debug branch; the finally body's copies that lost an assertion
        assert {4, 6, 10} <= gone
        with behaviour.runtime_present() as runtime:
            seen = behaviour.behave(new)
            assert runtime.fired()
        expected = behaviour.behave(optimized)
        assert (seen.outcomes, seen.events) == (expected.outcomes, expected.events)

    @staticmethod
    def renamed(one):
        code = CodeId(file=FILE, qualname=one.code.qualname, first_line=one.code.first_line)
        return HookRequest(id=one.id, feature=one.feature, policy=one.policy, code=code, digest=one.digest, offset=one.offset)

    def test_a_function_that_is_compiled_away_is_missing(self):
        source = "assert (lambda: 1)()\n"
        plain, optimized = compiled(source), compiled(source, 1)
        assert rewrite(optimized, request(plain, "<lambda>"), locate=plain) == (optimized, (), ("dist/feature/1",))

    def test_the_digest_is_that_of_the_plain_code(self):
        plain = compiled(self.SOURCE)
        optimized = compiled(self.SOURCE, 2)
        with pytest.raises(TargetError):
            rewrite(optimized, request(plain, "f"))


class TestTheGuard:
    """What an inline hook lets through, and what it swallows."""

    @pytest.fixture
    def hooked(self):
        module = compiled()
        new, _, _ = rewrite(module, request(module, "other"))
        namespace: dict = {}
        sys.modules["meterize_hooks"] = None
        try:
            exec(new, namespace)
        finally:
            del sys.modules["meterize_hooks"]
        return namespace["other"]

    def test_a_runtime_that_goes_away_half_way(self, hooked, monkeypatch):
        """The door is there, the slot is not."""
        monkeypatch.setattr(builtins, "__meterize__", types.SimpleNamespace(counts=[0]), raising=False)
        monkeypatch.setattr(builtins, "__meterize_guard__", (NameError,), raising=False)
        assert hooked(True) == "yes"

    def test_globals_without_builtins(self, hooked):
        assert types.FunctionType(hooked.__code__, {"__builtins__": {}})(False) == "no"

    def test_somebody_elses_exception_passes_untouched(self, hooked, monkeypatch):
        class Theirs(Exception):
            pass

        error = Theirs("signal")

        class Counts:
            def __getitem__(self, key):
                raise error

        monkeypatch.setattr(builtins, "__meterize__", types.SimpleNamespace(counts=Counts()), raising=False)
        monkeypatch.setattr(builtins, "__meterize_guard__", (NameError, TypeError), raising=False)
        slot = next(name for name in hooked.__code__.co_names if name.startswith("__meterize_slot_"))
        monkeypatch.setattr(builtins, slot, 0, raising=False)
        with pytest.raises(Theirs) as caught:
            hooked(True)
        assert caught.value is error
        assert caught.value.__context__ is None

    @pytest.mark.skipif(not CAN_RETIRE_IN_PLACE, reason="3.11 only")
    @pytest.mark.parametrize(("error", "passes"), [(TypeError, False), (KeyboardInterrupt, True), (ValueError, True)])
    def test_the_call_in_place_is_guarded_alike(self, behaviour, monkeypatch, error, passes):
        def once(hook_id):
            raise error

        module = compiled()
        new, _, _ = rewrite(module, request(module, "other", Policy.ONCE))
        with behaviour.runtime_present():
            monkeypatch.setattr(builtins, "__meterize_once__", once)
            namespace: dict = {}
            exec(new, namespace)
            if passes:
                with pytest.raises(error):
                    namespace["other"](True)
            else:
                assert namespace["other"](True) == "yes"

    def test_the_exception_being_handled_stays_what_it_was(self, behaviour):
        source = (
            "import sys\n"
            "def f():\n"
            "    try:\n"
            "        raise KeyError(1)\n"
            "    except KeyError:\n"
            "        before = sys.exc_info()[1]\n"
            "        return repr(before), repr(sys.exc_info()[1])\n"
            "CASES = [f, sys.exc_info]\n"
        )
        module = compiled(source)
        asked = [TestOptimizationLevels.renamed(one) for one in behaviour.requests_everywhere(module, Policy.EVERY)]
        new, _, _ = rewrite(module, *asked)
        expected = behaviour.behave(module)
        with behaviour.runtime_missing():
            assert behaviour.behave(new).outcomes == expected.outcomes

    def test_a_signal_handlers_exception_is_never_lost(self, behaviour):
        """The sequence has no place where the interpreter looks for signals; a loop of hooks must not eat a single one."""

        class Alarm(Exception):
            pass

        def ring(*_):
            raise Alarm

        source = "def f(n):\n    x = 0\n    for i in range(n): x = i\n    return 'ran to the end'\nCASES = []\n"
        module = compiled(source)
        asked = [TestOptimizationLevels.renamed(one) for one in behaviour.requests_everywhere(module, Policy.EVERY)]
        new, _, _ = rewrite(module, *asked)
        before = signal.signal(signal.SIGALRM, ring)
        try:
            with behaviour.runtime_present():
                namespace: dict = {}
                exec(new, namespace)
                for turn in range(20):
                    with pytest.raises(Alarm):  # noqa: PT012  # on a busy machine it may ring at once
                        signal.setitimer(signal.ITIMER_REAL, 0.002 + turn / 20_000)
                        namespace["f"](10_000_000)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_a_debuggers_exception_is_the_applications(self, behaviour):
        """A tracer that raises at the hooked line is heard, not taken for the hook's own trouble."""

        class Quit(NameError):
            pass

        module = compiled()
        code = next(code for _, code in walk(module) if code.co_name == "other")
        line = code.co_firstlineno + 2
        nth = [one.position[0] for one in decode(code) if one.offset in hook_offsets(code)].index(line)
        new, _, _ = rewrite(module, request(module, "other", nth=nth))

        def tracer(frame, event, arg):
            if event == "line" and frame.f_code.co_name == "other" and frame.f_lineno == line:
                raise Quit
            return tracer

        with behaviour.runtime_present():
            namespace: dict = {}
            exec(new, namespace)
            sys.settrace(tracer)
            try:
                with pytest.raises(Quit):
                    namespace["other"](True)
            finally:
                sys.settrace(None)
