"""The small model servers of FastGPT's guides: which they are, of which generation, which key they take. Pure.

fact: gpu-model-servers 4.3. Two generations of the distributed guide's scripts exist; the first reads ``SK-KEY`` and
hard-codes one worker, the second reads ``SK_KEY`` and ``NUM_WORKERS``. Keys are compared by their hashes, never shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...console.findings import Evidence
from ...console.model import Container, Product, Server, Snapshot
from ...console.stacks.images import parts_of
from ...console.stacks.model_products import product_of_image
from ..compose import Placed, placed

SPELLINGS = ("SK_KEY", "SK-KEY", "sk-key", "sk_key", "ACCESS_TOKEN")
"""Every way in which guides, scripts and people write the variable with the key."""
PRODUCTS: frozenset[Product] = frozenset({"m3e-large-api", "m3e", "baichuan2", "chatglm2", "bge-reranker"})
_SCRIPTS: frozenset[Product] = frozenset({"m3e", "baichuan2", "chatglm2"})
IN_CODE = "sk-aaabbbcccdddeeefffggghhhiiijjjkkk"
IN_IMAGE = "sk-abcdefghijkabcdefghijkabcdefghijk"
"""Baked into the second generation's images, and the placeholder in both of the guide's compose files."""
IN_RERANKER = "ACCESS_TOKEN"
"""The guide's reranker takes the literal text where nobody sets the variable of that name."""
_GUIDE = re.compile(r"\.openai-api$|(?:^|/)coldsnap/")
_HOME = ("127.", "[::1]", "::1")
_GENERATION = re.compile(r"v([12])(?:$|[.-])")


@dataclass(frozen=True)
class Companion:
    """One of these servers: its container or declaration, and what answered there."""

    place: Placed
    product: Product
    generation: int | None
    """Of the guide's scripts, 1 or 2; None for the others and where nothing tells."""
    server: Server | None

    @property
    def name(self) -> str:
        """Of the container or the service."""
        return self.place.subject

    @property
    def image(self) -> str:
        """The image, as container or declaration name it."""
        if self.place.container:
            return self.place.container.image
        return (self.place.declared.image if self.place.declared else None) or ""

    @property
    def env(self) -> dict[str, str]:
        """The variables of the container, or those declared."""
        return _environment(self.place)

    @property
    def variable(self) -> str | None:
        """The variable that the program reads its key from; None where that depends on a generation nobody knows."""
        if self.product == "m3e-large-api":
            return "sk-key"
        if self.product == "bge-reranker":
            return "ACCESS_TOKEN"
        return {1: "SK-KEY", 2: "SK_KEY"}.get(self.generation or 0)

    @property
    def default(self) -> str | None:
        """The key it takes where nobody sets one; public, as it stands in its code. None where that is not known."""
        if self.product == "bge-reranker":
            return IN_RERANKER if _GUIDE.search(parts_of(self.image).repository) else None
        return IN_CODE

    @property
    def key(self) -> str | None:
        """The key it takes; None where that is not known. Secret unless it is public."""
        name = self.variable
        return (self.env.get(name) or self.default) if name else None

    @property
    def source(self) -> str:
        """Where its variables were read."""
        return f"docker inspect {self.name}" if self.place.container else "compose files"


def companions(snapshot: Snapshot) -> Iterator[Companion]:
    """Those that run or are declared, told by what they answer, else by the name of their image."""
    for place in placed(snapshot, "model_server"):
        server = server_of(snapshot, place.container)
        product = _product(place, server)
        if product is not None:
            yield Companion(place, product, _generation(place, product), server)


def server_of(snapshot: Snapshot, container: Container | None) -> Server | None:
    """What answered in a container."""
    if container is None:
        return None
    return next((server for server in snapshot.servers if server.container == container.id), None)


def _product(place: Placed, server: Server | None) -> Product | None:
    """What answered decides; an image alone counts when its name, or the name of a variable, is one of theirs."""
    if server is not None and server.product not in PRODUCTS and server.product not in ("unknown", "openai-compatible"):
        return None
    declared = place.declared.image if place.declared else None
    image = place.container.image if place.container else declared or ""
    told = product_of_image(image)
    if server is not None and server.product in PRODUCTS:
        # fact: the path alone does not tell the script from the community image, the image's name does
        return "m3e-large-api" if told == "m3e-large-api" else server.product
    if told not in PRODUCTS:
        return None
    own = told in ("m3e-large-api", "bge-reranker") or _GUIDE.search(parts_of(image).repository)
    return told if own or {"SK_KEY", "SK-KEY"} & _environment(place).keys() else None


def _generation(place: Placed, product: Product) -> int | None:
    if product not in _SCRIPTS:
        return None
    declared = place.declared.image if place.declared else None
    match = _GENERATION.match(parts_of(place.container.image if place.container else declared or "").tag or "")
    if match:
        return int(match[1])
    env = _environment(place)
    # fact: the second generation's Dockerfiles set SK_KEY; a variable that no compose file names is the image's
    names = {variable.name for variable in place.declared.env} if place.declared else set()
    return 2 if place.container and place.declared and "SK_KEY" in env and "SK_KEY" not in names else None


def _environment(place: Placed) -> dict[str, str]:
    found = place.container.env if place.container else (place.declared.env if place.declared else ())
    return {variable.name: variable.value for variable in found}


def same(one: str | None, other: str | None) -> bool:
    """Whether two keys are the same, compared by their hashes."""
    return one is not None and other is not None and _digest(one) == _digest(other)


def is_public(key: str | None) -> bool:
    """Whether a key is one that everybody can read in an image, a script or a guide."""
    return any(same(key, public) for public in (IN_CODE, IN_IMAGE, IN_RERANKER))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def given(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that look like one with a key, and have a value."""
    return {name: env[name] for name in SPELLINGS if env.get(name)}


def exposed(place: Placed) -> tuple[str, ...]:
    """``address:port`` on which others than this machine reach it, or will; empty where nobody does."""
    container = place.container
    if container is None:
        entries = [entry for entry in (place.declared.ports if place.declared else ()) if ":" in entry]
        return tuple(entry for entry in entries if not entry.startswith(_HOME) and not entry.endswith("/udp"))
    if container.state not in ("running", "restarting", "paused"):
        return ()
    if container.network_mode == "host":
        return ("every port, as it uses the host's network",)
    ports = [port for port in container.ports if port.host_port and port.protocol == "tcp"]
    rows = [f"{port.host_ip or '0.0.0.0'}:{port.host_port}" for port in ports]  # noqa: S104 - what the Engine means
    return tuple(row for row in rows if not row.startswith(_HOME))


def users(server: Server | None) -> tuple[Evidence, ...]:
    """Who is set up to use it, one a line."""
    return tuple(
        Evidence("used by", f"{user.who}{f' at {user.address}' if user.address else ''}", "settings of the stack")
        for user in (server.users if server else ())
    )
