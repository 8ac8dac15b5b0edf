"""What runs inside a metered application: the hooks, the subject, the counts and their way to the spool.

Standard library only, and as little of that as it can be: this package is imported by the first metered module of a process.
"""

from .runtime import RUNTIME
from .subject import current_subject, subject

__all__ = ["arm", "current_subject", "subject"]

arm = RUNTIME.arm
