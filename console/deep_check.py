"""A deep check: one real request to a model server that somebody asked for, and how long the answer took.

The only place that asks a model anything. It goes through ``Host.http_acts``, which refuses in read-only mode; it is
bounded, can be cancelled, and never raises for a server that fails: what went wrong is its result.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from .deep_hearing import LIMIT, Hearing, Progress
from .deep_questions import Question, question
from .hosts import Clock, HostError, HttpActs, HttpReply, ReadOnlyRefused
from .model import DeepCheck, Server, Snapshot
from .settings import Settings
from .stacks.gateways import environment
from .stacks.model_servers import Around, found
from .stacks.model_users import uses
from .text import SECRETS, clean_line

DEADLINE = 180.0
"""Seconds; a large model is read from the disk first."""
FIXED = "本接口不支持非stream模式"
"""fact: gpu-model-servers 4.3: what Baichuan2's script says in place of an answer."""


async def deep_check(
    acts: HttpActs,
    server: Server,
    model: str,
    key: str | None,
    clock: Clock,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
) -> DeepCheck:
    """Ask once. ``key`` goes into the header of this one request. Raises only ReadOnlyRefused."""
    asked = question(server, model)
    hearing = Hearing(asked.form, progress)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    at = clock.now()
    try:
        reply = await acts.post(
            f"{server.address}{asked.path}", asked.body, headers=headers, deadline=deadline, limit=LIMIT,
            on_chunk=hearing.chunk,
        )  # fmt: skip
    except ReadOnlyRefused:
        raise
    except HostError as error:
        return DeepCheck(server.key, model, at, error=_shown(str(error)))
    hearing.end(reply)
    return judged(server, model, at, asked, reply, hearing)


def judged(server: Server, model: str, at: float, asked: Question, reply: HttpReply, heard: Hearing) -> DeepCheck:
    """What an answer is worth."""
    error = _failure(asked, reply, heard)
    if error is not None:
        return DeepCheck(server.key, model, at, seconds=reply.seconds, error=_shown(error))
    first = heard.times[0] if heard.times and asked.form != "document" else None
    tokens = heard.counted or (len(heard.times) if asked.kind == "text" else None)
    return DeepCheck(
        server.key, model, at, seconds=reply.seconds, first_token=first,
        tokens_per_second=heard.rate or _rate(heard.times, tokens), tokens=tokens,
    )  # fmt: skip


def _rate(times: Sequence[float], tokens: int | None) -> float | None:
    """Tokens after the first one over the time they took; None for answers in one piece."""
    passed = times[-1] - times[0] if len(times) > 2 else 0.0
    return (max(tokens or 0, len(times)) - 1) / passed if passed > 0 else None


def _failure(asked: Question, reply: HttpReply, heard: Hearing) -> str | None:
    if reply.status >= 400:
        words = heard.error or clean_line(reply.body.decode("utf-8", "replace"), 160)
        return f"it answers {reply.status}: {words}" if words else f"it answers {reply.status}"
    if heard.error:
        return heard.error
    if FIXED in heard.text:
        return "it answers with a fixed text and computed nothing"
    if asked.kind == "text":
        return None if heard.times else "it answers, but with no word of text"
    return None if _has_result(reply.body) else f"it answers, but with no {asked.kind}"


def _has_result(body: bytes) -> bool:
    """Whether there is a number in a vector, or a score."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return any(isinstance(leaf, float | int) and not isinstance(leaf, bool) for leaf in _leaves(data, 0))


def _leaves(data: object, depth: int) -> Sequence[object]:
    if depth > 6:
        return ()
    if isinstance(data, dict):
        wanted = ("embedding", "embeddings", "data", "score", "results", "relevance_score")
        return [leaf for name in wanted if name in data for leaf in _leaves(data[name], depth + 1)]
    if isinstance(data, list):
        return [leaf for item in data[:2] for leaf in _leaves(item, depth + 1)]
    return [data]


def _shown(text: str) -> str:
    return SECRETS.redact(clean_line(text, 240))


def key_for(server: Server, snapshot: Snapshot, settings: Settings) -> str | None:
    """The server's own key: from its container or command, from One API's first token, or from the settings."""
    named = {at: (os.environ.get(name, ""), name) for at, name in settings.servers.token_env.items()}
    local = snapshot.engine is None or snapshot.engine.local
    tokens = {at: pair for at, pair in named.items() if pair[0]}
    around = Around(local=local, addresses=settings.servers.addresses, tokens=tokens)
    declared = uses(snapshot.containers, snapshot.oneapis)
    there = found(snapshot.containers, snapshot.processes, declared, around)
    key = next((c.token for c in there.candidates if (c.key, c.address) == (server.key, server.address)), None)
    if key is None and server.key in tokens:
        key = tokens[server.key][0]
    container = next((c for c in snapshot.containers if c.id == server.container), None)
    if key is None and container is not None and server.product in {"oneapi", "newapi"}:
        first = environment(container).get("INITIAL_ROOT_TOKEN")
        key = f"sk-{first}" if first else None
    if key:
        SECRETS.learn("API_KEY", key)
    return key
