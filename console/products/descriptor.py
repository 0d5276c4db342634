"""What stackops knows of one product, in one object: data, and the few functions that are the product's own.

A file in ``catalogue/`` holds the descriptors of one product, a line in ``registry.py`` makes it known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from ..model import Role
from .servers.reading import ModelServer


class Descriptor(Struct, frozen=True, kw_only=True):
    """How one product is recognised, and what follows from knowing it."""

    role: Role
    images: str = ""
    """Last path components of its images, as registries and mirrors are rewritten at will."""
    image_words: str = ""
    """Pattern of a word anywhere in that component: people build images of their own round a model server."""
    names: str = ""
    """Exact names of its container or service in the well-known compose files."""
    programs: tuple[str, ...] = ()
    """Programs that are it, each with its verb where only that makes a server of it: ``ollama serve``."""
    modules: str = ""
    """Pattern of the beginning of a Python module: ``python -m vllm.entrypoints.openai.api_server``."""
    scripts: str = ""
    """Pattern of a Python script's name, without ``.py``."""
    apps: str = ""
    """Pattern of the beginning of what uvicorn and its kin are given, up to the colon."""
    node: Callable[[str, Sequence[str]], bool] | None = None
    """Whether a script that ``node`` is given, with the words of its command line, is it."""
    npm: str = ""
    """Its npm scripts."""
    clients: str = ""
    """Programs, or verbs, in its image that are only its client, as the helpers use that initiate, dump or pull."""
    servers: str = ""
    """Words beside them that make a server of it all the same."""
    version_variables: tuple[str, ...] = ()
    """Variables that the Dockerfile sets to its version: they name the program itself, a tag can be moved."""
    tag: str = ""
    """Pattern of its version in a tag that begins with another one; then nothing else tells it."""
    exit_codes: Mapping[int, str] = field(default_factory=dict)
    """Its own meaning of exit codes."""
    port: int | None = None
    """Where a database listens when nobody says otherwise."""
    server: ModelServer | None = None
    """Of what is asked for its models."""
