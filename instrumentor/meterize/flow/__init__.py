"""Control flow of code objects: basic blocks, edges, dominators, loops."""

from .graph import build_graph

__all__ = ["build_graph"]
