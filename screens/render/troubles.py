"""The rows of "Needs you": one for each trouble, its cause first, with what goes with it counted and told in full."""

from __future__ import annotations

import re
from collections import Counter

from ...console.model import Container, Snapshot
from ...console.model.findings import Judgement, Trouble
from ...console.text import _
from ...console.text.cleaning import ago, redact
from ..widgets.paint import BLANK, Line, Span, line, pairs
from ..widgets.rows import Column, Row
from . import states

COLUMNS: tuple[Column, ...] = (
    Column("state", "", 10, most=13),
    Column("who", "", 10, most=24),
    Column("why", "", 30, most=120),
    Column("more", "", 3, "right", rank=3),
    Column("key", "", 9, rank=2),
    Column("age", "", 5, "right", rank=1),
)
NARROW = tuple(column._replace(most=14) if column.key == "who" else column for column in COLUMNS)
"""Where no stack is named with its service: the room is the sentence's."""
_PATH = re.compile(r"(?<![\w/:.])(?:/[\w.@-]+)+/(?=[\w.@-])")


def needing(told: Judgement | None) -> tuple[Trouble, ...]:
    """What somebody has to look at, in the order of the judgement. A hint waits in the doctor."""
    return tuple(each for each in told.troubles if each.result.severity != "info") if told else ()


def rows(
    snapshot: Snapshot, troubles: tuple[Trouble, ...], seen: dict[str, float], keys: tuple[str, str], *, narrow: bool
) -> list[Row]:
    """``seen``: when a trouble came, where somebody saw it come; ``keys``: those that repair and that explain."""
    containers = {each.id: each for each in snapshot.containers}
    services = Counter(each.service for each in snapshot.containers)
    return [
        _row(each, containers.get(each.container or ""), services, snapshot.taken_at, seen, keys, narrow=narrow)
        for each in troubles
    ]


def _row(
    each: Trouble, container: Container | None, services: Counter[str | None], now: float, seen: dict[str, float],
    keys: tuple[str, str], *, narrow: bool,
) -> Row:  # fmt: skip
    result, key = each.result, states.key_of(each.result)
    known = [at for at in (each.since, seen.get(key)) if at is not None]
    verdict = states.verdict_of(result)
    glyph, word = verdict.text.split(" ", 1)
    who = _who(each, container, services, narrow=narrow)
    repairs = result.fix is not None and result.fix.safety != "manual"
    helps = (
        _("{keys} repair", keys=keys[0])
        if repairs
        else _("{keys} explain", keys=keys[0])
        if result.fix
        else _("{keys} why", keys=keys[1])
    )
    cells = {
        "state": Span(each.words if each.words and result.severity == "error" else word, verdict.tone),
        "who": Span(who, "strong"),
        "why": Span(_why(each, container, narrow=narrow)),
        "more": Span(f"+{len(each.consequences)}" if each.consequences else "", "muted"),
        "key": Span(helps, "key" if repairs else "muted"),
        "age": Span(states.coarse(now - max(known)).replace(" ", "") if known else "", "muted"),
    }
    down = () if container is None or container.state in {"running", "paused"} else ("down",)
    words = (word, "ill", *down, result.check, container.project or "" if container else "")
    return Row(key, cells, mark=Span(glyph, verdict.tone), words=words)


def _who(each: Trouble, container: Container | None, services: Counter[str | None], *, narrow: bool) -> str:
    """The service, with its stack where there is room; the container where two services have this name."""
    if container is None:
        return each.result.subject
    if not (container.project and container.service):
        return container.name
    if not narrow:
        return f"{container.project}/{container.service}"
    return container.service if services[container.service] == 1 else container.name


def _why(each: Trouble, container: Container | None, *, narrow: bool) -> str:
    """The title without what stands beside it, and where there is room what it takes down."""
    title = redact(each.result.title.rstrip("."))  # as a whole: half a secret has no shape
    names = (container.name, container.service or container.name) if container else (each.result.subject,)
    said = _PATH.sub("", title, count=1)
    for name in map(re.escape, filter(None, names)):
        said = re.sub(rf"^{name}(?:'s)? (?=[a-z])| of {name}(?= )", "", said, flags=re.IGNORECASE)
    said = said.removeprefix("The ") if narrow else said
    down = ", ".join(each.takes_down)
    return _("{said}; takes down {down}", said=said, down=down) if down and not narrow else said or title


def in_full(each: Trouble, now: float) -> list[Line]:
    """A trouble with everything that it causes, then why it is so, what was seen, and its repair."""
    said = states.in_full(each.result)
    since = None if each.since is None else ago(max(0.0, now - each.since) // 60 * 60 or 60.0)
    facts = pairs(
        (_("state"), each.words or None), (_("since"), since), (_("takes down"), ", ".join(each.takes_down) or None)
    )
    caused = [line("  ", states.verdict_of(one), f"  {one.title}", (f"  {one.check}", "muted"))
              for one in each.consequences]  # fmt: skip
    return [
        *said[:2],
        *([BLANK, *facts] if facts else []),
        *([BLANK, line((_("Caused by this {count}", count=len(caused)), "accent")), *caused] if caused else []),
        *said[2:],
    ]
