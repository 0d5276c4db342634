"""A model in one precision, as far as its size is known. Data only."""

from __future__ import annotations

from msgspec import Struct

from .catalogue import KnownModel, catalogue


class UnknownModel(ValueError):
    """Nothing tells how large this model is; the message is one sentence with the way out."""


class Subject(Struct, frozen=True):
    """A model in one precision, as far as its size is known."""

    name: str
    dtype: str
    weights: int | None
    """Bytes."""
    source: str
    """Where that figure comes from, for people."""
    layers: int | None = None
    kv_heads: int | None = None
    head: int | None = None
    kind: str = "chat"
    known: KnownModel | None = None
    cache_unknown: str | None = None
    """Why its KV cache cannot be computed, where that is so."""


def weight_bytes(billions: float, dtype: str) -> int:
    """Bytes of the weights alone."""
    return round(billions * 1e9 * catalogue().bits[dtype] / 8)
