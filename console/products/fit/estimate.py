"""Whether models fit on the GPUs as they are now. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ...hosts import Files, HostError, NotFound
from ...model import Gpu, GpuProcess, Server
from ...text import N_, _
from ...text.cleaning import clean_line
from . import KnownModel, Need, Subject, UnknownModel, catalogue, free_memory, weight_bytes

Answer = Literal["fits", "tight", "after_unload", "too_large", "unknown"]


class FitVerdict(Struct, frozen=True):
    """One model against one GPU, or one MIG instance of it."""

    gpu: str
    index: int | None
    name: str | None
    answer: Answer
    free: int | None
    left: int | None
    """Bytes free afterwards, with the higher need; negative when that much is missing."""
    says: str


_ILL = {
    "lost": N_("the card is lost"), "reset_required": N_("the card needs a reset"),
    "stale": N_("the driver does not answer"), "no_permission": N_("the card may not be looked at"),
}  # fmt: skip


def verdicts(
    need: Need, gpus: Sequence[Gpu], processes: Sequence[GpuProcess] = (), servers: Sequence[Server] = ()
) -> tuple[FitVerdict, ...]:
    """One for each GPU; a GPU that is cut into MIG instances has one for each of those."""
    found = []
    for gpu in gpus:
        if gpu.health != "ok":
            why = _ILL.get(gpu.health, N_("its memory cannot be read now"))
            says = _("Not known: {why}", why=_(why))
            found.append(FitVerdict(gpu.uuid, gpu.index, gpu.name, "unknown", None, None, says))
            continue
        if gpu.mig:  # nothing runs on the card itself then
            for part in gpu.instances:
                label = " ".join(filter(None, (gpu.name, part.name)))
                found.append(_verdict(need, part.uuid, gpu.index, label, part.memory_free, 0))
            if not gpu.instances:
                says = _("Not known: the card is in MIG mode, and none of its instances can be seen")
                found.append(FitVerdict(gpu.uuid, gpu.index, gpu.name, "unknown", None, None, says))
            continue
        idle = unloadable(gpu, processes, servers)
        found.append(_verdict(need, gpu.uuid, gpu.index, gpu.name, free_memory(gpu), idle))
    return tuple(found)


def unloadable(gpu: Gpu, processes: Sequence[GpuProcess], servers: Sequence[Server]) -> int:
    """Bytes that Ollama would give back at once: it unloads what is not in use when another model is asked for."""
    keys = {server.key for server in servers if server.product == "ollama" and server.loaded}
    return sum(p.memory or 0 for p in processes if p.gpu == gpu.uuid and p.server in keys and p.models)


def _verdict(need: Need, uuid: str, index: int | None, name: str | None, free: int | None, idle: int) -> FitVerdict:
    if free is None or need.low is None or need.high is None:
        return FitVerdict(
            uuid,
            index,
            name,
            "unknown",
            free,
            None,
            _("It is not known how much is free") if free is None else _("Not known"),
        )
    left = free - need.high
    if left >= 0:
        return FitVerdict(uuid, index, name, "fits", free, left, _("Fits"))
    if free >= need.low:
        return FitVerdict(
            uuid, index, name, "tight", free, left, _("Tight: the estimate's lower end fits, its upper end does not")
        )
    if free + idle >= need.high:
        return FitVerdict(
            uuid, index, name, "after_unload", free, left, _("Fits once Ollama's loaded models are unloaded")
        )
    return FitVerdict(uuid, index, name, "too_large", free, left, _("Does not fit"))


def placed(needs: Sequence[Need], gpus: Sequence[Gpu]) -> dict[int, tuple[str, ...]] | None:
    """Which GPUs each model would go to if all are to run together, by position; None where no such place was found.

    The largest first, each on the GPUs with the least room that still holds it: good, not always the best.
    """
    room = dict(each for gpu in gpus if gpu.health == "ok" for each in _rooms(gpu))
    slices = {part.uuid for gpu in gpus for part in gpu.instances}
    chosen: dict[int, tuple[str, ...]] = {}
    for position in sorted(range(len(needs)), key=lambda n: -(needs[n].high or 0)):
        wanted = needs[position]
        if wanted.high is None:
            return None
        split = {uuid: free for uuid, free in room.items() if wanted.split == 1 or uuid not in slices}
        fitting = sorted((free, uuid) for uuid, free in split.items() if free >= wanted.high)[: wanted.split]
        if len(fitting) < wanted.split:
            return None
        chosen[position] = tuple(uuid for _, uuid in fitting)
        for uuid in chosen[position]:
            room[uuid] -= wanted.high
    return chosen


def _rooms(gpu: Gpu) -> list[tuple[str, int]]:
    """Where on a card something can run, and the bytes that are free there.

    Of a card cut by MIG its instances, those that share their memory as one; a model is not split over instances.
    """
    if not gpu.mig:
        free = free_memory(gpu)
        return [] if free is None else [(gpu.uuid, free)]
    found: dict[object, tuple[str, int]] = {}
    for part in gpu.instances:
        if part.memory_free is not None:
            key = part.uuid if part.gpu_instance is None else part.gpu_instance
            found.setdefault(key, (part.uuid, part.memory_free))
    return list(found.values())


_WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")
_NOT_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin", "optimizer.pt", "scheduler.pt")


def described(files: Files, path: str, dtype: str | None) -> Subject:
    """What the folder or file tells of its model. Raises UnknownModel with the reason and the way out."""
    shown, path = clean_line(path), path.rstrip("/")
    try:
        names = _names(files, path)
        if names is None:
            size = files.stat(path).size
            why = _("the layers are inside the file and are not read")
            return Subject(
                shown.rpartition("/")[2], dtype or "as stored", size, _("the size of the file"), cache_unknown=why
            )
        config = _config(files, path, names)
        weights = sum(
            files.stat(f"{path}/{n}").size or 0 for n in names if n.endswith(_WEIGHTS) and n not in _NOT_WEIGHTS
        )
    except HostError as error:
        raise UnknownModel(f"{shown}: {error}") from None
    if not weights:
        raise UnknownModel(
            _(
                "{shown} holds no weights ({weights}): give the folder they are in",
                shown=shown,
                weights=", ".join(_WEIGHTS),
            )
        )
    layers, heads, width, why_not = _cache(config)
    kept = str(config.get("torch_dtype") or config.get("dtype") or "as stored")
    source = _("the size of its files") + ("" if config else _("; no config.json beside them"))
    return Subject(
        shown.rpartition("/")[2],
        dtype or clean_line(kept, 20),
        weights,
        source,
        layers,
        heads,
        width,
        cache_unknown=why_not,
    )


def _names(files: Files, path: str) -> list[str] | None:
    """The names in a folder; None where the path is a file."""
    fact = files.stat(path)
    if fact.kind == "missing":
        raise NotFound(_("there is nothing at this path"))
    return list(files.names(path)) if fact.kind == "directory" else None


def _config(files: Files, path: str, names: list[str]) -> dict[str, Any]:
    if "config.json" not in names:
        return {}
    try:
        told = msgspec.json.decode(files.read(f"{path}/config.json"))
    except (msgspec.DecodeError, RecursionError):
        return {}
    inner = told.get("text_config") if isinstance(told, dict) else None
    return inner if isinstance(inner, dict) else told if isinstance(told, dict) else {}


def _cache(config: dict[str, Any]) -> tuple[int | None, int | None, int | None, str | None]:
    """Layers, heads of keys and values, width of a head; or why they say nothing."""
    if config.get("kv_lora_rank"):
        return None, None, None, _("its attention (MLA) keeps another kind of cache")
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        return None, None, None, _("some of its layers keep only a window")
    layers = _number(config, "num_hidden_layers", "num_layers", "n_layer")
    heads = _number(config, "num_attention_heads", "n_head")
    groups = _number(config, "num_key_value_heads", "multi_query_group_num", "num_kv_heads") or heads
    hidden = _number(config, "hidden_size", "n_embd")
    width = _number(config, "head_dim", "kv_channels") or (hidden // heads if hidden and heads else None)
    if layers is None or groups is None or width is None:
        return (
            None,
            None,
            None,
            _("its config.json does not tell its layers") if config else _("there is no config.json"),
        )
    return layers, groups, width, None


def _number(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1_000_000), None)


_BILLIONS = re.compile(r"(?:^|[-_:])(\d+(?:\.\d+)?)b(?:$|[-_:])", re.IGNORECASE)
_ALIASES = {"f16": "fp16", "f32": "fp32", "half": "fp16", "float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}


def subject(
    text: str, *, dtype: str | None = None, servers: Iterable[Server] = (), files: Files | None = None
) -> Subject:
    """The model that is named: ``NAME``, ``NAME@DTYPE``, ``7B``, a folder or a .gguf file. Raises UnknownModel."""
    name, at, tail = text.strip().rpartition("@")
    name, given = (name, tail) if at else (tail, None)
    wanted = _precision(dtype or given)
    if name.startswith("/"):
        if files is None:
            raise UnknownModel(
                _("{name} is a path, and no files can be read here: give a model's name", name=clean_line(name))
            )
        return described(files, name, wanted)
    stem, inside = _split(name)
    known = catalogue().find(name) or catalogue().find(stem)
    found = _on_disk(name, servers) if wanted is None else None
    if found is not None:
        return _merged(found, known, inside)
    wanted = wanted or inside
    if known is not None:
        return _from_table(known, wanted)
    return _from_number(name, wanted)


def _precision(dtype: str | None) -> str | None:
    if dtype is None:
        return None
    wanted = _ALIASES.get(dtype.lower(), dtype.lower())
    if wanted not in catalogue().bits:
        raise UnknownModel(
            _(
                "{dtype} is no precision that is known here: use one of {bits}",
                dtype=clean_line(dtype),
                bits=", ".join(catalogue().bits),
            )
        )
    return wanted


def _split(name: str) -> tuple[str, str | None]:
    """The name without a precision at its end and without what makes no difference to its size."""
    lowered, inside = name.lower(), None
    for bits in sorted([*catalogue().bits, *_ALIASES], key=len, reverse=True):
        if lowered.endswith(("-" + bits, "_" + bits, ":" + bits)):
            lowered, inside = lowered[: -len(bits) - 1], _ALIASES.get(bits, bits)
            break
    return re.sub(r"-(?:instruct|chat|text)$", "", lowered), inside


def _on_disk(name: str, servers: Iterable[Server]) -> Subject | None:
    """A model that a server of this machine has, with the size it reports: better than any computation."""
    plain = name.removesuffix(":latest")
    for server in servers:
        for model in server.models:
            if model.name.removesuffix(":latest") == plain and model.size:
                dtype = (model.quantization or "").lower()
                where = _("the size on disk that {service} reports", service=server.service or server.product)
                return Subject(model.name, dtype or "as stored", model.size, where)
    return None


def _merged(found: Subject, known: KnownModel | None, inside: str | None) -> Subject:
    if known is None:
        return Subject(
            found.name, found.dtype, found.weights, found.source, cache_unknown=_("its layers are not known here")
        )
    dtype = found.dtype if found.dtype in catalogue().bits else inside or found.dtype
    return Subject(
        found.name, dtype, found.weights, found.source, known.layers, known.kv_heads, known.head, known.kind, known
    )


def _from_table(known: KnownModel, dtype: str | None) -> Subject:
    dtype = dtype or known.native
    weights = weight_bytes(known.parameters, dtype) if known.parameters else None
    source = (
        _(
            "{parameters:g} B parameters x {dtype}; {source}",
            parameters=known.parameters,
            dtype=dtype,
            source=known.source,
        )
        if known.parameters
        else known.source
    )
    return Subject(known.name, dtype, weights, source, known.layers, known.kv_heads, known.head, known.kind, known)


def _from_number(name: str, dtype: str | None) -> Subject:
    told = _BILLIONS.search(name)
    if told is None or not 0 < float(told.group(1)) < 10_000:
        raise UnknownModel(
            _(
                "{name} is not in the table and names no number of parameters: try one of {names}, a "
                "number as in 7B, or the folder of the model",
                name=clean_line(name),
                names=", ".join(m.name for m in catalogue().models),
            )
        )
    dtype, billions = dtype or "fp16", float(told.group(1))
    why = _("its layers are not known here; give the folder of the model, or one of the table")
    return Subject(
        clean_line(name),
        dtype,
        weight_bytes(billions, dtype),
        _("{billions:g} B parameters x {dtype}", billions=billions, dtype=dtype),
        cache_unknown=why,
    )
