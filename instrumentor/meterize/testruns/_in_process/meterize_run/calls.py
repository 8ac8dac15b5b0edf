"""Which functions of the package are entered, in which order, how often, and from where in the package.

All that is noted of a function is its first few calls between two boundaries: enough to tell once from often, and the way in
from what lies behind it. After those it costs nothing more.
"""

from __future__ import annotations

import sys

from .journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType


ENOUGH = 4
"""So many calls of a function are looked at; “4” means that many or more."""
_FAR = 40
"""A caller further up the stack than so many frames of other packages is not looked for."""
_NOBODY = -1


class Calls:
    """The calls of functions that are known by a number: see ``learn``.

    What has been seen of a function since the last boundary is a *state*: how often it was entered, and from where. States
    are numbered, and each knows the next one by the caller: a call costs two look-ups, and leaves nothing to collect.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._functions: dict[int, int] = {}
        self._kept: list[CodeType] = []
        self._entered: dict[int, int] = {}
        self._states: list[tuple[int, ...]] = []
        self._next: list[dict[int, int] | None] = []
        self._first: dict[int, dict[int, int]] = {}
        self._names: list[str] = []
        self._named = 0
        self._frame_at = sys._getframe

    def learn(self, code: CodeType, function: int) -> None:
        """``code`` is the function of this number. It is kept, so that its id stays its own."""
        self._functions[id(code)] = function
        self._kept.append(code)

    def stop_at(self, code: CodeType) -> None:
        """``code`` calls tests: whoever stands above it did not call what a test calls."""
        if id(code) not in self._functions:
            self.learn(code, _NOBODY)

    def function_of(self, code: CodeType) -> int | None:
        """The number that ``code`` was learnt by, if it is the package's."""
        function = self._functions.get(id(code), _NOBODY)
        return None if function == _NOBODY else function

    def enter(self, function: int, depth: int) -> bool:
        """``function`` begins; whether its calls have been noted often enough. The frame of its caller is the ``depth``-th,
        counted from the caller of this one. One frame deep, for the sake of suites that go to the recursion limit."""
        state = self._entered.get(function)
        following = self._first.get(function) if state is None else self._next[state]
        if following is None:
            if state is not None:
                return True
            following = self._first[function] = {}
        functions = self._functions
        caller = _NOBODY
        far = _FAR
        try:
            above: FrameType | None = self._frame_at(depth + 1)
        except ValueError:  # the bottom of a thread
            above = None
        while above is not None and far:
            found = functions.get(id(above.f_code))
            if found is not None:
                caller = found
                break
            above = above.f_back
            far -= 1
        new = following.get(caller)
        if new is None:
            _, count, *callers = (function, 0) if state is None else self._states[state]
            new = following[caller] = len(self._states)
            self._states.append(
                (function, count + 1, *callers) if caller in callers else (function, count + 1, *callers, caller)
            )
            self._next.append({} if count + 1 < ENOUGH else None)
            self._names.append("")
        self._entered[function] = new
        return self._next[new] is None

    def take(self) -> str:
        """What was entered since the last time, in that order, as a member of a JSON object, or nothing.

        A state gets a number and a line in the journal when it is first left at a boundary.
        """
        if not self._entered:
            return ""
        entered, self._entered = self._entered, {}
        names = self._names
        for state in entered.values():
            if not names[state]:
                names[state] = str(self._named)
                self._named += 1
                function, count, *callers = self._states[state]
                self._journal.add(f'{{"call":[{function},{count},{callers}]}}')
        return f'"calls":[{",".join([names[state] for state in entered.values()])}]'

    def tables(self) -> str:
        """How many lines of calls there are by now: a forked child's data build on its parent's."""
        return f',"calls":{self._named}'

    def renew(self) -> None:
        """In a forked child: what was entered before is the parent's to tell."""
        self._entered = {}
