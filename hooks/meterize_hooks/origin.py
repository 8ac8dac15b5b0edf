"""Owns telling whose an exception is that comes out of code of ours."""

from __future__ import annotations


def is_ours(error: BaseException) -> bool:
    """Whether this package raised it. What a signal's handler raises while our code runs is the application's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_globals.get("__package__") == __package__
