"""A deep check: one real request to a model server that somebody asked for, and how long the answer took.

The only place that asks a model anything. It goes through ``Host.http_acts``, which refuses in read-only mode; it is
bounded, can be cancelled, and never raises for a server that fails: what went wrong is its result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from ..hosts import Clock, HostError, HttpActs, HttpReply, ReadOnlyRefused
from ..model import DeepCheck, Server, Snapshot
from ..products.gateways import environment
from ..products.model_servers import Around, found
from ..products.model_users import uses
from ..products.registry import GATEWAYS, SERVERS
from ..settings import Settings
from ..text import _
from ..text.cleaning import SECRETS, clean_line, size

LIMIT = 1 << 20
"""Bytes of an answer that are read."""
MOST = 1 << 53
"""Above it a number of tokens or nanoseconds is nonsense."""
Progress = Callable[[int, float], None]
"""Pieces of the answer so far, and seconds since the question."""


class Hearing:
    """The answer as it comes in: when its pieces came, and what it says of itself."""

    def __init__(self, form: str, progress: Progress | None = None) -> None:
        self.times: list[float] = []
        self.text = ""
        self.error: str | None = None
        self.counted: int | None = None
        """Tokens, as the server counts them."""
        self.rate: float | None = None
        """Tokens per second, as the server says."""
        self._form = form
        self._progress = progress
        self._rest = bytearray()

    def chunk(self, piece: bytes, at: float) -> None:
        """One piece off the line, in seconds since the question."""
        if self._form == "document":
            return
        self._rest += piece
        if b"\n" not in piece:  # or a long line that comes letter by letter would be searched anew for each
            if len(self._rest) > LIMIT:
                self._rest.clear()
            return
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self.line(bytes(line), at)

    def line(self, line: bytes, at: float) -> None:
        """One whole line: a JSON object, or one event of a stream."""
        if self._form == "events":
            name, _, line = line.partition(b":")
            if name.strip() != b"data" or line.strip() == b"[DONE]":
                return
        data = _object(line)
        if data is not None:
            self._said(data, at)

    def end(self, reply: HttpReply) -> None:
        """The whole answer is there: what came in no line of its own, and documents."""
        if self._form != "document" and not self.times and self.error is None:
            self.line(bytes(self._rest), reply.seconds)
        if self._form == "document" or (not self.times and self.error is None):
            data = _object(reply.body)
            if data is not None:
                self._said(data, reply.seconds)

    def _said(self, data: dict[str, object], at: float) -> None:
        self.error = self.error or _error_in(data)
        usage = data.get("usage")
        if isinstance(usage, dict):
            self.counted = _number(usage.get("completion_tokens")) or self.counted
        self._take_ollama(data)
        text = _text_in(data)
        if text:
            self.text += text[: 4096 - len(self.text)]
            self.times.append(at)
            if self._progress is not None:
                self._progress(len(self.times), at)

    def _take_ollama(self, data: dict[str, object]) -> None:
        """fact: the last line has eval_count, and eval_duration in nanoseconds."""
        count, nanoseconds = _number(data.get("eval_count")), _number(data.get("eval_duration"))
        if count:
            self.counted = count
            self.rate = count / nanoseconds * 1e9 if nanoseconds else None


def _text_in(data: dict[str, object]) -> str:
    """The words of one piece: Ollama's, a chat's, or a completion's, thoughts included."""
    for name in ("response", "thinking"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    parts = (first.get("delta"), first.get("message"), first)
    for part in (part for part in parts if isinstance(part, dict)):
        for name in ("content", "reasoning_content", "reasoning", "text"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    return ""


def _error_in(data: dict[str, object]) -> str | None:
    """The server's own words, in any of the shapes there are."""
    for name in ("error", "detail", "message"):
        value = data.get(name)
        if isinstance(value, dict):
            value = value.get("message") or value.get("error")
        if isinstance(value, str) and value and (name != "message" or data.get("object") == "error"):
            return clean_line(value, 200)
    return None


def _object(line: bytes) -> dict[str, object] | None:
    try:
        data = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return data if isinstance(data, dict) else None


def _number(value: object) -> int | None:
    """A whole number of tokens or nanoseconds; None for what cannot be one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if 1 <= value < MOST else None


Kind = Literal["text", "vector", "score"]
TOKENS = 32
"""Generated at the most."""
SENTENCE = "Name three colours."
_OTHER = "The sky is blue."
_EMBEDDING = re.compile(
    r"embed|\bbge-(?!rerank)|\bgte\b|gte-|\bm3e\b|m3e-|minilm|\be5-|jina-emb|nomic-bert", re.IGNORECASE
)
_RERANK = re.compile(r"rerank", re.IGNORECASE)


class TestRequest(Struct, frozen=True):
    """One request."""

    path: str
    body: dict[str, object]
    kind: Kind
    form: Literal["lines", "events", "document"]
    """How the answer comes: a JSON object a line, server-sent events, or one document."""

    @property
    def what(self) -> str:
        """For people."""
        asks = {
            "text": _("a sentence of at most {tokens} tokens", tokens=TOKENS),
            "vector": _("one embedding"),
            "score": _("one score"),
        }
        return f"POST {self.path} for {asks[self.kind]}"


def models(server: Server) -> tuple[str, ...]:
    """What can be asked, what is in memory first."""
    loaded = [model.name for model in server.loaded or ()]
    return tuple(dict.fromkeys((*loaded, *(model.name for model in server.models))))


def kind_of(server: Server, model: str) -> Kind:
    """What a model is asked for, by its product and its name: nothing else tells."""
    told = next((f"{each.name} {each.family or ''}" for each in server.models if each.name == model), model)
    if server.product == "bge-reranker" or _RERANK.search(told):
        return "score"
    return "vector" if SERVERS[server.product].vectors or _EMBEDDING.search(told) else "text"


def question(server: Server, model: str) -> TestRequest:
    """The request for one model of a server."""
    kind = kind_of(server, model)
    if kind == "score":
        return _score(server, model)
    if kind == "vector":
        return _vector(server, model)
    if server.product == "ollama":
        body = {"model": model, "prompt": SENTENCE, "stream": True, "options": {"num_predict": TOKENS}}
        return TestRequest("/api/generate", body, kind, "lines")
    return request(server, model, base="/v1", kind="text")


def request(server: Server, model: str, *, base: str, kind: Kind | None = None) -> TestRequest:
    """In OpenAI's form, below a base path, as apps ask; ``kind`` None: told by the model's name."""
    kind = kind or kind_of(server, model)
    body: dict[str, object] = {"model": model}
    if kind == "vector":
        return TestRequest(f"{base}/embeddings", {**body, "input": [_OTHER]}, kind, "document")
    if kind == "score":
        return TestRequest(f"{base}/rerank", {**body, "query": SENTENCE, "documents": [_OTHER]}, kind, "document")
    messages = [{"role": "user", "content": SENTENCE}]
    asked = {**body, "messages": messages, "stream": True, "max_tokens": TOKENS}
    return TestRequest(f"{base}/chat/completions", asked, kind, "events")


def _vector(server: Server, model: str) -> TestRequest:
    if server.product == "ollama":
        new = _release(server.version) >= (0, 3)  # fact: /api/embed came with 0.3
        body: dict[str, object] = {"model": model, "input": [_OTHER]} if new else {"model": model, "prompt": _OTHER}
        return TestRequest("/api/embed" if new else "/api/embeddings", body, "vector", "document")
    if server.product == "tei":
        return TestRequest("/embed", {"inputs": [_OTHER]}, "vector", "document")
    return request(server, model, base="" if server.product == "infinity" else "/v1", kind="vector")


def _score(server: Server, model: str) -> TestRequest:
    if any("/api/v1/rerank" in sign for sign in server.recognised):
        inputs = [{"id": "1", "text": _OTHER}]
        return TestRequest("/api/v1/rerank", {"query": SENTENCE, "inputs": inputs}, "score", "document")
    if server.product == "tei":
        return TestRequest("/rerank", {"query": SENTENCE, "texts": [_OTHER]}, "score", "document")
    return request(server, model, base="" if server.product == "infinity" else "/v1", kind="score")


def _release(version: str | None) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version or "")
    return tuple(int(part) for part in found[1].split(".")) if found else (9,)


def costs(server: Server, model: str) -> tuple[str, ...]:
    """What asking takes, in sentences: for the dialog, before anything is sent."""
    said = [_("One real request is sent: {what}.", what=question(server, model).what)]
    if server.product in GATEWAYS:
        said.append(_("The gateway passes it on: whoever serves the model may charge for it, or load it first."))
    elif server.loaded is not None and model not in {each.name for each in server.loaded}:
        weights = next((each.size for each in server.models if each.name == model), None)
        told = _(" ({weights} on disk)", weights=size(weights)) if weights else ""
        said.append(
            _(
                "{model} is not in memory: it is loaded first{told}, takes VRAM, and may push another model out.",
                model=model,
                told=told,
            )
        )
    elif server.loaded is None and SERVERS[server.product].loads_when_asked:
        said.append(_("The model may not be in memory: then it is loaded first and takes VRAM."))
    if server.product == "ollama":
        said.append(_("Ollama keeps it in memory as long as its keep-alive says, from this request on."))
    return tuple(said)


def refusal(server: Server) -> str | None:
    """Why a server cannot be asked at all; None when it can."""
    if server.read_at is None:
        return _("{key} has not answered yet: {reason}", key=server.key, reason=server.reason or server.state)
    if server.state in {"down", "loading"}:
        return f"{server.key} is {server.state}: {server.reason or 'nobody listens'}"
    if server.product == "unknown":
        return _("what listens at {key} is not known, so there is no request it would understand", key=server.key)
    return None if models(server) else _("no model of {key} is known", key=server.key)


DEADLINE = 180.0
"""Seconds; a large model is read from the disk first."""
FIXED = "本接口不支持非stream模式"
"""fact: what Baichuan2's script says in place of an answer (Coldwave96/FastGPT-Deploy-Utilities)."""


async def deep_check(
    acts: HttpActs,
    server: Server,
    model: str,
    key: str | None,
    clock: Clock,
    *,
    deadline: float = DEADLINE,
    progress: Progress | None = None,
    asked: TestRequest | None = None,
) -> DeepCheck:
    """Ask once. ``key`` goes into the header of this one request. Raises only ReadOnlyRefused."""
    asked = asked or question(server, model)
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


def judged(server: Server, model: str, at: float, asked: TestRequest, reply: HttpReply, heard: Hearing) -> DeepCheck:
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


def _failure(asked: TestRequest, reply: HttpReply, heard: Hearing) -> str | None:
    if reply.status >= 400:
        words = heard.error or clean_line(reply.body.decode("utf-8", "replace"), 160)
        return (
            _("it answers {status}: {words}", status=reply.status, words=words)
            if words
            else _("it answers {status}", status=reply.status)
        )
    if heard.error:
        return heard.error
    if FIXED in heard.text:
        return _("it answers with a fixed text and computed nothing")
    if asked.kind == "text":
        return None if heard.times else _("it answers, but with no word of text")
    return None if _has_result(reply.body) else _("it answers, but with no {kind}", kind=asked.kind)


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
    declared = uses(snapshot.containers, snapshot.oneapis, snapshot.projects, snapshot.databases)
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
