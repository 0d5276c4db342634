"""Pitfalls of the machine itself."""
