"""Will it fit, in words: the models that can be asked for, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...console.export.fit import parts
from ...console.fit import Need, Subject, Verdict, catalogue, need, subject, verdicts
from ...console.model import Server, Snapshot
from ...console.text import DASH, size
from ..widgets.paint import BLANK, Line, Span, Tone, line

GIB = 1 << 30
_ANSWERS: dict[str, tuple[str, Tone]] = {
    "fits": ("fits", "ok"), "tight": ("tight", "warning"), "after_unload": ("after unload", "warning"),
    "too_large": ("too large", "error"), "unknown": ("not known", "muted"),
}  # fmt: skip
_BEST = ("fits", "after_unload", "tight", "too_large", "unknown")


class Asked(NamedTuple):
    """One model in one precision, against every GPU."""

    key: str
    need: Need
    verdicts: tuple[Verdict, ...]

    @property
    def best(self) -> Verdict | None:
        """The GPU it would do best on."""
        return min(self.verdicts, key=lambda v: (_BEST.index(v.answer), -(v.left or 0)), default=None)


def asked(snapshot: Snapshot, context: int) -> list[Asked]:
    """The models that servers here have on disk, then those of the table; those that are loaded now are left out."""
    found = [*_on_disk(snapshot.servers), *_of_the_table()]
    return [_asked(each, snapshot, context) for each in found]


def _on_disk(servers: Sequence[Server]) -> list[Subject]:
    found: dict[str, Subject] = {}
    for server in servers:
        loaded = {model.name for model in server.loaded or ()}
        for model in server.models:
            if model.size and model.name not in loaded:
                found.setdefault(model.name, subject(model.name, servers=[server]))
    return list(found.values())


def _of_the_table() -> list[Subject]:
    found = []
    for model in catalogue().models:
        precisions = (model.native,) if model.kind != "chat" or model.quantize_bit_ignored else (model.native, "int4")
        found += [subject(model.name, dtype=precision) for precision in precisions]
    return found


def _asked(wanted: Subject, snapshot: Snapshot, context: int) -> Asked:
    needed = need(wanted, context=context)
    told = verdicts(needed, snapshot.gpus, snapshot.gpu_processes, snapshot.servers)
    return Asked(f"{wanted.name}@{wanted.dtype}", needed, told)


def cells(each: Asked) -> dict[str, Span]:
    """One line of the table."""
    best, subject_ = each.best, each.need.subject
    answer = Span(*_ANSWERS[best.answer]) if best else Span("no GPU", "muted")
    return {
        "model": Span(subject_.name),
        "dtype": Span(subject_.dtype, "muted"),
        "need": Span(_range(each.need)),
        "answer": answer,
        "where": Span(_card(best) if best else DASH, "muted"),
        "left": Span(_left(best), "muted"),
    }


def _range(needed: Need) -> str:
    if needed.low is None or needed.high is None:
        return DASH
    low, high = needed.low / GIB, needed.high / GIB
    return f"{high:.1f} GiB" if low == high else f"{low:.1f} – {high:.1f} GiB"


def _card(one: Verdict) -> str:
    return f"GPU {one.index}" if one.index is not None else one.gpu


def _left(best: Verdict | None) -> str:
    """What stays free on the best card; less than nothing where it is too small."""
    if best is None or best.left is None:
        return DASH
    return size(best.left) if best.left >= 0 else f"-{size(-best.left)}"


def detail(each: Asked) -> list[Line]:
    """One model in full: what its need is made of, and each GPU."""
    needed = each.need
    said = [line((f"{needed.subject.name}  {needed.subject.dtype}", "strong"), f"  needs {_range(needed)}"), BLANK]
    said += [line((f"{label:<11}", "muted"), text) for label, text in parts(needed)]
    for note in needed.notes:
        said += [BLANK, line((note, "warning"))]
    said.append(BLANK)
    for verdict in each.verdicts:
        word, tone = _ANSWERS[verdict.answer]
        free = f"{size(verdict.free)} free now" if verdict.free is not None else ""
        says = "" if verdict.says.lower() == word else verdict.says.removeprefix("Not known: ").removeprefix("Tight: ")
        why = ". ".join(each for each in (free, says) if each)
        said.append(line((f"{word:<13}", tone), f"{_card(verdict)}  ", why, (f"  {verdict.name or ''}", "muted")))
    if not each.verdicts:
        said.append(line(("No GPU is known on this machine.", "muted")))
    return said
