"""Pitfalls of One API: restarts that help, and those that do not."""
