"""What stackops knows of one product, in one object: data, and the few functions that are the product's own.

A file in ``catalogue/`` holds the descriptors of one product, a line in ``registry.py`` makes it known.
Of a model server it says how it is recognised and read, and what one look gathers before it becomes a Server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from msgspec import UNSET, Struct, UnsetType, field

from ..model import LoadedModel, Product, Role, ServedModel, Server, ServerFigures, ServerState
from ..text import N_
from ..text.cleaning import duration
from .servers.asking import READ, Ask, Candidate, Key, ServerAnswer, Silence

PATIENCE = 1200.0
"""Seconds that loading a large model from a slow disk may take."""
RESTARTS = 3
"""Restarts from which on a young container is one that keeps dying."""


class Counted(NamedTuple):
    """Figures of one look, before rates are made of them."""

    running: float | None = None
    waiting: float | None = None
    kv_cache: float | None = None
    prompt_tokens: float | None = None
    generated_tokens: float | None = None
    requests: float | None = None
    weights_memory: float | None = None
    cache_memory: float | None = None


class ServerVerdict(NamedTuple):
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

    def says(self, verdict: ServerVerdict) -> Reading:
        """Take over a verdict."""
        self.state, self.reason, self.remedy = verdict
        return self


class Recognised(NamedTuple):
    """Who it is, and how that is known, strongest first."""

    product: Product
    evidence: tuple[str, ...]


FirstAnswer = Literal["list", "wall", "page", "broken", "other"]
"""What ``GET /v1/models`` gave: a list, a wish for a key, a web page, an error of its own, something else."""
Sign = Callable[[Ask], Awaitable[Recognised | None]]
LISTED = "GET /v1/models"


def paths(open_to_all: str = "", *, keyed: str = "") -> dict[str, Key]:
    """An allow-list: paths that are asked without the server's key, and those that are sent it."""
    found: dict[str, Key] = dict.fromkeys(open_to_all.split(), "open")
    return found | dict.fromkeys(keyed.split(), "keyed")


class ModelServer(Struct, frozen=True, kw_only=True):
    """What is a model server's own: how it is told from others, where it listens, and what it may be asked."""

    product: Product
    image: str = ""
    """Pattern of the end of an image's repository. A hint for the first look: what the server answers decides."""
    command: str = ""
    """Pattern of words in what starts it."""
    port: int | None = None
    """Where it listens in its image when nobody says otherwise."""
    native_ports: tuple[int, ...] = ()
    """Where it listens outside a container, when that is elsewhere."""
    port_options: tuple[str, ...] = ("--port --http-port",)
    """Options that name its port; of several in one text the last on the command line counts."""
    address_option: str = ""
    address_variables: tuple[str, ...] = ()
    """Variables that hold its address, port included."""
    port_variables: tuple[str, ...] = ("PORT", "UVICORN_PORT")
    host_variable: str | None = None
    """The variable that alone says where it listens; None: the option ``--host``."""
    keyless: bool = False
    """It has no key of its own that its command or environment could hold."""
    key_variables: tuple[str, ...] = ()
    """The variables that hold its key; empty: those of the deployment guide's scripts."""

    allowed: Mapping[str, Key] = field(default_factory=lambda: paths(keyed="/v1/models"))
    """The only paths that are asked of it, GET only: none that loads a model, generates, or changes anything."""
    alive: str | Callable[[ReaderContext], str] = "/v1/models"
    """The cheapest sign of life, asked first at each look."""
    read: Callable[[Ask, ReaderContext, Reading, ServerAnswer], Awaitable[bool]]
    """Fills the reading from the first answer and more; False where it does not answer as this product does."""

    sign: Sign | None = None
    """Asks what tells it from others, and gives the evidence."""
    sign_paths: Mapping[str, Key] = field(default_factory=dict)
    """What the sign asks: sent to strangers too, so read-only on every product known, and a plain 404 elsewhere."""
    sign_after: Mapping[FirstAnswer, int] = field(default_factory=dict)
    """After which first answers the sign is looked for, and how early among the others."""
    names_itself: Callable[[ServerAnswer], str | None] | None = None
    """Evidence in the first answer, whatever else is in it."""
    speaks: Callable[[ServerAnswer], bool] | None = None
    """The first answer sounds like it; of a gateway, whose lists may name others as owners."""
    owner: str | None = None
    """``owned_by`` in its list of models."""
    imitates: tuple[Product, ...] = ()
    """Whose routes it serves too: it is ruled out before they are believed."""
    shut: tuple[int, ...] = ()
    """Statuses with which it may refuse everything, so that image and refusal together have to do."""
    shut_verdict: ServerVerdict | None = None
    """What such a refusal means, where it is no wish for a key."""
    loads_first: bool = False
    """It opens its port only after the model is in memory."""
    one_at_a_time: bool = False
    """It answers nothing while it serves a request."""
    memory: Literal["fixed", "by-model"] | None = None
    """``fixed``: it loads what it serves at its start and keeps it, in whatever processes; else a process a model."""
    loads_when_asked: bool = False
    """It may load a model because that model is asked for."""
    shares_memory: bool = False
    """On several GPUs it has a process for each, and these pass tensors through /dev/shm."""
    any_name: bool = False
    """While it serves one model it answers with that one, whatever name is asked for."""
    vectors: bool = False
    """Its models are asked for vectors, whatever their names."""


def is_confirmed(server: Server) -> bool:
    """Its own answers said who it is, not only the name of its image."""
    return any(sign.startswith("GET ") for sign in server.recognised)


@dataclass(frozen=True)
class ReaderContext:
    """What a reader may know beside the answers."""

    server: ModelServer
    """Who is believed to stand there."""
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


async def health(ask: Ask, path: str, look: ReaderContext, reading: Reading) -> ServerAnswer | None:
    """Ask for the cheapest sign of life; the reading takes the time, or what silence means where nobody answers."""
    said = await ask.get(path)
    if isinstance(said, Silence):
        reading.says(silence(said, look))
        return None
    reading.latency = round(said.seconds, 4)
    return said


def silence(said: Silence, look: ReaderContext) -> ServerVerdict:
    """What it means that nobody answered."""
    known = look.server.product != "unknown"
    if said.trouble == "timeout":
        return (
            _busy(look.server)
            if known
            else ServerVerdict("unknown", N_(f"listens, but did not answer within {READ:g} s"))
        )
    if said.trouble in ("tls", "not-http", "redirects", "address"):
        return ServerVerdict("unknown", said.sentence, N_("check the address, and whether it is http or https"))
    if said.trouble == "dns":
        return ServerVerdict("down", said.sentence, N_("correct the name in the address"))
    return _not_listening(said, look)


def _busy(server: ModelServer) -> ServerVerdict:
    reason = N_(f"takes connections, but did not answer within {READ:g} s")
    if server.one_at_a_time:
        return ServerVerdict(
            "busy", N_(f"{reason}: it answers nothing while it serves a request"), N_("wait for that request to end")
        )
    return ServerVerdict("busy", reason, N_("see whether its GPU works; if it does not, read its log and restart it"))


def _not_listening(said: Silence, look: ReaderContext) -> ServerVerdict:
    """Refused, reset or unreachable. fact: docker-proxy takes connections for a container and then drops them."""
    candidate, age = look.candidate, look.age
    if candidate.loading:
        return ServerVerdict("loading", candidate.loading, N_("wait until it listens"))
    if look.server.loads_first and look.young and said.trouble != "unreachable":
        return ServerVerdict(
            "loading",
            N_(f"does not listen yet, {duration(age)} after its start: its port opens when the model is loaded"),
            N_("wait; its log tells how far it is"),
        )  # fmt: skip
    if candidate.restarts >= RESTARTS and candidate.container:
        return ServerVerdict(
            "down",
            N_(f"nobody listens, and its container was restarted {candidate.restarts} times"),
            N_("read its log"),
        )
    told = {"refused": N_("nobody listens there"), "reset": N_("the connection is closed without an answer")}
    reason = told.get(said.trouble, said.sentence)
    if age is not None:
        return ServerVerdict(
            "down", N_(f"{reason}, {duration(age)} after its start"), N_("read its log: did it start on another port?")
        )
    return ServerVerdict("down", reason, N_("start it, or correct the address"))


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


class Descriptor(Struct, frozen=True, kw_only=True):
    """How one product is recognised, and what follows from knowing it."""

    role: Role
    images: str = ""
    """Last path components of its images, as registries and mirrors are rewritten at will."""
    image_words: str = ""
    """Pattern of a word anywhere in that component: people build images of their own round a model server."""
    names: str = ""
    """Exact names of its container or service in the well-known compose files."""
    programs: tuple[str, ...] = ()
    """Programs that are it, each with its verb where only that makes a server of it: ``ollama serve``."""
    modules: str = ""
    """Pattern of the beginning of a Python module: ``python -m vllm.entrypoints.openai.api_server``."""
    scripts: str = ""
    """Pattern of a Python script's name, without ``.py``."""
    apps: str = ""
    """Pattern of the beginning of what uvicorn and its kin are given, up to the colon."""
    node: Callable[[str, Sequence[str]], bool] | None = None
    """Whether a script that ``node`` is given, with the words of its command line, is it."""
    npm: str = ""
    """Its npm scripts."""
    clients: str = ""
    """Programs, or verbs, in its image that are only its client, as the helpers use that initiate, dump or pull."""
    servers: str = ""
    """Words beside them that make a server of it all the same."""
    version_variables: tuple[str, ...] = ()
    """Variables that the Dockerfile sets to its version: they name the program itself, a tag can be moved."""
    tag: str = ""
    """Pattern of its version in a tag that begins with another one; then nothing else tells it."""
    tagged: tuple[tuple[str, str], ...] = ()
    """Whole references, as patterns, whose tag tells nothing of it, and the version that their maker gave them."""
    exit_codes: Mapping[int, str] = field(default_factory=dict)
    """Its own meaning of exit codes."""
    port: int | None = None
    """Where a database listens when nobody says otherwise."""
    server: ModelServer | None = None
    """Of what is asked for its models."""
