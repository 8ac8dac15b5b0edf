"""What the ledger does, as plain functions on a database; the same for HTTP and for the command line."""
