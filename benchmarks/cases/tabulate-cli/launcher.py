"""Stands where tabulate's tests start a file by its path; starts the installed package as its console script does."""

import sys

from tabulate import _main

if __name__ == "__main__":
    sys.exit(_main())
