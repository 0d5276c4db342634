"""Pitfalls of the request's path: addresses that lead nowhere."""
