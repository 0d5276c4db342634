"""Pitfalls that a container's own facts tell: it keeps ending, is unhealthy, was never started, ended by an error."""
