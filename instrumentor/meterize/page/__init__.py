"""The page that answers "what exactly do you charge me for?": one HTML file that needs nothing else."""

from .document import render_page

__all__ = ["render_page"]
