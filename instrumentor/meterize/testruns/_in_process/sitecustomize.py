"""Starts meterize's side of a test run in every Python process of the command; found through PYTHONPATH.

It stands before the environment's own ``sitecustomize``, which is run as if this one were not there. The syntax stays
readable for any Python 3: a suite may start other interpreters, and for them this file does nothing.
"""

import os
import sys
from _frozen_importlib_external import PathFinder


def _start() -> None:
    if sys.version_info < (3, 11) or sys.implementation.name != "cpython":  # noqa: TID251  # no meterize.cpython here
        return
    try:
        import meterize_run  # type: ignore[import-not-found]

        meterize_run.start(os.environ["METERIZE_RUN_FOLDER"])
    except Exception as error:  # noqa: BLE001  # a suite must run, measured or not
        if os.environ.get("METERIZE_RUN_DEBUG"):
            sys.stderr.write("meterize_run: %r\n" % (error,))  # noqa: UP031


def _chain() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # pathlib is not loaded at start
    elsewhere = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is None or spec.loader is None:
        # site.py takes this for "there is none" and forgets the module.
        raise ImportError("no sitecustomize", name="sitecustomize")
    module = type(sys)("sitecustomize")
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if os.environ.get("METERIZE_RUN_FOLDER"):
    _start()
_chain()
