"""Why emission is ours and not the library ``bytecode``'s: its plain round trip of this function crashes the interpreter.

When the second test fails because the child no longer crashes, the library has been mended. Then delete this file, and weigh
whether our own emission is still worth keeping (byte-identity was the other reason: see test_round_trip.py).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

from meterize.cpython.instructions import assemble, decode

NESTED_TRY = textwrap.dedent("""
    def nested(n):
        out = []
        for i in range(n):
            try:
                try:
                    raise KeyError
                except KeyError as error:
                    raise ValueError
            except ValueError:
                out.append(i)
        return out
""")

ROUND_TRIP = textwrap.dedent("""
    from bytecode import Bytecode
    nested.__code__ = Bytecode.from_code(nested.__code__).to_code()
    print("made", flush=True)
    print(nested(5))
""")


def run(program: str) -> tuple[int, str]:
    child = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    return child.returncode, child.stdout


def test_the_function_itself_is_sound():
    assert run(NESTED_TRY + "print(nested(5))") == (0, "[0, 1, 2, 3, 4]\n")


def test_the_library_breaks_a_plain_round_trip():
    assert run(NESTED_TRY + ROUND_TRIP) == (-signal.SIGSEGV, "made\n"), "the library has been mended: see above"


def test_ours_does_not():
    namespace: dict = {}
    exec(NESTED_TRY, namespace)
    nested = namespace["nested"]
    nested.__code__ = assemble(nested.__code__, decode(nested.__code__))
    assert nested(5) == [0, 1, 2, 3, 4]
