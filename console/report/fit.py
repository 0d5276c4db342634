"""``gpu --fit`` in its three forms. Words only: nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..model import Gpu
from ..products.fit import Need, catalogue
from ..products.fit.estimate import FitVerdict
from ..text.cleaning import DASH, size
from .json_ import Document, fields
from .text import Line

Asked = tuple[Need, tuple[FitVerdict, ...]]
_KINDS = {"fits": "ok", "tight": "warning", "after_unload": "warning", "too_large": "error", "unknown": "unknown"}
_SHORT = {"after_unload": "unload", "too_large": "no", "unknown": "?"}


def document(asked: Sequence[Asked], together: Mapping[int, tuple[str, ...]] | None) -> Document:
    """The JSON document; sizes in bytes, what is not known is null."""
    return {
        "models": [{**_need(need), "gpus": [_verdict(each) for each in verdicts]} for need, verdicts in asked],
        "together": None if together is None else {asked[n][0].subject.name: list(u) for n, u in together.items()},
        "dated": catalogue().dated,
    }


def _need(need: Need) -> Document:
    subject = need.subject
    return {
        **fields(subject, "name", "dtype"),
        **fields(need, "context", "sequences", "split", "weights"),
        "kv_cache": need.cache,
        "overhead": need.overhead,
        "need": [need.low, need.high],
        "guide_gb": need.guide.vram if need.guide else None,
        "source": subject.source,
        "notes": need.notes,
    }


def _verdict(each: FitVerdict) -> Document:
    return {"uuid": each.gpu, "verdict": each.answer, **fields(each, "index", "name", "free", "left", "says")}


def facts(asked: Sequence[Asked]) -> Iterator[tuple[str, ...]]:
    """One fact per line."""
    for need, verdicts in asked:
        who = (need.subject.name, need.subject.dtype)
        yield ("need", *who, _bytes(need.low), _bytes(need.high), need.subject.source)
        for each in verdicts:
            yield (each.answer, *who, each.gpu, _bytes(each.free), _bytes(each.left), each.says)
        for note in need.notes:
            yield ("note", *who, note)


def lines(
    asked: Sequence[Asked], gpus: Sequence[Gpu], together: Mapping[int, tuple[str, ...]] | None
) -> Iterator[Line]:
    """For people: what each model needs and why, then each GPU."""
    for need, verdicts in asked:
        yield ("", "", f"{need.subject.name}  {need.subject.dtype}  {_shape(need)}")
        yield (
            "",
            "",
            f"  needs {_range(need)} on each of {need.split} GPUs" if need.split > 1 else f"  needs {_range(need)}",
        )
        for label, text in parts(need):
            yield ("", "", f"    {label:<11}{text}")
        for note in need.notes:
            yield ("note".rjust(6), "warning", f"  {note}")
        if not verdicts:
            yield ("  ?", "unknown", "  No GPU is known on this machine")
        for each in verdicts:
            word = _SHORT.get(each.answer, each.answer)
            yield (
                word.rjust(8),
                _KINDS[each.answer],
                f"  {_card(each)}: {size(each.free)} free now. {each.says}{_left(each)}",
            )
        yield ("", "", "")
    if len(asked) > 1:
        yield from _together(asked, gpus, together)


def parts(need: Need) -> Iterator[tuple[str, str]]:
    """What a need is made of, each with where it comes from."""
    yield "weights", f"{size(need.weights)}  ({need.subject.source})"
    if need.cache is None:
        yield "KV cache", DASH
    elif need.subject.kind == "chat":
        yield "KV cache", f"{size(need.cache)}  ({need.context} tokens x {need.sequences})"
    low, high = need.overhead
    yield "the rest", f"{size(low)} to {size(high)}  (rules of thumb: runtime, activations)"
    if need.guide is not None:
        yield "the guide", f"asks {need.guide.vram:g} GB  ({catalogue().guide.name})"


def _shape(need: Need) -> str:
    return f"context {need.context}, {need.sequences} at once" if need.subject.kind == "chat" else need.subject.kind


def _range(need: Need) -> str:
    if need.low is None or need.high is None:
        return "an unknown amount"
    low, high = size(need.low), size(need.high)
    return f"about {low}" if low == high else f"{low} to {high}"


def _card(each: FitVerdict) -> str:
    return f"GPU {each.index if each.index is not None else DASH} {each.name or each.gpu}"


def _left(each: FitVerdict) -> str:
    if each.left is None:
        return ""
    return f", {size(each.left)} left" if each.left >= 0 else f", {size(-each.left)} short"


def _together(
    asked: Sequence[Asked], gpus: Sequence[Gpu], together: Mapping[int, tuple[str, ...]] | None
) -> Iterator[Line]:
    if together is None:
        yield ("  no", "error", "  No way was found to run all of them at once on what is free now")
        return
    names = {gpu.uuid: f"GPU {gpu.index}" if gpu.index is not None else gpu.uuid for gpu in gpus}
    for position, uuids in sorted(together.items()):
        yield (
            "fits".rjust(8),
            "ok",
            f"  {asked[position][0].subject.name} on {', '.join(names.get(u, u) for u in uuids)}",
        )
    yield ("", "", "All of them at once, placed like this")


def _bytes(count: int | None) -> str:
    return DASH if count is None else str(count)
