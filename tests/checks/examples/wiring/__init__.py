"""Examples of addresses and values."""
