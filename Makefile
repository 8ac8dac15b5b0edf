# Everything on a bare machine with Python ≥ 3.11, pip and the package index. The work is in tools/.
# PYTHON=/path/to/python overrules the choice of interpreter; ARGS="-k splice" goes to pytest.

PYTHON ?=
ARGS ?=
export PYTHON ARGS

.PHONY: help test demo clean

help:
	@echo "make demo    meter one feature of a real package in a real service, and take it out again"
	@echo "make test    the test suite (ARGS=\"-k splice -x\" for pytest)"
	@echo "make clean   take away what the two made"
	@echo "             PYTHON=/path/to/python overrules the newest supported interpreter found"

test:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.run_tests

demo:
	@python=$$(sh tools/newest_python.sh) && exec "$$python" -m tools.demo $$ARGS

clean:
	@rm -rf .venv-test .demo build dist
