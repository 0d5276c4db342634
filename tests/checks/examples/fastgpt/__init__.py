"""Examples of FastGPT."""
