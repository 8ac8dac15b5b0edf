"""What the tool asks for, as it wrote it down for every process of the run."""

from __future__ import annotations

from os import O_CLOEXEC, O_RDONLY, close, read
from os import open as open_file


class Settings:
    """The lines of FOLDER/settings: the mode, the interpreter, the folder that holds the package, that with prepared modules,
    the order that tests shall run in (0: as they are), then the package's modules, relative to the former."""

    def __init__(self, text: str) -> None:
        self.mode, self.cache_tag, self.site, self.probes, order, *modules = text.split("\n")
        self.order = int(order)
        self.modules = tuple(module for module in modules if module)


def read_settings(folder: str) -> Settings:
    """Read the settings of a run."""
    return Settings(read_whole(f"{folder}/settings").decode())


def read_whole(path: str) -> bytes:
    """The bytes of a file, by system calls alone."""
    descriptor = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        parts = []
        while part := read(descriptor, 1 << 20):
            parts.append(part)
    finally:
        close(descriptor)
    return b"".join(parts)
