"""The side of a test run that lives inside the suite's own processes: notes what each test executes.

Self-contained and standard library only: it runs in the target's environment, beside anything. It never imports meterize.
What is needed later is bound when the process starts, since suites patch ``open``, ``os`` and the clock; and nothing here
may raise into a suite, print, or leave a descriptor open.
"""

from __future__ import annotations

import sys

_started = False


def start() -> None:
    """Begin to record in this process, once."""
    global _started
    if _started:
        return
    _started = True
    from . import journal

    settings = journal.read_settings()
    if settings.cache_tag != sys.implementation.cache_tag:
        journal.create()
        journal.note("foreign", sys.executable)
        return
    from . import children, contexts, frameworks, sources

    journal.create()
    sources.configure(settings.site, settings.modules)
    contexts.open_process()
    if settings.mode == "instructions":
        from . import monitoring

        monitoring.start()
    elif settings.mode == "probes":
        from . import probes

        probes.start(settings.probes)
    else:
        from . import fires

        fires.start()
    children.watch()
    frameworks.watch()
