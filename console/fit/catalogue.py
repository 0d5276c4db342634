"""What is known of models: the table beside this file, read once. Data only; nothing here looks at a machine."""

from __future__ import annotations

from functools import cache

from msgspec import Struct, field

from ..model import Gpu

GIB = 1 << 30
GB = 10**9


class GuideRow(Struct, frozen=True):
    """What the deployment guide asks for one model in one precision; decimal gigabytes. fact: gpu-model-servers 5.1."""

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
    """Its server of the guide reads QUANTIZE_BIT and does nothing with it. fact: gpu-model-servers 4.3."""
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

    text = files("stackops.console").joinpath("fit", "models.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Catalogue)


def free_memory(gpu: Gpu) -> int | None:
    """Bytes that a new process could take on a GPU now; None when it cannot be told."""
    if gpu.memory_free is not None:
        return gpu.memory_free
    if gpu.memory_total is None or gpu.memory_used is None:
        return None
    return max(0, gpu.memory_total - gpu.memory_used - (gpu.memory_reserved or 0))
