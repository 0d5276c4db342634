"""Every product that is known: one line a file of ``catalogue/``. Their order decides where two look alike."""

from __future__ import annotations

from importlib import import_module

from ..model import Product, Role
from .descriptor import Descriptor, ModelServer
from .servers.asking import Key

FILES = (
    "stack",
    "ollama",
    "vllm",
    "sglang",
    "huggingface",
    "llamacpp",
    "localai",
    "xinference",
    "fastchat",
    "litellm",
    "infinity",
    "oneapi",
    "lmstudio",
    "tabbyapi",
    "guide_scripts",
    "unnamed",
)

DESCRIPTORS: tuple[Descriptor, ...] = tuple(
    one for name in FILES for one in import_module(f".catalogue.{name}", __package__).DESCRIPTORS
)
SERVERS: dict[Product, ModelServer] = {one.server.product: one.server for one in DESCRIPTORS if one.server}
RECOGNISING: dict[str, Key] = {"/v1/models": "keyed"}
"""What may be sent before it is known who is there: what every product's sign asks.

No ``/health`` and no ``/metrics`` among them: for some that is work, or starts somebody's averages anew.
"""
for _server in SERVERS.values():
    RECOGNISING |= _server.sign_paths
GATEWAYS = frozenset(product for product, server in SERVERS.items() if server.speaks)
"""Who has no model of his own, and passes requests on."""
_BY_IMAGE = {name: one for one in DESCRIPTORS for name in one.images.split()}
_BY_ROLE: dict[Role, Descriptor] = {one.role: one for one in reversed(DESCRIPTORS)}


def by_image(last: str) -> Descriptor | None:
    """The product whose image is called so: the last path component, in lower case."""
    return _BY_IMAGE.get(last)


def by_role(role: Role) -> Descriptor:
    """The first product that plays a role: it speaks for what is known by its role alone."""
    return _BY_ROLE[role]
