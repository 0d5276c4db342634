"""Pitfalls of MongoDB as the stacks run it: key file, replica set, versions."""
