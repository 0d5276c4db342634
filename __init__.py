"""stackops: watch and repair LLM application stacks on a Docker host, from one terminal."""

__version__ = "0.1.0"
