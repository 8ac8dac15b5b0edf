"""The library API: plain typed functions, each in the module of its name.

``analysis.analyze``, ``analysis.features.analyze_features``, ``metering.instrument``, ``metering.strip``, ``proof.verify``,
``status`` and ``usage``; all but the last work on a ``target.Target``. Only this package composes the stages; it prints
nothing. Nothing is imported here: who wants one of them shall not wait for the others.
"""
