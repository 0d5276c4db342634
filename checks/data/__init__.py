"""Data that a program does not take as they are."""
