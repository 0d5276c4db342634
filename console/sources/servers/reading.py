"""What one look gathers before it becomes a Server, and what silence means. Pure, but for asking for the health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from ...model import LoadedModel, Product, ServedModel, Server, ServerFigures, ServerState
from ...text import duration
from .asking import READ, Answer, Ask, Silence
from .candidate import Candidate

PATIENCE = 1200.0
"""Seconds that loading a large model from a slow disk may take."""
RESTARTS = 3
"""Restarts from which on a young container is one that keeps dying."""

LOADS_FIRST: frozenset[Product] = frozenset({
    "vllm", "sglang", "tgi", "tei", "infinity", "tabbyapi", "fastchat", "xinference", "m3e-large-api", "m3e",
    "baichuan2", "chatglm2", "bge-reranker",
})  # fmt: skip
"""Who opens the port only after the model is in memory. fact: gpu-model-servers 4.2 (vLLM), 4.3"""

ONE_AT_A_TIME: frozenset[Product] = frozenset({"m3e-large-api", "m3e", "baichuan2", "chatglm2", "bge-reranker"})
"""Whose event loop stands still while a request is served. fact: gpu-model-servers 4.4"""


class Counted(NamedTuple):
    """Figures of one look, before rates are made of them."""

    running: float | None = None
    waiting: float | None = None
    kv_cache: float | None = None
    prompt_tokens: float | None = None
    generated_tokens: float | None = None
    requests: float | None = None
    weights_memory: int | None = None
    cache_memory: int | None = None


class Verdict(NamedTuple):
    """A state, why, and what to do."""

    state: ServerState
    reason: str | None = None
    remedy: str | None = None


@dataclass
class Reading:
    """What a product's reader found out. What it did not ask stays unset, and what was known before stays."""

    state: ServerState = "up"
    reason: str | None = None
    remedy: str | None = None
    version: str | None = None
    models: tuple[ServedModel, ...] | None = None
    """None: not asked, or no answer that says."""
    loaded: tuple[LoadedModel, ...] | UnsetType | None = UNSET
    counted: Counted | UnsetType | None = UNSET
    """None: asked, and there are no figures."""
    latency: float | None = None
    mistaken: bool = False
    """It answers, but not as this product does."""

    def says(self, verdict: Verdict) -> Reading:
        """Take over a verdict."""
        self.state, self.reason, self.remedy = verdict
        return self


def is_confirmed(server: Server) -> bool:
    """Its own answers said who it is, not only the name of its image."""
    return any(sign.startswith("GET ") for sign in server.recognised)


@dataclass(frozen=True)
class Look:
    """What a reader may know beside the answers."""

    candidate: Candidate
    before: Server | None
    """The look before at the same server, as far as it was the same product."""
    now: float
    slow: bool
    """Versions and lists are due."""

    @property
    def anew(self) -> bool:
        """Nothing was read yet, or it is back from where nothing could be read."""
        before = self.before
        return before is None or before.state not in ("up", "busy", "wrong_key") or not is_confirmed(before)

    @property
    def figures_due(self) -> bool:
        """Metrics are asked for where they were found before, and else now and then."""
        return self.lists_due or (self.before is not None and self.before.figures is not None)

    @property
    def lists_due(self) -> bool:
        """Lists are due, or were never read."""
        return self.slow or self.anew

    @property
    def age(self) -> float | None:
        """Seconds since its container or process started."""
        started = self.candidate.started_at
        return max(0.0, self.now - started) if started is not None else None

    @property
    def young(self) -> bool:
        """It may still be loading."""
        return self.age is not None and self.age < PATIENCE and self.candidate.restarts < RESTARTS


async def health(ask: Ask, path: str, product: Product, look: Look) -> tuple[Reading, Answer | None]:
    """Ask for the cheapest sign of life; the reading already judges silence, and takes the time."""
    said = await ask.get(path)
    if isinstance(said, Silence):
        return Reading().says(silence(said, product, look)), None
    return Reading(latency=round(said.seconds, 4)), said


def silence(said: Silence, product: Product, look: Look) -> Verdict:
    """What it means that nobody answered."""
    known = product != "unknown"
    if said.trouble == "timeout":
        return _busy(product) if known else Verdict("unknown", f"listens, but did not answer within {READ:g} s")
    if said.trouble in ("tls", "not-http", "redirects", "address"):
        return Verdict("unknown", said.sentence, "check the address, and whether it is http or https")
    if said.trouble == "dns":
        return Verdict("down", said.sentence, "correct the name in the address")
    return _not_listening(said, product, look)


def _busy(product: Product) -> Verdict:
    reason = f"takes connections, but did not answer within {READ:g} s"
    if product in ONE_AT_A_TIME:
        return Verdict(
            "busy", f"{reason}: it answers nothing while it serves a request", "wait for that request to end"
        )
    return Verdict("busy", reason, "see whether its GPU works; if it does not, read its log and restart it")


def _not_listening(said: Silence, product: Product, look: Look) -> Verdict:
    """Refused, reset or unreachable. fact: docker-proxy takes connections for a container and then drops them."""
    candidate, age = look.candidate, look.age
    if candidate.loading:
        return Verdict("loading", candidate.loading, "wait until it listens")
    if product in LOADS_FIRST and look.young and said.trouble != "unreachable":
        return Verdict(
            "loading", f"does not listen yet, {duration(age)} after its start: its port opens when the model is loaded",
            "wait; its log tells how far it is",
        )  # fmt: skip
    if candidate.restarts >= RESTARTS and candidate.container:
        return Verdict(
            "down", f"nobody listens, and its container was restarted {candidate.restarts} times", "read its log"
        )
    told = {"refused": "nobody listens there", "reset": "the connection is closed without an answer"}
    reason = told.get(said.trouble, said.sentence)
    if age is not None:
        return Verdict(
            "down", f"{reason}, {duration(age)} after its start", "read its log: did it start on another port?"
        )
    return Verdict("down", reason, "start it, or correct the address")


def figures(counted: Counted, before: Server | None, now: float) -> ServerFigures:
    """Counters with the rate since the look before; no rate over a restart, which sets counters back."""
    old = before.figures if before else None
    rate = None
    if old is not None and old.generated_tokens is not None and counted.generated_tokens is not None:
        passed, made = now - old.at, counted.generated_tokens - old.generated_tokens
        if passed > 0.2:
            rate = made / passed if made >= 0 else None
        elif made == 0:
            rate = old.tokens_per_second
    return ServerFigures(now, **counted._asdict(), tokens_per_second=rate)
