"""A model that lies on this machine: a Hugging Face folder, or one GGUF file. Reads through the Files door alone."""

from __future__ import annotations

from typing import Any

import msgspec

from ..hosts import Files, HostError, NotFound
from ..text import clean_line
from .subject import Subject, UnknownModel

_WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")
_NOT_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin", "optimizer.pt", "scheduler.pt")


def described(files: Files, path: str, dtype: str | None) -> Subject:
    """What the folder or file tells of its model. Raises UnknownModel with the reason and the way out."""
    shown, path = clean_line(path), path.rstrip("/")
    try:
        names = _names(files, path)
        if names is None:
            size = files.stat(path).size
            why = "the layers are inside the file and are not read"
            return Subject(
                shown.rpartition("/")[2], dtype or "as stored", size, "the size of the file", cache_unknown=why
            )
        config = _config(files, path, names)
        weights = sum(
            files.stat(f"{path}/{n}").size or 0 for n in names if n.endswith(_WEIGHTS) and n not in _NOT_WEIGHTS
        )
    except HostError as error:
        raise UnknownModel(f"{shown}: {error}") from None
    if not weights:
        raise UnknownModel(f"{shown} holds no weights ({', '.join(_WEIGHTS)}): give the folder they are in")
    layers, heads, width, why_not = _cache(config)
    kept = str(config.get("torch_dtype") or config.get("dtype") or "as stored")
    source = "the size of its files" + ("" if config else "; no config.json beside them")
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
        raise NotFound("there is nothing at this path")
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
    """Layers, heads of keys and values, width of a head; or why they say nothing. fact: gpu-model-servers 5."""
    if config.get("kv_lora_rank"):
        return None, None, None, "its attention (MLA) keeps another kind of cache"
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        return None, None, None, "some of its layers keep only a window"
    layers = _number(config, "num_hidden_layers", "num_layers", "n_layer")
    heads = _number(config, "num_attention_heads", "n_head")
    groups = _number(config, "num_key_value_heads", "multi_query_group_num", "num_kv_heads") or heads
    hidden = _number(config, "hidden_size", "n_embd")
    width = _number(config, "head_dim", "kv_channels") or (hidden // heads if hidden and heads else None)
    if layers is None or groups is None or width is None:
        return None, None, None, "its config.json does not tell its layers" if config else "there is no config.json"
    return layers, groups, width, None


def _number(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1_000_000), None)
