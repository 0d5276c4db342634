"""Which models each app offers to people, with the address and the key that its requests go out with. Pure.

FastGPT: the lists of config.json up to v4.8.19, from then on the active models in its MongoDB. LibreChat: the custom
and Azure endpoints of the librechat.yaml that it takes. Open WebUI: whatever its servers list. An app whose models are
not known has one nameless offer that says why.

fact: labring/FastGPT v4.8.20 (lists of models in config.json are ignored, models are kept in MongoDB), v4.8.4 (JSON5);
danny-avila/LibreChat api/server/services/Config/loadConfigModels.js; open-webui asks each server for its list
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from ..model import (
    ConfigVerdict,
    Container,
    DatabaseState,
    Edge,
    JsonFact,
    OfferedModel,
    PathStep,
    Server,
    Snapshot,
)
from ..text import N_, _, told
from .addresses import address_of, lead, place
from .edges import CONFIG, LISTS_END, RERANKERS
from .gateways import PROXY_ALONE, Gateway, environment, gateway_of, names_of, release
from .services import role_of_container
from .versions import version_of

IN_MONGODB = LISTS_END
"""The first FastGPT that ignores the lists of models in config.json."""
OTHERWISE = PROXY_ALONE
"""The first that keeps them there in the second of these. fact: packages/service/core/ai/model/schema.ts of v4.17.0"""
KEPT_IN = ("system_models", "ai_models")
LISTS = {
    "llm": "llmModels", "embedding": "vectorModels", "rerank": "reRankModels", "tts": "audioSpeechModels",
    "stt": "whisperModel",
}  # fmt: skip
"""Type of a model in MongoDB, and the list of config.json that such models stood in."""
JSON5 = (4, 8, 4)
"""The first that takes comments there."""


class Offer(Struct, frozen=True):
    """One model of one app, before it is followed."""

    app: Container
    model: str
    kind: str
    place: str
    address: str | None
    told: PathStep
    gateway: Gateway | None = None
    """Of a FastGPT, for a model that has no address of its own."""


class Lead(Struct, frozen=True):
    """Where an address leads from a container."""

    edge: Edge | None = None
    container: Container | None = None
    server: Server | None = None


def offers(snapshot: Snapshot) -> Iterator[Offer]:
    """Every offer, in a steady order."""
    for container in snapshot.containers:
        if container.detailed:
            yield from offers_of(container, snapshot)


def offers_of(app: Container, snapshot: Snapshot) -> Iterator[Offer]:
    """Those of one app."""
    role = role_of_container(app)
    if role == "fastgpt":
        yield from _of_fastgpt(app, snapshot)
    elif role == "librechat":
        for verdict in snapshot.config_verdicts:
            if verdict.container == app.id:
                yield from _of_librechat(app, verdict, snapshot)
    elif role == "open_webui":
        for edge in snapshot.edges:
            if edge.source == app.id and edge.kind in ("ollama", "model_server", "oneapi", "aiproxy"):
                listed = OfferedModel("", edge.origin, edge.effective, fetch=True)
                yield from _fetched(app, (listed,), edge.place, snapshot)


def _not_known(shown: str, why: str) -> PathStep:
    return PathStep("offered", "unknown", shown, told(why))


def _of_fastgpt(app: Container, snapshot: Snapshot) -> Iterator[Offer]:
    version = version_of("fastgpt", app.image)
    numbers = release(version)
    gateway = gateway_of(environment(app), version)
    paths = [mount.source for mount in app.mounts if posixpath.normpath(mount.target) == CONFIG]
    file = next((one for one in snapshot.json_files if one.path in paths), None)
    address = gateway.url if gateway else None
    if file is not None and file.gateway and numbers is not None and (4, 9) <= numbers < PROXY_ALONE:
        address, gateway = file.gateway, None  # systemEnv.chatApiKey may be its key
    state = kept_models(app, snapshot)
    where = paths[0] if paths else N_(f"environment of {app.name}")
    if in_mongodb(numbers) or (state is not None and state.answer.models):
        where, told = f"{_kept_in(numbers)} of {state.database}" if state else "MongoDB", _of_mongodb(numbers, state)
    else:
        told = _of_file(app, where if paths else None, file, numbers)
    for step, one in told:
        own = None if one is not None and one.address else gateway
        name, kind, at = (one.name, one.kind, one.address) if one is not None else ("", "", None)
        yield Offer(app, name, kind, where, at or address, step, own)


def in_mongodb(numbers: tuple[int, ...] | None) -> bool:
    """Whether a FastGPT of this release keeps its models in MongoDB; not known of a tag that is no number."""
    return numbers is not None and numbers >= IN_MONGODB


def _kept_in(numbers: tuple[int, ...] | None) -> str:
    return "MongoDB" if numbers is None else KEPT_IN[numbers >= OTHERWISE]


def kept_models(app: Container, snapshot: Snapshot) -> DatabaseState | None:
    """What MongoDB told of the models of a FastGPT, or why it told nothing; None where nobody asked."""
    states = [one for one in snapshot.databases if (one.kind, one.owner) == ("mongo", app.id)]
    return next((one for one in states if one.answer.models is not None), next(iter(states), None))


Told = Iterator[tuple[PathStep, OfferedModel | None]]


def _of_file(app: Container, path: str | None, file: JsonFact | None, numbers: tuple[int, ...] | None) -> Told:
    """The lists of config.json, up to v4.8.19."""
    wrong = (file.strict if numbers is not None and numbers < JSON5 else file.relaxed) if file is not None else None
    if wrong is not None:
        runs = app.state == "running"  # then it has read what was there before
        why = N_(f"FastGPT cannot read {path}: {wrong}")
        yield PathStep("offered", "unknown" if runs else "failed", "", told(why)), None
        return
    if file is None or not file.models:
        why = N_(f"{path} lists none") if file is not None and not file.unsure else N_(f"{path} could not be read")
        yield _not_known("", why if path else N_("no config.json is mounted, so the one in the image counts")), None
        return
    second = [one for one in file.models if one.kind in RERANKERS][1:]  # fact: only the first reranker is used
    for one in (each for each in file.models if each not in second):
        step = PathStep("offered", "ok", one.kind)
        if numbers is None:
            step = _not_known(one.kind, N_("its release is not known; from v4.8.20 on these lists are ignored"))
        yield step, one


def _of_mongodb(numbers: tuple[int, ...] | None, state: DatabaseState | None) -> Told:
    """The active models that it keeps there, from v4.8.20 on."""
    models = state.answer.models if state is not None else None
    if not models:
        yield _not_known("", _not_in_mongodb(numbers or (), state)), None
    for one in models or ():
        model = replace(one, kind=LISTS.get(one.kind, "system_models"))
        yield PathStep("offered", "ok", model.kind), model


def _not_in_mongodb(numbers: tuple[int, ...], state: DatabaseState | None) -> str:
    """Why no model of a FastGPT from v4.8.20 on is known."""
    if state is None:
        return N_("from v4.8.20 on FastGPT keeps its models in MongoDB, which could not be asked for them")
    if state.answer.models is None:
        return N_(f"its models lie in MongoDB, which could not be read: {state.answer.said}")
    kept = _kept_in(numbers)
    return N_(f"no model is active in {kept} of {state.database}; FastGPT offers none until one is")


def _of_librechat(app: Container, verdict: ConfigVerdict, snapshot: Snapshot) -> Iterator[Offer]:
    if verdict.stage is None or not verdict.mounted or verdict.boot != "ok":
        why = verdict.problem or N_("it is not known what LibreChat makes of librechat.yaml")
        step = _not_known("", why)
        if verdict.stage is not None and verdict.problem is None:
            why = verdict.log or N_("it refuses the file")
            why = why if verdict.mounted else N_(f"{verdict.path or 'librechat.yaml'} is not mounted into {app.name}")
            step = PathStep("offered", "failed", "", _("LibreChat does not take librechat.yaml: {why}", why=told(why)))
        if verdict.path and (verdict.stage is not None or verdict.mounted):
            yield Offer(app, "", "", verdict.path, None, step)
        return
    yield from _fetched(app, verdict.offered, verdict.path, snapshot)


def _fetched(app: Container, listed: tuple[OfferedModel, ...], where: str, snapshot: Snapshot) -> Iterator[Offer]:
    """The server's own list where the app asks for it and it is known, else the names in the file."""
    asked = {one.kind: _names(app, one.address, snapshot) for one in listed if one.fetch and not one.name}
    named = {one.kind for one in listed if one.name}
    for one in listed:
        names, there = asked.get(one.kind), PathStep("offered", "ok", one.kind, _("the server lists it"))
        if not one.name and names:
            for name in names:
                yield Offer(app, name, one.kind, where, one.address, there)
        elif not one.name and one.kind not in named:
            why = N_(f"{app.name} asks {one.address} for its list, which is not known here")
            yield Offer(app, "", one.kind, where, one.address, _not_known(one.kind, why))
        elif one.name and not names:
            yield Offer(app, one.name, one.kind, where, one.address, PathStep("offered", "ok", one.kind))


def _names(app: Container, address: str | None, snapshot: Snapshot) -> tuple[str, ...]:
    to = lead_of(app, address, snapshot)
    if to.server is None or to.server.state not in ("up", "busy") or (to.edge is not None and to.edge.broken):
        return ()
    return tuple(model.name for model in to.server.models)


# Where an address leads


def lead_of(source: Container, address: str | None, snapshot: Snapshot) -> Lead:
    """The arrow from ``source`` to an address, the container that is meant, and the model server there."""
    at = address_of(address or "")
    if at is None:
        return Lead()
    boxes = {container.id: container for container in snapshot.containers}
    wanted = (source.id, at.host.lower(), at.port, "http")
    arrows = (edge for edge in snapshot.edges if (edge.source, edge.host.lower(), edge.port, edge.speaks) == wanted)
    edge = next(arrows, None)
    led = lead(at, source, snapshot.containers, ())
    container = boxes.get(edge.target or "") if edge is not None else led.container
    keys = [f"host:{at.port}"] if edge is not None and edge.where == "machine" else []
    if container is not None:
        by_name = at.host in names_of(container) or any(link.address == at.host for link in container.networks)
        mapped = (p.container_port for p in container.ports if p.host_port == at.port)
        keys = [place(container.name, at.port if by_name else next(mapped, at.port))]
    keys.append(place(at.host, at.port))
    servers = {server.key: server for server in snapshot.servers}
    server = next((servers[key] for key in keys if key in servers), None)
    return Lead(edge, container, server)
