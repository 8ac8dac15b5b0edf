"""What was found, as a page that explains it."""
