"""The side of a test run that lives inside the suite's own processes: notes what each test executes.

Self-contained and standard library only: it runs in the target's environment, beside anything. It never imports meterize.
What is needed later is bound when the process starts, since suites patch ``open``, ``os`` and the clock; and nothing here
may raise into a suite, print, or leave a descriptor open. Every process of a suite starts with this: what is imported here at
run time is what Python itself has loaded by then, or written in C (``typing`` alone doubles the time to start).
"""

from __future__ import annotations

import sys

_started: list[str] = []


def start(folder: str) -> None:
    """Begin to record in this process, once; ``folder`` is where the tool reads the data files."""
    if _started:
        return
    _started.append(folder)
    from .journal import Journal
    from .settings import read_settings

    settings = read_settings(folder)
    journal = Journal(folder)
    if settings.cache_tag != sys.implementation.cache_tag:
        journal.note("foreign", sys.executable)
        return
    try:
        _record(settings, journal)
    except Exception as error:
        journal.note("trouble", repr(error))
        raise


def _record(settings: Settings, journal: Journal) -> None:
    from .children import Children
    from .contexts import Contexts
    from .frameworks import watch_frameworks

    contexts = Contexts(journal, settings.order)
    children = Children(contexts)
    if settings.mode == "instructions":
        from .monitoring import start_monitoring

        start_monitoring(contexts, children, _sources(settings, journal))
    elif settings.mode == "probes":
        from .probes import start_probes

        start_probes(contexts, children, _sources(settings, journal), settings.probes)
    else:
        from .fires import start_fires

        if settings.mode == "originals":
            from .originals import serve_originals

            serve_originals(_sources(settings, journal), settings.probes, journal)
        start_fires(contexts, children)
    children.watch()
    watch_frameworks(contexts, children)


def _sources(settings: Settings, journal: Journal) -> sources.Sources:
    from . import sources

    found = sources.Sources(settings, journal)
    if getattr(sys, "argv", None):  # an embedded interpreter has none
        found.note_script(sys.argv[0])
    return found


TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import sources
    from .journal import Journal
    from .settings import Settings
