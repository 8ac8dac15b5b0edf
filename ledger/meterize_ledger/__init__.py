"""The ledger: receives usage, keeps every use once, and answers who used what."""
