"""Partial updates that write only the cells that changed.

fact: Textual 8.2.8 crops a partial update on the right alone (``_compositor.ChopsUpdate``), so that a changed cell at
the end of a line writes the whole line before it; at 200x50 that is five times the bytes.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate


class FrugalUpdate(ChopsUpdate):
    """The same update, cropped on both sides."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> FrugalUpdate:
        """Take over what the compositor has made."""
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """As terminal sequences, each piece behind a move to its place."""
        written: list[str] = []
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, left), min(end, right)
                if strip is None or start >= stop:
                    continue
                piece = strip if (start, stop) == (x, end) else strip.crop(start - x, stop - x)
                written.append(Control.move_to(start, y).segment.text)
                written.append(piece.render(console))
        return "".join(written)
