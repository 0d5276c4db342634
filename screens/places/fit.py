"""Will it fit: every model that is known here against the free memory of each GPU, now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from ...console.model import Server, Snapshot
from ...console.products.fit import Need, Subject, catalogue, need
from ...console.products.fit.estimate import FitVerdict, subject, verdicts
from ...console.report.fit import parts
from ...console.text import N_, _
from ...console.text.cleaning import DASH, fit, size
from ...themes import sheet
from ..place import ListPlace, entitle
from ..widgets.paint import BLANK, Line, Span, Tone, line
from ..widgets.table import Column, Row

GIB = 1 << 30
_ANSWERS: dict[str, tuple[str, Tone]] = {
    "fits": (N_("fits"), "ok"), "tight": (N_("tight"), "warning"), "after_unload": (N_("after unload"), "warning"),
    "too_large": (N_("too large"), "error"), "unknown": (N_("not known"), "muted"),
}  # fmt: skip
_BEST = ("fits", "after_unload", "tight", "too_large", "unknown")


class Asked(NamedTuple):
    """One model in one precision, against every GPU."""

    key: str
    need: Need
    verdicts: tuple[FitVerdict, ...]

    @property
    def best(self) -> FitVerdict | None:
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


def row_of(each: Asked) -> dict[str, Span]:
    """One line of the table."""
    best, subject_ = each.best, each.need.subject
    word, tone = _ANSWERS[best.answer] if best else (N_("no GPU"), "muted")
    return {
        "model": Span(subject_.name),
        "dtype": Span(subject_.dtype, "muted"),
        "need": Span(_range(each.need)),
        "answer": Span(_(word), tone),
        "where": Span(_card(best) if best else DASH, "muted"),
        "left": Span(_left(best), "muted"),
    }


def _range(needed: Need) -> str:
    if needed.low is None or needed.high is None:
        return DASH
    low, high = needed.low / GIB, needed.high / GIB
    return f"{high:.1f} GiB" if low == high else f"{low:.1f} – {high:.1f} GiB"


def _card(one: FitVerdict) -> str:
    return f"GPU {one.index}" if one.index is not None else one.gpu


def _left(best: FitVerdict | None) -> str:
    """What stays free on the best card; less than nothing where it is too small."""
    if best is None or best.left is None:
        return DASH
    return size(best.left) if best.left >= 0 else f"-{size(-best.left)}"


def in_full(each: Asked) -> list[Line]:
    """One model in full: what its need is made of, and each GPU."""
    needed = each.need
    said = [
        line((f"{needed.subject.name}  {needed.subject.dtype}", "strong"), _("  needs {range}", range=_range(needed))),
        BLANK,
    ]
    said += [line((fit(label, 11), "muted"), text) for label, text in parts(needed)]
    for note in needed.notes:
        said += [BLANK, line((note, "warning"))]
    said.append(BLANK)
    for verdict in each.verdicts:
        word, tone = _ANSWERS[verdict.answer]
        free = _("{free} free now", free=size(verdict.free)) if verdict.free is not None else ""
        says = (
            "" if verdict.says.lower() == _(word) else verdict.says.removeprefix("Not known: ").removeprefix("Tight: ")
        )
        why = ". ".join(each for each in (free, says) if each)
        said.append(line((fit(_(word), 13), tone), f"{_card(verdict)}  ", why, (f"  {verdict.name or ''}", "muted")))
    if not each.verdicts:
        said.append(line((_("No GPU is known on this machine."), "muted")))
    return said


CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072)
"""Tokens of one sequence that can be stepped through."""


class FitScreen(ListPlace):
    """Models, and the selected one in full."""

    PLACE: ClassVar[str] = "fit"
    CSS = sheet("fit")
    AUTO_FOCUS = "#models"
    TABLE, FULL = "models", "model"
    TITLES = (N_("Will it fit"), N_("Model"))
    COLUMNS = (
        Column("model", "MODEL", 18, most=40),
        Column("dtype", "DTYPE", 6, most=10),
        Column("need", "NEEDS", 17, "right"),
        Column("answer", "NOW", 12),
        Column("where", "BEST ON", 7, rank=2, most=9),
        Column("left", "LEAVES", 10, "right", rank=1),
    )

    def __init__(self) -> None:
        super().__init__()
        self._tokens = 4096
        self._asked: list[Asked] = []
        self._from: tuple[object, ...] = ()

    def draw(self) -> None:
        """What fits on what is free now; computed again only when GPUs, servers or the context changed."""
        snapshot, tokens = self.console.snapshot, self._tokens
        entitle(self.table, _(" Will it fit, with {tokens} tokens ", tokens=tokens))
        if snapshot is not None:
            made_from = (snapshot.gpus, snapshot.servers, snapshot.gpu_processes, tokens)
            if made_from != self._from:
                self._asked, self._from = asked(snapshot, tokens), made_from
        rows = [Row(each.key, row_of(each)) for each in self._asked]
        self.draw_rows(rows, [line(), line((_("  Looking at the GPUs ..."), "muted"))])

    def in_full(self) -> Sequence[Line]:
        chosen = self.selected()
        return in_full(chosen) if chosen else ()

    def selected(self) -> Asked | None:
        """The model under the cursor."""
        key = self.table.cursor
        return next((each for each in self._asked if each.key == key), None)

    def copied(self) -> str | None:
        chosen = self.selected()
        return f"stackops gpu --fit {chosen.key} --context {self._tokens}" if chosen else None

    def action_longer(self) -> None:
        self._step(1)

    def action_shorter(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        place = CONTEXTS.index(self._tokens) + by
        self._tokens = CONTEXTS[max(0, min(place, len(CONTEXTS) - 1))]
        self.draw()
