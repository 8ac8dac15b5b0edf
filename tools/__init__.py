"""What `make` and CI run: standard library only, from a fresh clone."""
