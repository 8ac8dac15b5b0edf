"""Prove that the hooks tell the feature from the rest, and keep the evidence."""
