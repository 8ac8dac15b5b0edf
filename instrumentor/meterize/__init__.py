"""Meter one feature of an installed Python package, without touching its source."""


def __getattr__(name: str) -> str:
    # Looked up when it is asked for: reading metadata takes longer than handing over to another interpreter does.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("meterize")
    except PackageNotFoundError:  # run from a checkout under another interpreter (`--python`)
        return "0+unknown"
