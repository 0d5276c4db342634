"""The way of each model that an app offers: gateway, key, channel, upstream address, server, model. Pure.

Made from what was collected, nothing is asked here. A step that is not known says why; behind one that failed nothing
is said. A model has a row for each channel that may be taken.

An AI Proxy is another gateway: any enabled channel may be taken, its priority is only its part of the requests, and the
path of a request is put behind the base URL without ``/v1``.

fact: labring/aiproxy core/controller/relay-channel.go, core/relay/adaptor/openai/adaptor.go; songquanpeng/one-api
model/cache.go (one of the enabled channels with the highest priority is taken, by group and
by the exact name), relay/adaptor/openai/util.go (base URL and path are put together as they are, so a ``/v1`` in the
base URL comes twice), controller/model.go (from v0.6.6 on /v1/models lists what the key may use)
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ..model import (
    Container,
    ModelPath,
    OneApiChannel,
    OneApiState,
    PathStep,
    Server,
    Snapshot,
    StepName,
    StepState,
)
from ..text import N_, _, told
from .addresses import place
from .gateways import environment, release
from .model_users import key_of
from .offers import Lead, Offer, lead_of, offers
from .registry import SERVERS
from .services import role_of_container
from .versions import parts_of, version_of

STEPS: tuple[StepName, ...] = ("offered", "gateway", "key", "channel", "upstream", "server", "model")
LISTS_CHANNELS = (0, 6, 6)
"""The first release whose /v1/models tells of channels."""
ENABLED = 1
OFF = {2: N_("switched off by hand"), 3: N_("switched off by the gateway itself after errors")}
SERVER_STATES: dict[str, StepState] = {
    "up": "ok", "busy": "ok", "wrong_key": "ok", "engine_dead": "failed", "down": "failed",
}  # fmt: skip
CONCATENATED = frozenset({1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 19, 20, 25, 26, 28, 29, 30, 31, 32, 36, 39, 44, 45, 48})
"""Types of channels whose base URL gets the whole path of the request behind it, ``/v1`` included.

fact: one-api relay/channeltype/define.go, relay/adaptor/openai/adaptor.go (all that have no rule of their own there);
New API has the same number for OpenAI alone
"""
UNDER_V1 = frozenset({"ollama", "vllm", "m3e", "m3e-large-api"})
"""Servers that answer OpenAI's requests under ``/v1`` and nowhere else. fact: FastGPT issue 5032 (m3e by AI Proxy)"""
ENDS = ("/v1/chat/completions", "/v1/embeddings", "/chat/completions", "/embeddings", "/v1", "/api/chat")
"""How base URLs end that were copied from somewhere else, the longest first."""
ALL_READ = 200
"""From so many channels on not all of them were read."""
MOST = 400
"""Paths of one machine."""


def model_paths(snapshot: Snapshot) -> tuple[ModelPath, ...]:
    """Every path, in a steady order: app, list, model, channel. No more are followed than are told."""
    found: dict[str, ModelPath] = {}
    for offer in offers(snapshot):
        if len(found) >= MOST:
            break
        found |= {path.key: path for path in _followed(offer, snapshot)}
    return tuple(found.values())[:MOST]


def _ok(name: StepName, shown: str, reason: str | None = None, edge: str | None = None) -> PathStep:
    return PathStep(name, "ok", shown, reason and told(reason), edge)


def _failed(name: StepName, shown: str, reason: str, edge: str | None = None) -> PathStep:
    return PathStep(name, "failed", shown, told(reason), edge)


def _unknown(name: StepName, shown: str, reason: str, edge: str | None = None) -> PathStep:
    return PathStep(name, "unknown", shown, told(reason), edge)


def _arrow(name: StepName, shown: str, to: Lead) -> PathStep:
    """What the tried connection says."""
    edge = to.edge
    if edge is None:
        return _unknown(name, shown, N_("the connection was not tried"))
    hop = edge.broken or next((hop for hop in edge.hops if hop.state != "ok"), None)
    if hop is None and edge.hops:
        return _ok(name, shown, N_(f"{edge.source_name} reaches it at {place(edge.host, edge.port)}"), edge.key)
    why = f"{_(hop.name)}: {told(hop.reason)}" if hop is not None and hop.reason else N_("the connection was not tried")
    state: StepState = "failed" if hop is not None and hop.state == "failed" else "unknown"
    return PathStep(name, state, shown, told(why), edge.key)


# The way of one model


def _followed(offer: Offer, snapshot: Snapshot) -> Iterator[ModelPath]:
    to = lead_of(offer.app, offer.address, snapshot)
    role = role_of_container(to.container) if to.container is not None else "unknown"
    if offer.told.state == "failed":
        yield _path(offer, [offer.told])
    elif to.container is not None and role in ("oneapi", "aiproxy"):
        yield from _through(offer, to, to.container, snapshot)
    elif offer.gateway is not None and (to.server is None or to.server.nowhere):
        why = N_(f"{offer.address} is no gateway that is known here")
        names: tuple[StepName, ...] = ("key", "channel", "upstream", "server", "model")
        after = [_unknown(name, "", why) for name in names]
        yield _path(offer, [offer.told, _arrow("gateway", offer.address or "", to), *after])
    else:
        shown = to.server.key if to.server else offer.address or ""
        if offer.address is None:
            arrow = _unknown("upstream", "", N_("no address is written for it: it goes to the vendor, or is not known"))
        else:
            arrow = _arrow("upstream", shown, to)
        key = _own_key(offer, to)
        steps = [offer.told, PathStep("gateway", "none"), key, PathStep("channel", "none"), arrow]
        yield _path(offer, [*steps, *_end(to, offer.model)], upstream=offer.address, server=to.server,
                    upstream_model=offer.model)  # fmt: skip


def _path(
    offer: Offer, steps: list[PathStep], *, gateway: Container | None = None, channel: OneApiChannel | None = None,
    upstream: str | None = None, upstream_model: str | None = None, server: Server | None = None,
) -> ModelPath:  # fmt: skip
    """With nothing said behind the first step that failed."""
    told: dict[str, PathStep] = {}
    for step in steps:
        told[step.name] = step
        if step.state == "failed":
            break
    whole = tuple(told.get(name, PathStep(name, "none")) for name in STEPS)
    number = channel.id if channel else None
    parts = (offer.app.name, offer.kind, offer.model, str(number or ""))
    return ModelPath(
        " ".join(filter(None, parts)), offer.app.id, offer.app.name, offer.model, offer.kind, offer.place, whole,
        gateway.id if gateway else None, number, upstream, upstream_model or None, server.key if server else None,
    )  # fmt: skip


def _own_key(offer: Offer, to: Lead) -> PathStep:
    """A server that is asked without a gateway."""
    server = to.server
    product = SERVERS.get(server.product) if server is not None else None
    if product is None or server is None or server.state == "wrong_key":
        return PathStep("key", "none")
    box = to.container
    own = key_of(server.product, box, (*box.entrypoint, *box.command)) if box is not None else None
    if own is None:
        return PathStep("key", "none")
    return _unknown(
        "key", own.name, N_(f"{server.key} has a key of its own; which one {offer.app.name} sends is not read")
    )


def _through(offer: Offer, to: Lead, gateway: Container, snapshot: Snapshot) -> Iterator[ModelPath]:
    arrow = _arrow("gateway", gateway.name, to)
    if arrow.state != "failed" and not (offer.address or "").rstrip("/").endswith("/v1"):
        why = N_(f"{offer.address} does not end with /v1, so {gateway.name} answers with its web page")
        arrow = _failed("gateway", gateway.name, why, arrow.edge) if offer.kind in ("", "llmModels") else arrow
    state = next((one for one in snapshot.oneapis if one.container == gateway.id), None)
    steps = [offer.told, arrow, _key(offer, gateway, state)]
    if not offer.model:
        yield _path(offer, steps, gateway=gateway)
        return
    for step, channel in _channels(offer, gateway, state):
        if channel is None or step.state == "failed":
            why = N_("which channel takes it is not known")
            names: tuple[StepName, ...] = ("upstream", "server", "model")
            after = [_unknown(name, "", why) for name in names]
            yield _path(offer, [*steps, step, *after], gateway=gateway, channel=channel)
            continue
        asked = dict(channel.mapping).get(offer.model, offer.model)
        way, end = _upstream(channel, gateway, asked, snapshot)
        yield _path(offer, [*steps, step, way, *_end(end, asked)], gateway=gateway, channel=channel,
                    upstream=channel.base_url, upstream_model=asked, server=end.server)  # fmt: skip


def _key(offer: Offer, gateway: Container, state: OneApiState | None) -> PathStep:
    if role_of_container(gateway) == "aiproxy":
        own, key = environment(gateway).get("ADMIN_KEY"), offer.gateway.key if offer.gateway else None
        if own and key and own == key:
            return _ok("key", "ADMIN_KEY", N_(f"{offer.app.name} sends the ADMIN_KEY of {gateway.name}"))
        return _unknown("key", "", N_(f"it is not the ADMIN_KEY of {gateway.name}, or is not known"))
    if offer.gateway is None or not offer.gateway.key:
        return _unknown("key", "", N_(f"{gateway.name} was not asked with the key of {offer.app.name}"))
    name = offer.gateway.key_variable or ""
    if state is None or state.trouble or state.client != offer.app.id:
        why = state.sentence if state is not None and state.sentence else N_(f"{gateway.name} was not asked with it")
        return _unknown("key", name, why)
    if state.models_trouble == "wrong-key":
        return _failed("key", name, N_(f"{gateway.name} refuses {name} of {offer.app.name}"))
    if state.models is None:
        return _unknown(
            "key", name, N_(f"{gateway.name} could not be asked with it: {state.models_trouble or 'no answer'}")
        )
    return _ok("key", name, N_(f"{gateway.name} takes {name} of {offer.app.name}"))


def _channels(
    offer: Offer, gateway: Container, state: OneApiState | None
) -> Iterator[tuple[PathStep, OneApiChannel | None]]:
    """A step for each channel that may be taken."""
    model, channels = offer.model, state.channels if state is not None else None
    known = listed(offer, gateway, state)
    if channels is None:
        yield _by_list(offer, gateway, state, known), None
        return
    having = [one for one in channels if model in one.models]
    on = [one for one in having if one.status == ENABLED]
    if not on and len(channels) >= ALL_READ:
        yield _unknown("channel", "", N_(f"more than {ALL_READ} channels: not all of them were read")), None
        return
    if not on:
        first = having[0] if having else None
        names = {name for one in channels if one.status == ENABLED for name in one.models}
        off = OFF.get(first.status, N_("not enabled")) if first else ""
        why = N_(f"channel {_called(first)} is {off}") if first else _none(model, names)
        yield _failed("channel", _called(first) if first else "none", why), first
        return
    proxy, own = role_of_container(gateway) == "aiproxy", _group(offer, state)
    top = on if proxy else [one for one in on if one.priority == max(each.priority for each in on)]
    for one in top:
        groups = ", ".join(one.groups) or "none"
        about = N_(f"group {groups}, priority {one.priority}")
        if len(on) > len(top):
            about = N_(f"{about}; {len(on) - len(top)} more of lower priority")
        step = _ok("channel", _called(one), about)
        if known is False:
            why = N_(f"{gateway.name} does not list {model} for this key; channel {_called(one)} is of group {groups}")
            step = (_unknown if (own or "default") in one.groups else _failed)("channel", _called(one), why)
        elif own is not None and not proxy:
            if own not in (one.groups or ("default",)):
                step = _failed("channel", _called(one), N_(f"{about}; the key of {offer.app.name} is of group {own}"))
        elif known is None and one.groups and "default" not in one.groups:
            step = _unknown("channel", _called(one), N_(f"{about}; the group of the key is not known"))
        yield step, one


def _group(offer: Offer, state: OneApiState | None) -> str | None:
    """The group of the app's key, where the database of its One API tells it."""
    keys = state.keys if state is not None else ()
    return next((key.token.group for key in keys if key.client == offer.app.id and key.token is not None), None)


def _called(channel: OneApiChannel) -> str:
    return f"{channel.id} ({channel.name})" if channel.name else str(channel.id)


def _none(model: str, names: set[str]) -> str:
    near = get_close_matches(model, sorted(names), 1, 0.7)
    return N_(f"no channel offers {model}; {near[0]} may be meant") if near else N_(f"no channel offers {model}")


def listed(offer: Offer, gateway: Container, state: OneApiState | None) -> bool | None:
    """Whether the gateway lists the model for the app's own key; None where its list does not tell."""
    if state is None or state.models is None or state.client != offer.app.id:
        return None
    numbers = release(state.version) or release(version_of("oneapi", gateway.image))
    if numbers is None or numbers < LISTS_CHANNELS:
        return None
    return offer.model in state.models


def _by_list(offer: Offer, gateway: Container, state: OneApiState | None, known: bool | None) -> PathStep:
    """Where channels are not known."""
    if role_of_container(gateway) == "aiproxy":
        why = N_(f"could not be read: {state.sentence}") if state is not None and state.sentence else N_("was not read")
        return _unknown("channel", "", N_(f"the channels of {gateway.name} lie in its database, which {why}"))
    if known is None or state is None:
        why = N_(f"the channels of {gateway.name} take an administrator's access token to read")
        if state is not None and state.channels_trouble:
            why = N_(f"{why}, and its database did not tell them: {state.channels_trouble}")
        return _unknown("channel", "", why)
    if known:
        why = N_(f"{gateway.name} lists {offer.model} for this key; which channel it is takes an access token to read")
        return _ok("channel", "listed", why)
    return _failed("channel", "none", _none(offer.model, set(state.models or ())))


def _upstream(
    channel: OneApiChannel, gateway: Container, asked: str, snapshot: Snapshot
) -> tuple[PathStep, Lead]:  # fmt: skip
    base = channel.base_url
    if not base:
        return _unknown("upstream", "vendor", N_(f"channel {_called(channel)} goes to the vendor of its type")), Lead()
    to = lead_of(gateway, base, snapshot)
    end = doubled(channel, gateway)
    if end:
        why = N_(
            f"its base URL {base} ends with {end}, and {gateway.name} adds the path itself: requests go to {end}/v1"
        )
        return _failed("upstream", base, why, to.edge.key if to.edge else None), to
    bare = "/" not in base.rstrip("/").partition("://")[2]
    if bare and channel.type == 1 and role_of_container(gateway) == "aiproxy":
        why = N_(f"its base URL {base} ends without /v1, and {gateway.name} adds none")
        sure = to.server is not None and to.server.product in UNDER_V1
        return (_failed if sure else _unknown)("upstream", base, why, to.edge.key if to.edge else None), to
    step = _arrow("upstream", base, to)
    if step.state == "ok" and channel.mapping and asked:
        step = _ok("upstream", base, N_(f"{step.reason}, and sends {asked}"), step.edge)
    return step, to


def doubled(channel: OneApiChannel, gateway: Container) -> str | None:
    """The path at the end of a base URL that the gateway adds once more; None where there is none, as of AI Proxy."""
    if role_of_container(gateway) == "aiproxy":
        return None
    known = channel.type == 1 or (channel.type in CONCATENATED and is_one_api(gateway))
    base = (channel.base_url or "").rstrip("/")
    if not known or base.startswith("https://gateway.ai.cloudflare.com"):
        return None
    return next((end for end in ENDS if base.endswith(end)), None)


def is_one_api(gateway: Container) -> bool:
    """Whether it is One API itself and not one of those made from it, which number types of channels otherwise."""
    return parts_of(gateway.image).last.startswith(("one-api", "oneapi"))


def _end(to: Lead, model: str) -> Iterator[PathStep]:
    """The server, and whether it has the model."""
    server = to.server
    if server is None:
        yield _unknown("server", "", N_("no model server is known at this address"))
        yield _unknown("model", "", N_("no model server is known at this address"))
        return
    why = _("{product} is {state}", product=server.product, state=_(server.state))
    why = f"{why}: {server.reason}" if server.reason else why
    yield PathStep("server", SERVER_STATES.get(server.state, "unknown"), server.key, why)
    yield _served(server, model)


def _served(server: Server, model: str) -> PathStep:
    names = {one.name for one in server.models}
    own, product = _spelt(server, model), SERVERS.get(server.product)
    if not model:
        return PathStep("model", "none")
    if not names:
        return _unknown("model", model, N_(f"{server.key} has not told its models"))
    if own not in names:
        if product is not None and product.any_name and len(names) == 1:
            return _ok("model", next(iter(names)), N_(f"{server.key} has one model and takes any name"))
        near = get_close_matches(model, sorted(names), 1, 0.6)
        has = N_(f"{near[0]} may be meant") if near else N_(f"it has {', '.join(sorted(names)[:4])}")
        return _failed("model", model, N_(f"{server.key} does not serve {model}; {has}"))
    if server.loaded is None or own in {one.name for one in server.loaded}:
        return _ok("model", own, N_("served") if server.loaded is None else N_("served, and in memory"))
    waits = product is not None and product.loads_when_asked
    loads = N_("served, not in memory; it is loaded at the first request")
    return _ok("model", own, loads if waits else N_("served, not in memory"))


def _spelt(server: Server, model: str) -> str:
    """fact: ollama/ollama types/model/name.go: a name without a tag is that with ``latest``."""
    names = {one.name for one in server.models}
    return f"{model}:latest" if server.product == "ollama" and model not in names and ":" not in model else model
