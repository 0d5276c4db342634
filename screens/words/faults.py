"""What could not be read, in words, where its data would be."""

from __future__ import annotations

from ...console.model import Fault, Snapshot
from ...console.text import duration
from .. import glyphs
from ..widgets.paint import BLANK, Line, line


def lines(snapshot: Snapshot, most: int) -> list[Line]:
    """One line for each fault, what is left out counted."""
    shown = [_line(fault, snapshot) for fault in snapshot.faults[:most]]
    left = len(snapshot.faults) - len(shown)
    if left:
        shown.append(line((f"  and {left} more that could not be read", "muted")))
    return shown


def _line(fault: Fault, snapshot: Snapshot) -> Line:
    remedy = f"  {fault.remedy}" if fault.remedy else ""
    read = snapshot.ages.get(fault.source)
    told = "" if "what is shown" in fault.sentence else "what is shown was "
    age = f" ({told}read {_coarse(snapshot.taken_at - read)} ago)" if read is not None else ""
    return line((f"{glyphs.WARN} {fault.source}: ", "warning"), f"{fault.sentence}{age}", (remedy, "muted"))


def _coarse(seconds: float) -> str:
    """In steps of five seconds, so that it does not change with each look."""
    return f"{max(0, int(seconds // 5 * 5))}s" if seconds < 60 else duration(seconds)


def empty(snapshot: Snapshot, words: str, *, offer_demo: bool) -> list[Line]:
    """What stands where the containers would be."""
    if words:
        return [BLANK, line((f'  No service has the words "{words}". esc shows all again.', "muted"))]
    said = [BLANK]
    for fault in snapshot.faults:
        said.append(line((f"  {glyphs.BAD} ", "error"), (fault.sentence, "strong")))
        if fault.remedy:
            said.append(line("    ", fault.remedy))
        said.append(BLANK)
    if not snapshot.faults:
        said += [line("  The Docker Engine runs, and there is no container on it."), BLANK]
    if offer_demo:
        said.append(
            line(
                "  ",
                ("d", "key"),
                " opens the practice stack: every pitfall, to look at and repair, on no machine at all.",
            )
        )
    return said
