"""The database: one schema for SQLite and PostgreSQL, and every statement that touches it."""
