"""What a machine should have for what runs on it, as the guides say. Data and reading it; nothing looks at a machine.

Sizes are decimal gigabytes, as the guides mean them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

GB = 10**9


class HostRow(Struct, frozen=True):
    """One line of the table for FastGPT with pgvector, single node."""

    vectors: int
    """Up to so many; 0 for a test."""
    cores: int
    ram: float
    disk: float | None
    advised_cores: int
    advised_ram: float


HOST: tuple[HostRow, ...] = (
    HostRow(0, 2, 2, None, 2, 4),
    HostRow(1_000_000, 4, 8, 50, 4, 16),
    HostRow(5_000_000, 8, 32, 200, 16, 64),
)
"""From the FastGPT deployment guides of 2024; the 200 GB are of one of them only."""


class ModelRow(Struct, frozen=True):
    """Main memory and disk that the guide of 2024-03 asks for one local model, whatever its precision."""

    name: str
    pattern: str
    """Looked for in the image and the command, in lower case."""
    ram: float
    disk: float


MODELS: tuple[ModelRow, ...] = (
    ModelRow("Baichuan2-13B-Chat", r"baichuan2?-?13b", 32, 50),
    ModelRow("Baichuan2-7B-Chat", r"baichuan2?-?7b", 16, 25),
    ModelRow("ChatGLM2-6B", r"chatglm[23]?-?6b", 16, 25),
    ModelRow("M3E-large", r"m3e-large", 8, 10),
    ModelRow("bge-reranker-base", r"bge-rerank(?:er)?-base", 4, 8),
)


def host_row(vectors: int | None) -> HostRow:
    """The line for so many vectors; that of a test where nobody knows, the last one for more than the table has."""
    return next((row for row in HOST if row.vectors >= (vectors or 0)), HOST[-1])


def model_row(image: str, words: Sequence[str] = ()) -> ModelRow | None:
    """The model in an image, or named on a command line; None for one that no guide speaks of."""
    text = " ".join((image, *words)).lower().replace("_", "-")
    return next((row for row in MODELS if re.search(row.pattern, text)), None)
