"""Pitfalls of the Docker Engine itself."""
