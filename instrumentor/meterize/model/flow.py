"""Control flow of one code object: basic blocks, edges, dominators, loops."""

from __future__ import annotations

from dataclasses import dataclass

from .code import CodeId, InstructionMask


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A basic block of the original code.

    ``offsets`` are the byte offsets of its opcodes; ``mask`` the same as a set. ``successors`` and ``handlers`` are block
    indices along normal and exception edges. ``hook_offset`` is the first place in it where a hook may stand, or None.
    ``line`` is the source line of that place (or of the block). ``loop_depth`` counts the natural loops around it.
    ``dominator`` and ``post_dominator`` are the immediate ones (None: entry, or exit, or unreachable). ``names`` are the
    globals and attributes that it mentions. ``last_hook_offset`` is the last legal place, on ``last_line``; in a block that
    ``returns`` it is right before the return.
    """

    index: int
    offsets: tuple[int, ...]
    mask: InstructionMask
    line: int | None
    hook_offset: int | None
    successors: tuple[int, ...]
    handlers: tuple[int, ...]
    dominator: int | None
    post_dominator: int | None
    loop_depth: int
    last_hook_offset: int | None = None
    last_line: int | None = None
    returns: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFlowGraph:
    """The blocks in code order; block 0 is the entry. ``digest`` names the code object's canonical form; ``names`` are the
    global names and attributes that it and the code nested in it mention."""

    code: CodeId
    digest: str
    is_function: bool
    """False for modules, class bodies and annotations, which are never hooked."""
    kind: str
    """``function``, ``generator``, ``coroutine``, ``async-generator``, ``annotation``, ``module`` or ``class``."""
    blocks: tuple[Block, ...]
    names: frozenset[str] = frozenset()

    def begins_with(self, block: Block) -> bool:
        """Whether every call begins with this block's place: the first block's, or that of a loop that the function begins
        with."""
        first = self.blocks[0]
        return block is first or (first.hook_offset is None and block.dominator == first.index and len(first.successors) == 1)

    def dominates(self, upper: int, lower: int) -> bool:
        """Whether every way from the entry to ``lower`` leads over ``upper`` (a block dominates itself)."""
        node: int | None = lower
        while node is not None:
            if node == upper:
                return True
            node = self.blocks[node].dominator
        return False
