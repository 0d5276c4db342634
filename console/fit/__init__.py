"""Will it fit: what a model needs, computed and as a guide has it, against the free memory of each GPU now."""

from __future__ import annotations

from .asked import subject
from .catalogue import Catalogue, GuideRow, KnownModel, catalogue, free_memory
from .need import Need, cache_bytes, need
from .subject import Subject, UnknownModel
from .verdict import Answer, Verdict, placed, verdicts

__all__ = [
    "Answer",
    "Catalogue",
    "GuideRow",
    "KnownModel",
    "Need",
    "Subject",
    "UnknownModel",
    "Verdict",
    "cache_bytes",
    "catalogue",
    "free_memory",
    "need",
    "placed",
    "subject",
    "verdicts",
]
