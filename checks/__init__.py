"""The checks: one pitfall a file. ``api`` is their contract, ``registry`` lists and runs them."""
