"""Pitfalls of GPUs: the driver, Docker's way to it, who shares a card, who fills it, what was left on it."""
