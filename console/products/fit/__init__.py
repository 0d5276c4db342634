"""Will it fit: what a model needs, computed and as a guide has it; ``estimate`` holds it against the GPUs.

What is known of models is the table beside this file, read once; nothing here looks at a machine.
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct, field

from ...model import Gpu
from ...text import _

GIB = 1 << 30
GB = 10**9


class GuideRow(Struct, frozen=True):
    """What the deployment guide asks for one model in one precision; decimal gigabytes."""

    dtype: str
    vram: float
    ram: float | None = None
    disk: float | None = None


class KnownModel(Struct, frozen=True):
    """One model by its architecture. Layers and heads are None where nothing is cached (embedders, rerankers)."""

    name: str
    aliases: tuple[str, ...] = ()
    parameters: float | None = None
    """In 10^9."""
    layers: int | None = None
    kv_heads: int | None = None
    head: int | None = None
    context: int | None = None
    kind: str = "chat"
    native: str = "fp16"
    """The precision it is loaded in when nothing is said."""
    quantize_bit_ignored: bool = False
    """Its server of the guide reads QUANTIZE_BIT and does nothing with it. fact: FastGPT plugins/model."""
    guide: tuple[GuideRow, ...] = ()
    source: str = ""


class Overhead(Struct, frozen=True):
    """Rules of thumb, low and high."""

    runtime_gib: tuple[float, float]
    activations: tuple[float, float]


class Guide(Struct, frozen=True):
    """The guide's sums for one whole set; decimal gigabytes."""

    name: str
    vram_minimum: float
    vram_recommended: float


class Catalogue(Struct, frozen=True):
    """The whole table."""

    dated: str
    bits: dict[str, float]
    overhead: Overhead
    guide: Guide
    models: tuple[KnownModel, ...] = field(name="model", default=())

    def find(self, name: str) -> KnownModel | None:
        """A model by its name or an alias; case, ``_`` and an organisation in front do not matter."""
        wanted = _key(name)
        return next((m for m in self.models if wanted in {_key(m.name), *map(_key, m.aliases)}), None)


def _key(name: str) -> str:
    return name.rpartition("/")[2].lower().replace("_", "-").removesuffix(":latest")


@cache
def catalogue() -> Catalogue:
    """The table that came with the program."""
    import tomllib
    from importlib.resources import files

    import msgspec

    text = files("stackops.console.products.fit").joinpath("models.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Catalogue)


def free_memory(gpu: Gpu) -> int | None:
    """Bytes that a new process could take on a GPU now; None when it cannot be told."""
    if gpu.memory_free is not None:
        return gpu.memory_free
    if gpu.memory_total is None or gpu.memory_used is None:
        return None
    return max(0, gpu.memory_total - gpu.memory_used - (gpu.memory_reserved or 0))


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
    """Weights and cache are shared out over ``split`` GPUs, not the runtime: each process has a CUDA context."""
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
        notes = (*notes, _("The KV cache is not counted: {cache_unknown}", cache_unknown=effective.cache_unknown))
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
    promise = _("The guide promises {told:g} GB, but", told=told) if told is not None else _("But")
    note = _(
        "{promise} QUANTIZE_BIT={bits} does nothing in its server: the value stays a text "
        "and is compared with numbers, so fp16 is loaded, and fp16 is what is counted here",
        promise=promise,
        bits=bits,
    )
    weights = weight_bytes(known.parameters, "fp16") if known.parameters else None
    where = _("{parameters:g} B parameters x fp16; {source}", parameters=known.parameters, source=known.source)
    return Subject(
        subject.name, "fp16", weights, where, known.layers,
        known.kv_heads, known.head, known.kind, known,
    ), (note,)  # fmt: skip
