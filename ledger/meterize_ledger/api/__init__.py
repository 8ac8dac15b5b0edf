"""The ledger over HTTP: Starlette routes on the services, and everything that keeps strangers' bytes at bay."""
