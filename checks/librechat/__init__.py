"""Pitfalls of LibreChat: its configuration file, its environment, its neighbours."""
