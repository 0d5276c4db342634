"""Examples of what containers tell of themselves."""
