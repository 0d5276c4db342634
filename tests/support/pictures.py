"""Pictures in plain text, compared with those kept. STACKOPS_UPDATE_GOLDENS=1 writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

GOLDENS = Path(__file__).resolve().parents[1] / "screens" / "goldens"


def compare(name: str, shown: str) -> None:
    """The screen as it was when the picture was taken; masks differ in every process."""
    steady = re.sub(r"••• #[0-9a-f]{2}", "••• #00", shown) + "\n"
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("STACKOPS_UPDATE_GOLDENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(steady, encoding="utf-8")
    assert path.is_file(), f"there is no picture {path.name}; STACKOPS_UPDATE_GOLDENS=1 takes it"
    assert steady == path.read_text(encoding="utf-8")
