"""Owns the functions of the system that the hooks use, bound when the process starts to be metered.

An application may later replace ``time.time`` (frozen clocks) or ``os.open`` (fake file systems), or forbid either. Tools that
do so look for the functions among the attributes of modules; the attributes of a class they leave alone.
"""

import os
import time


class System:
    """A namespace, never instantiated."""

    close = staticmethod(os.close)
    fstat = staticmethod(os.fstat)
    ftruncate = staticmethod(os.ftruncate)
    getpid = staticmethod(os.getpid)
    mkdir = staticmethod(os.mkdir)
    open = staticmethod(os.open)
    posix_fallocate = staticmethod(os.posix_fallocate)
    pread = staticmethod(os.pread)
    pwrite = staticmethod(os.pwrite)
    read = staticmethod(os.read)
    rename = staticmethod(os.rename)
    stat = staticmethod(os.stat)
    unlink = staticmethod(os.unlink)
    urandom = staticmethod(os.urandom)
    write = staticmethod(os.write)
    sleep = staticmethod(time.sleep)
    time = staticmethod(time.time)
