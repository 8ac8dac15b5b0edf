# Everything on a bare machine with Python ≥ 3.11, pip and the package index. The work is in tools/.
# PYTHON=/path/to/python overrules the choice of interpreter; ARGS="-k splice" goes to pytest, or to what else is made.

PYTHON ?=
ARGS ?=
export PYTHON ARGS

.PHONY: help test fuzz soak demo clean

help:
	@echo "make demo    meter one feature of a real package in a real service, and take it out again"
	@echo "make test    the test suite (ARGS=\"-k splice -x\" for pytest)"
	@echo "make fuzz    50,000 programs made at random, untouched and hooked (ARGS=\"--programs 500 --seed 7\")"
	@echo "make soak    10,000 random kills of agents, ledgers and metered processes (ARGS=\"--kills 500 --seed 7\")"
	@echo "make clean   take away what the two made"
	@echo "             PYTHON=/path/to/python overrules the newest supported interpreter found"

test:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.run_tests

fuzz:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.run_tests fuzz

soak:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.run_tests soak

demo:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.demo $$ARGS

clean:
	@rm -rf .venv-test .demo build dist
