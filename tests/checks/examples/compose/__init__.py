"""Compose files and what runs of them, in Examples."""
