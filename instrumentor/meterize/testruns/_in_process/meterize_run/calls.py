"""Which functions of the package are entered, in which order, how often, and from where in the package.

All that is noted of a function is its first few calls between two boundaries: enough to tell once from often, and the way in
from what lies behind it. After those it costs nothing more.
"""

from __future__ import annotations

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
    """The calls of functions that are known by a number: see ``learn``."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._functions: dict[int, int] = {}
        self._kept: list[CodeType] = []
        self._entered: dict[int, list[int]] = {}
        self._numbers: dict[tuple[int, ...], int] = {}

    def learn(self, code: CodeType, function: int) -> None:
        """``code`` is the function of this number. It is kept, so that its id stays its own."""
        self._functions[id(code)] = function
        self._kept.append(code)

    def function_of(self, code: CodeType) -> int | None:
        """The number that ``code`` was learnt by."""
        return self._functions.get(id(code))

    def enter(self, function: int, frame: FrameType) -> bool:
        """``function`` begins in ``frame``; whether its calls have been noted often enough. One frame deep, for the sake of
        suites that go to the recursion limit."""
        call = self._entered.get(function)
        if call is None:
            call = self._entered[function] = [0]
        elif call[0] >= ENOUGH:
            return True
        functions = self._functions
        caller: int | None = None
        above = frame.f_back
        far = _FAR
        while caller is None and above is not None and far:
            caller = functions.get(id(above.f_code))
            above = above.f_back
            far -= 1
        call[0] += 1
        if caller is None:
            caller = _NOBODY
        if caller not in call[1:]:
            call.append(caller)
        return call[0] >= ENOUGH

    def take(self) -> str:
        """What was entered since the last time, in that order, as a member of a JSON object, or nothing.

        A function's calls get a number and a line in the journal when they are first seen like this.
        """
        if not self._entered:
            return ""
        entered, self._entered = self._entered, {}
        numbers = []
        for function, (count, *callers) in entered.items():
            key = (function, count, *callers)
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._numbers)
                self._journal.add(f'{{"call":[{function},{count},{callers}]}}')
            numbers.append(str(number))
        return f'"calls":[{",".join(numbers)}]'

    def tables(self) -> str:
        """How many lines of calls there are by now: a forked child's data build on its parent's."""
        return f',"calls":{len(self._numbers)}'

    def renew(self) -> None:
        """In a forked child: what was entered before is the parent's to tell."""
        self._entered = {}
