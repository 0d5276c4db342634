"""What many model servers answer alike: ``GET /v1/models``, each in his own way, and metrics as Prometheus text.

Of metrics the series that are wanted, parsed by prometheus_client, and nothing else: lines are sorted out by their name
first, as a server's histograms run to thousands of lines that nobody here needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ..descriptor import Counted, Reading
from . import decoding
from .asking import Ask, ServerAnswer


class ModelCard(Struct, frozen=True):
    """One entry, with what some products add."""

    id: str
    owned_by: str | None = None
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None
    """vLLM, SGLang."""
    context_length: int | None = None
    meta: dict[str, Any] | None = None
    """llama.cpp."""


def cards(answer: ServerAnswer | None) -> list[ModelCard] | None:
    """The entries; None for what is no such list. fact: Ollama without models says ``data: null``."""
    raw = answer.json() if answer is not None and answer.ok else None
    data = decoding.member(raw, "data")
    if isinstance(data, list):
        found = decoding.parts(data, ModelCard)
        return found if found or not data else None
    return [] if decoding.member(raw, "object") == "list" and data is None else None


def served(found: list[ModelCard]) -> tuple[ServedModel, ...]:
    """The entries as models, each name once."""
    models: dict[str, ServedModel] = {}
    for card in found:
        name = decoding.name(card.id)
        if name:
            models.setdefault(name, _served(name, card))
    return tuple(models.values())


def _served(name: str, card: ModelCard) -> ServedModel:
    meta = card.meta or {}
    return ServedModel(
        name,
        size=decoding.positive(_number(meta.get("size"))),
        parameters=decoding.parameters(_number(meta.get("n_params"))),
        context=decoding.positive(card.max_model_len or card.context_length or _number(meta.get("n_ctx_train"))),
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


async def models(ask: Ask, path: str = "/v1/models") -> tuple[ServedModel, ...] | None:
    """The models of a list; None where it cannot be read."""
    found = cards(await ask.answer(path))
    return None if found is None else served(found)


async def version(ask: Ask, path: str = "/version") -> str | None:
    """The version that a path of its own tells as ``{"version": ...}``."""
    return decoding.name(decoding.member(await ask.json(path), "version"), 60)


def in_memory(models: tuple[ServedModel, ...] | None) -> tuple[LoadedModel, ...] | None:
    """Of a server that has what it serves in memory."""
    return None if models is None else tuple(LoadedModel(one.name, context=one.context) for one in models)


LENGTH, KEPT = 1024, 128 << 10
"""Bytes of one line, and of all that are wanted: parsing takes two seconds for each MiB, and everybody waits."""
MOST = 1e18
"""Above it a number is nonsense, alone or in a sum."""
Labels = Mapping[str, str]
Samples = dict[str, list[tuple[Labels, float]]]


def samples(body: bytes, wanted: frozenset[str]) -> Samples:
    """The finite samples of the wanted names; none where there are more than any server has.

    A line that makes no sense loses itself only.
    """
    lines = list(_lines(body, wanted))
    if sum(map(len, lines)) > KEPT:
        return {}  # part of a sum would be a wrong figure
    found: Samples = {}
    try:
        _parsed("\n".join(lines), found)
    except (ValueError, KeyError, IndexError):
        found = {}
        for line in lines:
            try:
                _parsed(line, found)
            except (ValueError, KeyError, IndexError):
                continue
    return found


def _lines(body: bytes, wanted: frozenset[str]) -> Iterator[str]:
    names = {name.encode() for name in wanted}
    kept = 0
    for line in body.split(b"\n"):
        if len(line) > LENGTH or line.partition(b" ")[0].partition(b"{")[0].strip() not in names:
            continue
        yield line.decode("utf-8", "replace").replace("\r", "")
        kept += len(line)
        if kept > KEPT:
            return


def _parsed(text: str, found: Samples) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(f"{text}\n"):
        for sample in family.samples:
            if abs(sample.value) < MOST:  # NaN is not, nor is an integer that no float can hold
                found.setdefault(sample.name, []).append((sample.labels, sample.value))


def total(found: Samples, *names: str) -> float | None:
    """The sum over all series of the first of the names that is there; None for a negative one, and where none is."""
    for name in names:
        if name in found:
            number = math.fsum(value for _, value in found[name])
            return number if 0 <= number < MOST else None
    return None


def share(found: Samples, *names: str) -> float | None:
    """The highest of the series, as a share of 1; None where it is none."""
    for name in names:
        if name in found:
            number = max(value for _, value in found[name])
            return number if 0 <= number <= 1 else None
    return None


Series = Mapping[str, tuple[str, ...]]
"""Field of ``Counted`` -> the series it is made of: the first that is there counts, as releases have renamed some."""


def counted(found: Samples, series: Series) -> Counted:
    """Figures of all models and engines together; of the caches the fullest."""
    return Counted(**{
        name: share(found, *names) if name == "kv_cache" else total(found, *names) for name, names in series.items()
    })  # fmt: skip


async def scrape(ask: Ask, reading: Reading, series: Series, *more: str) -> Samples:
    """Reads ``/metrics`` into the figures; the samples, with those of ``more`` names, for what else they tell."""
    answer = await ask.answer("/metrics")
    wanted = frozenset(more).union(*series.values())
    found = samples(answer.body, wanted) if answer is not None and answer.ok else {}
    reading.counted = counted(found, series) if found else None
    return found
