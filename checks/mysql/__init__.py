"""Pitfalls of MySQL."""
