"""``python -m meterize``."""

from .cli import main

main()
