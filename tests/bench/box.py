"""What a GPU box has beside its containers: cards under a stand-in for NVML, and model servers that answer and count.

Figures of the cards and counters of the servers move, as those of a machine at work do. Runs in threads of the
benchmark; nothing of it is counted.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.model_servers import StandIn, recording, serving
from support.nvml import GIB, MIB, Stub, build, card, holds, sample

HOLDERS = 20
"""Processes on all cards together, or as many as there are containers."""
RECORDINGS = (
    "vllm-0.33", "vllm-0.33", "vllm-0.33", "ollama-0.12", "ollama-0.12", "sglang-0.5", "llamacpp-single", "tei-1.8",
    "tgi-3", "xinference-4",
)  # fmt: skip
HISTOGRAMS, BUCKETS = 12, 30
"""fact: a vLLM page of metrics is mostly histograms, some 40 kB of them."""


class _Folder:
    """What ``build`` asks of pytest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mktemp(self, name: str) -> Path:
        made = self._folder / name
        made.mkdir()
        return made


_LIBRARY = tempfile.TemporaryDirectory()
"""``build`` builds once and remembers where: the folder lives as long as the process."""


@contextlib.contextmanager
def cards(count: int, pids: Sequence[int]) -> Iterator[Mapping[str, str]]:
    """The environment in which ``count`` GPUs are seen, held by these processes; figures change each second."""
    if not count:
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder, _repeated(1.0) as each:
        stub = Stub(build(_Folder(Path(_LIBRARY.name))), Path(folder))  # type: ignore[arg-type]
        held = [(place % count, pid) for place, pid in enumerate(pids[:HOLDERS])]

        def move(tick: int) -> None:
            stub.write(
                cards=[
                    card(
                        index, memory_used=len(held) // count * 2 * GIB + (tick % 7) * 64 * MIB,
                        utilisation=(tick * 7 + index * 31) % 100, power_mw=200_000 + tick % 11 * 9_000,
                        temperature=60 + tick % 5,
                    )
                    for index in range(count)
                ],
                processes=[
                    holds(gpu, pid, 2 * GIB + (tick % 7) * 64 * MIB if place == 0 else 2 * GIB)
                    for place, (gpu, pid) in enumerate(held)
                ],
                samples=[sample(gpu, pid, (tick + pid) % 50) for gpu, pid in held],
            )  # fmt: skip

        move(0)
        each.append(move)
        yield stub.environment


class Moving(StandIn):
    """One that has made more tokens each time it is asked."""

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """As recorded, with a higher count."""
        status, told, body = super().answer(method, target, headers)
        self._times = getattr(self, "_times", 0) + 1
        if target == "/metrics" and b"vllm:generation_tokens_total" in body:
            grown = f" {45_000 + 400 * self._times}.0".encode()
            body = b"\n".join(
                line.rpartition(b" ")[0] + grown if line.startswith(b"vllm:generation_tokens_total") else line
                for line in body.split(b"\n")
            )
            body += _histograms()
        self.requests.clear()
        return status, told, body


def _histograms() -> bytes:
    lines = [
        f'vllm:part_{one}_seconds_bucket{{engine="0",le="{bucket}.0",model_name="Qwen/Qwen2.5-7B-Instruct"}} {bucket}.0'
        for one in range(HISTOGRAMS)
        for bucket in range(BUCKETS)
    ]
    return ("\n" + "\n".join(lines) + "\n").encode()


@contextlib.contextmanager
def servers(count: int) -> Iterator[list[str]]:
    """Addresses of ``count`` model servers on loopback."""
    with contextlib.ExitStack() as stack:
        names = itertools.islice(itertools.cycle(RECORDINGS), count)
        yield [stack.enter_context(serving(Moving(recording(name)))) for name in names]


@contextlib.contextmanager
def _repeated(seconds: float) -> Iterator[list[Any]]:
    """Functions to be called with 1, 2, 3 ... as time passes."""
    functions: list[Any] = []
    over = threading.Event()

    def work() -> None:
        for tick in itertools.count(1):
            if over.wait(seconds):
                return
            for function in functions:
                function(tick)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield functions
    finally:
        over.set()
        thread.join(5)
