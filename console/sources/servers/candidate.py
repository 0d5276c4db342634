"""An address that may be a model server's, and everything known about it before it is asked. Data only."""

from __future__ import annotations

from msgspec import Struct

from ...model import Product


class Candidate(Struct, frozen=True):
    """One address worth a look. Made from containers, processes, other programs' settings and our own."""

    key: str
    """Becomes ``Server.key``: ``container:PORT`` by the container's name, or ``host:PORT``."""
    address: str
    """Scheme, host and port, as reachable from here: ``http://127.0.0.1:11434``; a path after it is kept in front of
    everything that is asked (``http://10.0.0.5/ollama``)."""
    why: str
    """How the address was found: ``published port 11434 of ollama``, ``One API channel 3``."""
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Of a native server."""
    service: str | None = None
    image: str | None = None
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    """Names of its variables, no values."""
    hint: Product | None = None
    """What image or command say it is: asked for first, never believed alone while it answers."""
    hint_reason: str | None = None
    """``image vllm/vllm-openai``, ``command python -m sglang.launch_server``."""
    token: str | None = None
    """A key for this server and for no other. Secret: goes into headers and nowhere else."""
    token_name: str | None = None
    """Where it was found, for people: ``SK_KEY of m3e``, ``stackops.toml``."""
    started_at: float | None = None
    """When its container or process started; Unix seconds."""
    running: bool = True
    """False for a container that does not run: it is not asked."""
    restarts: int = 0
    """How often the Engine has restarted its container."""
    loading: str | None = None
    """What its log says it is doing before it listens, in one sentence, where somebody read the log."""

    def __repr__(self) -> str:
        return f"Candidate({self.key!r}, {self.address!r}, hint={self.hint!r})"

    __str__ = __repr__
