"""How much memory a model needs on each GPU it is spread over: weights, KV cache, rules of thumb for the rest. Pure."""

from __future__ import annotations

from msgspec import Struct

from .catalogue import GB, GIB, GuideRow, catalogue
from .subject import Subject, weight_bytes


class Need(Struct, frozen=True):
    """Bytes on each of ``split`` GPUs."""

    subject: Subject
    context: int
    """Tokens of one sequence."""
    sequences: int
    split: int
    weights: int | None
    cache: int | None
    """KV cache of all sequences; None where it cannot be computed."""
    overhead: tuple[int, int]
    low: int | None
    high: int | None
    """With the guide's figure, where that is larger."""
    guide: GuideRow | None = None
    notes: tuple[str, ...] = ()


def need(subject: Subject, *, context: int = 4096, sequences: int = 1, split: int = 1, kv_bytes: int = 2) -> Need:
    """Weights and cache are shared out over ``split`` GPUs, the runtime is not. fact: gpu-model-servers 5."""
    effective, notes = _reachable(subject)
    weights = None if effective.weights is None else -(-effective.weights // split)
    cache = cache_bytes(effective, kv_bytes)
    cache = None if cache is None else -(-cache * context * sequences // split)
    table = catalogue().overhead
    overhead = tuple(
        round(gib * GIB + (weights or 0) * share)
        for gib, share in zip(table.runtime_gib, table.activations, strict=True)
    )
    guide = next((g for g in (subject.known.guide if subject.known else ()) if g.dtype == effective.dtype), None)
    low, high = (None if weights is None else weights + (cache or 0) + more for more in overhead)
    if guide is not None and split == 1:
        low, high = low or round(guide.vram * GB), max(high or 0, round(guide.vram * GB))
    if effective.cache_unknown:
        notes = (*notes, f"The KV cache is not counted: {effective.cache_unknown}")
    return Need(
        effective, context, sequences, split, weights, cache, (overhead[0], overhead[1]), low, high, guide, notes
    )  # fmt: skip


def cache_bytes(subject: Subject, kv_bytes: int = 2) -> int | None:
    """Bytes of KV cache for one token; 0 for models that keep none, None where the layers are not known."""
    if subject.kind != "chat":
        return 0
    if subject.layers is None or subject.kv_heads is None or subject.head is None:
        return None
    return 2 * subject.layers * subject.kv_heads * subject.head * kv_bytes


def _reachable(subject: Subject) -> tuple[Subject, tuple[str, ...]]:
    """The precision that is really loaded: some servers of the guide ignore what they are told."""
    known = subject.known
    if known is None or not known.quantize_bit_ignored or subject.dtype not in ("int8", "int4"):
        return subject, ()
    bits = subject.dtype.removeprefix("int")
    told = next((g.vram for g in known.guide if g.dtype == subject.dtype), None)
    promise = f"The guide promises {told:g} GB, but" if told is not None else "But"
    note = (
        f"{promise} QUANTIZE_BIT={bits} does nothing in its server: the value stays a text and is compared with "
        "numbers, so fp16 is loaded, and fp16 is what is counted here"
    )
    weights = weight_bytes(known.parameters, "fp16") if known.parameters else None
    return Subject(
        subject.name, "fp16", weights, f"{known.parameters:g} B parameters x fp16; {known.source}", known.layers,
        known.kv_heads, known.head, known.kind, known,
    ), (note,)  # fmt: skip
