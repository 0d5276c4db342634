"""Pitfalls of Ollama: where it listens, how others find it, and whether it uses the GPU."""
