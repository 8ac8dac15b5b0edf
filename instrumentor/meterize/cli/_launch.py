"""Runs the command line inside another environment's interpreter: `python _launch.py PATHS ARGUMENTS…` (see elsewhere.py).

PATHS is a JSON list of the folders to import the tool from. Standard library only until they are on the path.
"""

import json
import sys

if __name__ == "__main__":
    lent, arguments = json.loads(sys.argv[1]), sys.argv[2:]
    target_path = sys.path[1:]  # without this script's own folder
    sys.path[:] = lent + target_path
    sys.argv[:] = ["meterize", *arguments]

    from meterize.cli import main

    main(target_path)
