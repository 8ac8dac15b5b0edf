"""The corpus and how it is watched."""

from tests.corpus._fixtures import behaviour, no_runtime_of_our_own, pytest_generate_tests

__all__ = ["behaviour", "no_runtime_of_our_own", "pytest_generate_tests"]
