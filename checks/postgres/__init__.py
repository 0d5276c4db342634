"""Pitfalls of PostgreSQL."""
