"""Where a package lives in an environment: find it; write, watch and restore its compiled files, all or nothing."""

from .application import Wanted, apply, apply_all, preview
from .exclusion import lock
from .inspection import inspect, notices
from .location import locate
from .manifests import manifests
from .module_files import find_module_file, is_machine_code
from .rehearsal import copy_metered, file_digest, leftovers
from .removal import strip
from .runtime import RuntimeSource
from .transaction import needs_recovery, recover

__all__ = [
    "RuntimeSource",
    "Wanted",
    "apply",
    "apply_all",
    "copy_metered",
    "file_digest",
    "find_module_file",
    "inspect",
    "is_machine_code",
    "leftovers",
    "locate",
    "lock",
    "manifests",
    "needs_recovery",
    "notices",
    "preview",
    "recover",
    "strip",
]
