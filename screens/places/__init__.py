"""One file a place. Nothing imports them: the navigator finds their classes through ``screens/registry.py``."""
