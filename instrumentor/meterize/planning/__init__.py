"""From a feature's slice to the few places that notice one use of it. Pure."""

from .choice import Choice, choose_hook_points

__all__ = ["Choice", "choose_hook_points"]
