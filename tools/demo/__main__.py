"""Tells a story: tablib in a service, or, without the package index (or with the argument `greenhouse`), the sample package."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from tools.demo import greenhouse_story, offline, screen, tablib_story
from tools.demo.stage import LOG, DemoError, Stage, open_stage
from tools.environments import SetupError


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    began = time.monotonic()
    try:
        stage = open_stage()
        if arguments == ["greenhouse"] or not prepare_tablib():
            tell_greenhouse(stage)
        else:
            print("\nMeter one feature of a package you did not write, in a service you do not change.", flush=True)
            tablib_story.tell(stage)
    except (DemoError, SetupError) as error:
        print(f"\n{screen.paint('make demo failed:', screen.BOLD, screen.RED)} {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(
        f"\n{screen.paint('Done', screen.BOLD)} in {time.monotonic() - began:.0f} s. Everything of the demo is in .demo/",
        flush=True,
    )
    return 0


def prepare_tablib() -> bool:
    """Whether everything from the package index is there; says so if not."""
    try:
        tablib_story.prepare()
    except SetupError as error:
        reason = str(error).splitlines()
        print(f"The package index does not give what the demo needs (see {LOG}):", file=sys.stderr)
        print(
            f"  {reason[-1].strip()}\nSo here is the sample package greenhouse instead of tablib.", file=sys.stderr, flush=True
        )
        return False
    return True


def tell_greenhouse(stage: Stage) -> None:
    offline.make_tool_environment()
    greenhouse_story.prepare()
    greenhouse_story.tell(stage)


def leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)  # as an exception, so that the service is stopped on the way out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
