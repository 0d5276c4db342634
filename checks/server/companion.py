"""The small model servers of FastGPT's guides: which they are, of which generation, which key they take. Pure.

Two generations of the scripts in FastGPT's distributed guide exist; the first (until 2024-03-12) reads ``SK-KEY`` and
hard-codes one worker, the second reads ``SK_KEY`` and ``NUM_WORKERS``. Keys are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...console.model import Product, Server, ServerUser, Snapshot
from ...console.products.model_users import product_of_image
from ...console.products.versions import parts_of
from ...console.text import _
from ..compose import Placed, open_ports, placed
from ..subjects import worked_out_once

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
        return self.place.image or ""

    @property
    def env(self) -> dict[str, str]:
        """The variables of the container, or those declared."""
        return {variable.name: variable.value for variable in self.place.env}

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
    def users(self) -> tuple[ServerUser, ...]:
        """Who is set up to use it."""
        return self.server.users if self.server else ()


@worked_out_once
def companions(snapshot: Snapshot) -> Iterator[Companion]:
    """Those that run or are declared, told by what they answer, else by the name of their image."""
    for place in placed(snapshot, "model_server"):
        server = next((s for s in snapshot.servers if place.container and s.container == place.container.id), None)
        product = _product(place, server)
        if product is not None:
            yield Companion(place, product, _generation(place, product), server)


def _product(place: Placed, server: Server | None) -> Product | None:
    """What answered decides; an image alone counts when its name, or the name of a variable, is one of theirs."""
    if server is not None and server.product not in PRODUCTS and server.product not in ("unknown", "openai-compatible"):
        return None
    image = place.image or ""
    told = product_of_image(image)
    if server is not None and server.product in PRODUCTS:
        # the path alone does not tell the script from the community image, the image's name does
        return "m3e-large-api" if told == "m3e-large-api" else server.product
    if told not in PRODUCTS:
        return None
    own = told in ("m3e-large-api", "bge-reranker") or _GUIDE.search(parts_of(image).repository)
    return told if own or any(v.name in ("SK_KEY", "SK-KEY") for v in place.env) else None


def _generation(place: Placed, product: Product) -> int | None:
    if product not in _SCRIPTS:
        return None
    match = _GENERATION.match(parts_of(place.image or "").tag or "")
    if match:
        return int(match[1])
    if place.container is None or place.declared is None:
        return None
    # the second generation's Dockerfiles set SK_KEY; a variable that no compose file names is the image's
    inside, written = ({v.name for v in of.env} for of in (place.container, place.declared))
    return 2 if "SK_KEY" in inside - written else None


def is_public(key: str | None) -> bool:
    """Whether a key is one that everybody can read in an image, a script or a guide."""
    return key in (IN_CODE, IN_IMAGE, IN_RERANKER)


def given(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that look like one with a key, and have a value."""
    return {name: env[name] for name in SPELLINGS if env.get(name)}


def exposed(place: Placed) -> tuple[str, ...]:
    """``address:port`` on which others than this machine reach it, or will; empty where nobody does."""
    container = place.container
    if container is not None and container.state not in ("running", "restarting", "paused"):
        return ()
    if container is not None and container.network_mode == "host":
        return (_("every port, as it uses the host's network"),)
    return tuple(f"{address}:{number}" for address, number in open_ports(place.told_by))
