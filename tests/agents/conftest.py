"""Where the hooks are."""
