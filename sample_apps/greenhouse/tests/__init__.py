"""Tests of the greenhouse: one file a feature. pytest and `python -m unittest` both run them."""
