"""Who used what, from the spool."""

from __future__ import annotations

import os
from pathlib import Path

from meterize.spool import Usage, default_spool, read_uses


def usage(spool: Path | None = None) -> tuple[Path, Usage]:
    """The spool that was read (METERIZE_SPOOL, else under the XDG state folder) and what it holds."""
    folder = default_spool(os.environ) if spool is None else spool
    return folder, read_uses(folder)
