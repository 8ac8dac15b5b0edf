"""From a feature's slice to the few places that notice one use of it. Pure."""

from .choice import Choice, choose_hook_points
from .guidance import files_of, find_named, is_excluded, names_of, require_known
from .named import name_candidates
from .nearness import describe_nearest

__all__ = [
    "Choice",
    "choose_hook_points",
    "describe_nearest",
    "files_of",
    "find_named",
    "is_excluded",
    "name_candidates",
    "names_of",
    "require_known",
]
