"""Values: what is sent, what is recorded, how records are chained. No database, no network."""
