"""Pitfalls of model servers: keys that are ignored or public, settings that crash them or do nothing."""
