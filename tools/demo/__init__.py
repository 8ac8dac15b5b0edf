"""What `make demo` runs: the whole tool on a real package and service, or, without the package index, on a sample package."""
