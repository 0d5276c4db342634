"""``gpu --fit`` in its three forms. Words only: nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..model import Gpu
from ..products.fit import Need, catalogue
from ..products.fit.estimate import FitVerdict
from ..text import N_, _
from ..text.cleaning import DASH, size
from .json_ import Document, fields
from .text import Line, padded

Asked = tuple[Need, tuple[FitVerdict, ...]]
_KINDS = {"fits": "ok", "tight": "warning", "after_unload": "warning", "too_large": "error", "unknown": "unknown"}
_SHORT = {"after_unload": N_("unload"), "too_large": N_("no"), "unknown": "?", "fits": N_("fits"), "tight": N_("tight")}


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
            _("  needs {size} on each of {count} GPUs", size=_range(need), count=need.split)
            if need.split > 1
            else _("  needs {size}", size=_range(need)),
        )
        for label, text in parts(need):
            yield ("", "", f"    {padded(label, 11)}{text}")
        for note in need.notes:
            yield (_("note").rjust(6), "warning", f"  {note}")
        if not verdicts:
            yield ("  ?", "unknown", _("  No GPU is known on this machine"))
        for each in verdicts:
            word = _(_SHORT.get(each.answer, each.answer))
            yield (
                word.rjust(8),
                _KINDS[each.answer],
                _(
                    "  {card}: {free} free now. {says}{left}",
                    card=_card(each),
                    free=size(each.free),
                    says=each.says,
                    left=_left(each),
                ),
            )
        yield ("", "", "")
    if len(asked) > 1:
        yield from _together(asked, gpus, together)


def parts(need: Need) -> Iterator[tuple[str, str]]:
    """What a need is made of, each with where it comes from."""
    yield _("weights"), f"{size(need.weights)}  ({need.subject.source})"
    if need.cache is None:
        yield _("KV cache"), DASH
    elif need.subject.kind == "chat":
        yield (
            _("KV cache"),
            _(
                "{cache}  ({context} tokens x {sequences})",
                cache=size(need.cache),
                context=need.context,
                sequences=need.sequences,
            ),
        )
    low, high = need.overhead
    yield _("the rest"), _("{low} to {high}  (rules of thumb: runtime, activations)", low=size(low), high=size(high))
    if need.guide is not None:
        yield _("the guide"), _("asks {vram:g} GB  ({guide})", vram=need.guide.vram, guide=catalogue().guide.name)


def _shape(need: Need) -> str:
    return (
        _("context {context}, {sequences} at once", context=need.context, sequences=need.sequences)
        if need.subject.kind == "chat"
        else need.subject.kind
    )


def _range(need: Need) -> str:
    if need.low is None or need.high is None:
        return _("an unknown amount")
    low, high = size(need.low), size(need.high)
    return _("about {low}", low=low) if low == high else _("{low} to {high}", low=low, high=high)


def _card(each: FitVerdict) -> str:
    return f"GPU {each.index if each.index is not None else DASH} {each.name or each.gpu}"


def _left(each: FitVerdict) -> str:
    if each.left is None:
        return ""
    return _(", {left} left", left=size(each.left)) if each.left >= 0 else _(", {value} short", value=size(-each.left))


def _together(
    asked: Sequence[Asked], gpus: Sequence[Gpu], together: Mapping[int, tuple[str, ...]] | None
) -> Iterator[Line]:
    if together is None:
        yield ("  " + _("no"), "error", _("  No way was found to run all of them at once on what is free now"))
        return
    names = {gpu.uuid: f"GPU {gpu.index}" if gpu.index is not None else gpu.uuid for gpu in gpus}
    for position, uuids in sorted(together.items()):
        yield (
            _("fits").rjust(8),
            "ok",
            _(
                "  {subject} on {names}",
                subject=asked[position][0].subject.name,
                names=", ".join(names.get(u, u) for u in uuids),
            ),
        )
    yield ("", "", _("All of them at once, placed like this"))


def _bytes(count: int | None) -> str:
    return DASH if count is None else str(count)
