"""What somebody means by a model's name: the table, what a server has on disk, a folder, or a number of parameters.

Reads files only through the Files door it is given; guesses nothing: what is not known stays None and is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..hosts import Files
from ..model import Server
from ..text import clean_line
from .catalogue import KnownModel, catalogue
from .folder import described
from .subject import Subject, UnknownModel, weight_bytes

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
            raise UnknownModel(f"{clean_line(name)} is a path, and no files can be read here: give a model's name")
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
            f"{clean_line(dtype)} is no precision that is known here: use one of {', '.join(catalogue().bits)}"
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
                where = f"the size on disk that {server.service or server.product} reports"
                return Subject(model.name, dtype or "as stored", model.size, where)
    return None


def _merged(found: Subject, known: KnownModel | None, inside: str | None) -> Subject:
    if known is None:
        return Subject(
            found.name, found.dtype, found.weights, found.source, cache_unknown="its layers are not known here"
        )
    dtype = found.dtype if found.dtype in catalogue().bits else inside or found.dtype
    return Subject(
        found.name, dtype, found.weights, found.source, known.layers, known.kv_heads, known.head, known.kind, known
    )


def _from_table(known: KnownModel, dtype: str | None) -> Subject:
    dtype = dtype or known.native
    weights = weight_bytes(known.parameters, dtype) if known.parameters else None
    source = f"{known.parameters:g} B parameters x {dtype}; {known.source}" if known.parameters else known.source
    return Subject(known.name, dtype, weights, source, known.layers, known.kv_heads, known.head, known.kind, known)


def _from_number(name: str, dtype: str | None) -> Subject:
    told = _BILLIONS.search(name)
    if told is None or not 0 < float(told.group(1)) < 10_000:
        raise UnknownModel(
            f"{clean_line(name)} is not in the table and names no number of parameters: try one of "
            f"{', '.join(m.name for m in catalogue().models)}, a number as in 7B, or the folder of the model"
        )
    dtype, billions = dtype or "fp16", float(told.group(1))
    why = "its layers are not known here; give the folder of the model, or one of the table"
    return Subject(
        clean_line(name),
        dtype,
        weight_bytes(billions, dtype),
        f"{billions:g} B parameters x {dtype}",
        cache_unknown=why,
    )
