"""Pitfalls of FastGPT."""
