"""How the demo looks: headings, the commands as one would type them, colours on a terminal and plain text in a pipe."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

WIDTH = 100
BOLD, DIM, CYAN, GREEN, RED = "1", "2", "36", "32", "31"


def paint(text: str, *styles: str) -> str:
    """The text in these styles, if somebody sees them."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{';'.join(styles)}m{text}\033[0m"


def head(title: str) -> None:
    """Begins a step."""
    line = f"── {title} "
    print(f"\n{paint(line + '─' * (WIDTH - len(line)), BOLD, CYAN)}", flush=True)


def say(text: str) -> None:
    """A remark on what follows."""
    print(paint(text, DIM), flush=True)


def agree(text: str) -> None:
    """Something that was checked, and holds."""
    print(f"{paint('✓', BOLD, GREEN)} {text}", flush=True)


def show_command(words: Sequence[str], *, variables: str = "", background: bool = False) -> None:
    """The command as one would type it, an option a line when it is long."""
    typed = " ".join(filter(None, [variables, *map(quote, words)]))
    if len(typed) > WIDTH - 4:
        typed = typed.replace(" --", " \\\n    --").replace(" \\\n    --python", " --python", 1)
    print(f"{paint('$', BOLD, GREEN)} {paint(typed + ' &' * background, BOLD)}", flush=True)


def quote(word: str) -> str:
    """One word for the shell, in double quotes where it holds single ones."""
    if "'" in word and not any(sign in word for sign in '"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)
