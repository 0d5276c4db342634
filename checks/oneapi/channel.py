"""A channel of One API that cannot work: /v1 twice, an address inside its own container, a wrong type, switched off.

What it does
    Reads the channels with an access token, the operator's (settings: [oneapi] access_token_env), else the
    INITIAL_ROOT_ACCESS_TOKEN of One API's own container. Without one it reads them in One API's database, with One
    API's own login and never a key. Where neither is possible, it looks for what One API's log says of channels that it
    switched off, together with requests that found no channel since. Channels that somebody switched off by hand are
    left alone.

Why it matters
    The page of channels shows none of this. The app gets `bad response status code 404`, `do request failed` or
    `无可用渠道`. And One API's own test cannot be trusted: it sends a chat request, also to channels for embeddings
    and reranking, which refuse it with 404 or 422 although they work. It is green for a server that only pretends.

Fix
    Explained: what to write on the page of channels. stackops changes nothing in One API's database.

Sources
    one-api relay/channeltype (define.go, url.go, helper.go), relay/adaptor/openai and ollama, controller's
    channel-test.go, monitor's manage.go and channel.go of v0.5.10, v0.6.7 and main; its issues 1180 and 1877; FastGPT
    issues 931 and 1343.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.model import Container, OneApiChannel, OneApiState, Snapshot
from ...console.model.findings import Evidence, Severity
from ...console.products.addresses import address_of, lead, place
from ...console.products.model_paths import ENABLED, doubled, is_one_api
from ...console.products.offers import lead_of
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import duration
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import marks_since_start, placed

BY_ITSELF = 3
"""fact: one-api model/channel.go: 1 enabled, 2 disabled by hand, 3 disabled by itself"""
OLLAMA, COMPATIBLE = 30, 50
INSIDE = "http://localhost:11434"
"""Where a channel for Ollama goes without a base URL."""
VENDORS = {
    3: "Azure", 11: "PaLM", 15: "Baidu", 16: "Zhipu", 17: "Ali", 18: "Xunfei", 21: "AI Proxy's library", 23: "Tencent",
    24: "Gemini", 33: "AWS", 34: "Coze", 37: "Cloudflare", 38: "DeepL", 42: "Vertex AI", 46: "Replicate",
}  # fmt: skip
"""Types that speak a vendor's own language, which no server of one's own understands."""
OWN = frozenset({"vllm", "sglang", "tei", "tgi", "xinference", "fastchat", "infinity", "m3e", "m3e-large-api",
                 "bge-reranker", "baichuan2", "chatglm2", "lmstudio", "tabbyapi"})  # fmt: skip
"""Servers that speak OpenAI's language and neither Ollama's nor a vendor's."""
_EMBEDS = re.compile(r"embed|rerank|(?:^|[/_-])(?:m3e|bge|gte|e5|ada-002)(?:$|[/_:-])", re.IGNORECASE)
_NUMBER = re.compile(r"channel #(\d{1,9}) has been disabled(?:: | )?(.*)")

_PAGE = "On One API's page of channels (渠道) edit channel {channel}: "
_AFTER = "\nWith MEMORY_CACHE_ENABLED the relay learns of it after SYNC_FREQUENCY seconds, or at a restart of One API."
DOUBLED = Form(
    "doubled", "Channel {channel} of {subject} asks at a path that does not exist: its base URL ends in {end}",
    "One API puts the whole path of a request behind the base URL, so {end} comes twice.",
    "take {end} off the base URL of channel {channel}", advice=f"{_PAGE}base URL {{right}}{_AFTER}",
)  # fmt: skip
NO_V1 = Form(
    "no-v1", "Channel {channel} of {subject} leaves /v1 out: its type expects it in the base URL",
    "For the type OpenAI Compatible One API takes /v1 off the path of a request, since the base URL is to have it.",
    "put /v1 behind the base URL of channel {channel}", advice=f"{_PAGE}base URL {{right}}{_AFTER}",
)  # fmt: skip
ITSELF = Form(
    "loopback", "Channel {channel} of {subject} looks for its models inside the container of One API: {at}",
    "Inside a container a loopback address is the container itself, and no model server runs in there.",
    "write the name of the model server's service into channel {channel}",
    advice=f"{_PAGE}as base URL the model server's service name and its port inside the container.\n"
    "For a server on this machine: http://host.docker.internal and its port, and in One API's service extra_hosts "
    f"with host.docker.internal:host-gateway.{_AFTER}",
)  # fmt: skip
TYPE = Form(
    "wrong-type", "Channel {channel} of {subject} speaks {type} to {server}, which understands OpenAI's API",
    "The type of a channel decides in which language One API asks. {server} has no such paths.",
    "give channel {channel} the type OpenAI", advice=f"{_PAGE}type OpenAI, and the base URL without /v1.{_AFTER}",
)  # fmt: skip
OFF = Form(
    "switched-off", "One API has switched off channel {channel} of {subject} by itself: {models}",
    "It does so after errors that it takes for a wrong key or an empty account, and after tests that took too long. "
    "{why}",
    "see what the server behind channel {channel} says, and enable the channel",
    advice="See why: the key of the channel, the account at its vendor, the log of its server.\n"
    f"{_PAGE}enable it. What One API's own test says of a channel for embeddings does not count: it sends a chat "
    f"request.{_AFTER}",
)  # fmt: skip
FORMS = (DOUBLED, NO_V1, ITSELF, TYPE, OFF)


@dataclass(frozen=True)
class _Gateway:
    container: Container
    state: OneApiState
    snapshot: Snapshot

    @property
    def off(self) -> dict[int, str]:
        """Channels that its log says were switched off, and why."""
        found: dict[int, str] = {}
        for mark in marks_since_start(self.snapshot, self.container):
            told = _NUMBER.search(mark.text) if mark.mark == "oneapi.channel-off" else None
            if told is not None:
                found[int(told[1])] = told[2]
        return found


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each One API whose channels are known, or whose log tells of them."""
    for one in placed(snapshot, "oneapi"):
        state = next((s for s in snapshot.oneapis if one.container and s.container == one.container.id), None)
        if one.container is None or state is None:
            continue
        gateway = _Gateway(one.container, state, snapshot)
        if state.channels is None:
            yield from _by_log(gateway)
            continue
        cases = [case for channel in state.channels if (case := _judge(channel, gateway)) is not None]
        yield from cases
        if not cases and state.channels:
            yield Fine(one.subject, _("The channels of {one} are set up as they have to be", one=one.subject),
                       tuple(_explained(state.channels)))  # fmt: skip


def _judge(channel: OneApiChannel, gateway: _Gateway) -> Case[OneApiChannel] | None:
    if channel.status not in (ENABLED, BY_ITSELF):
        return None
    own = is_one_api(gateway.container)
    end, base = doubled(channel, gateway.container), (channel.base_url or "").rstrip("/")
    if end:
        return _case(DOUBLED, channel, gateway, {"end": end, "right": base.removesuffix(end)})
    at = base or (INSIDE if own and channel.type == OLLAMA else "")
    if at and _inside(at, gateway):
        return _case(ITSELF, channel, gateway, {"at": at})
    server = lead_of(gateway.container, at or None, gateway.snapshot).server
    if own and server is not None and server.product in OWN:
        kind = _("Ollama's language") if channel.type == OLLAMA else VENDORS.get(channel.type or 0)
        if kind:
            return _case(TYPE, channel, gateway, {"type": kind, "server": server.key})
        if channel.type == COMPATIBLE and re.fullmatch(r"https?://[^/]+", base):
            return _case(NO_V1, channel, gateway, {"right": f"{base}/v1"})
    if channel.status == BY_ITSELF:
        why = gateway.off.get(channel.id, "")
        return _case(
            OFF, channel, gateway, {"why": _("It said: {why}", why=why) if why else _("Its log no longer says which.")}
        )
    return None


def _inside(at: str, gateway: _Gateway) -> bool:
    """Whether the address is that of the container itself, where nobody was found to listen."""
    address, container = address_of(at), gateway.container
    if address is None or (container.network_mode or "").startswith(("container:", "service:")):
        return False
    if lead(address, container, gateway.snapshot.containers, ()).where != "itself":
        return False
    wanted = (container.id, address.host, address.port)
    tried = (e for e in gateway.snapshot.edges if (e.source, e.host, e.port) == wanted and e.by == "probe")
    return not any(edge.hops and all(hop.state == "ok" for hop in edge.hops) for edge in tried)


def _case(form: Form, channel: OneApiChannel, gateway: _Gateway, words: dict[str, str]) -> Case[OneApiChannel]:
    name, state = gateway.container.name, gateway.state
    read = state.channels_from == "database"
    source = _("table channels of its database") if read else f"GET {state.address}/api/channel/"
    models = ", ".join(channel.models[:4]) + (
        _(" and {count} more", count=len(channel.models) - 4) if len(channel.models) > 4 else ""
    )
    called = f"{channel.id} ({channel.name})" if channel.name else str(channel.id)
    address = address_of(words.get("at") or channel.base_url or "")
    rows = [
        Evidence(
            _("channel"),
            _("{called}, type {type}, {state}", called=called, type=channel.type or "-", state=_state(channel)),
            source,
        ),
        Evidence(_("base URL"), channel.base_url or words.get("at") or _("that of its vendor"), source),
        Evidence(_("models"), models or "none", source),
    ]
    if address is not None:
        rows.append(Evidence(_("address"), place(address.host, address.port), source))
    if channel.balance is not None and channel.balance_at is not None:
        ago = duration(gateway.snapshot.taken_at - channel.balance_at)
        left = _("{balance} USD, {ago} ago", balance=f"{channel.balance:.2f}", ago=ago)
        rows.append(Evidence(_("balance"), left, source))
    told = {"channel": called, "models": models or _("no model"), **words}
    severity: Severity = "error" if _alone(channel, gateway.state) else "warning"
    return Case(name, form, channel, tuple(rows), told, severity, about=f"channel {channel.id}")


def _state(channel: OneApiChannel) -> str:
    return "enabled" if channel.status == ENABLED else _("switched off by One API")


def _alone(channel: OneApiChannel, state: OneApiState) -> bool:
    """Whether a model of it is in no other channel that is enabled."""
    others = {name for one in state.channels or () if one.id != channel.id and one.status == ENABLED
              for name in one.models}  # fmt: skip
    return any(model not in others for model in channel.models)


def _explained(channels: tuple[OneApiChannel, ...]) -> Iterator[Evidence]:
    """What to know of the test of a channel for embeddings."""
    for one in channels:
        if one.status == ENABLED and one.models and all(_EMBEDS.search(model) for model in one.models):
            why = _("One API's own test fails for it, as it sends a chat request")
            yield Evidence(_("channel {id}", id=one.id), why, ", ".join(one.models[:4]))


def _by_log(gateway: _Gateway) -> Iterator[Case[OneApiChannel]]:
    """Without an access token: it said that it switched a channel off, and a model has had no channel since."""
    marks = marks_since_start(gateway.snapshot, gateway.container)
    last = next((m for m in reversed(marks) if m.mark == "oneapi.channel-off" and _NUMBER.search(m.text)), None)
    told = _NUMBER.search(last.text) if last is not None else None
    if last is None or told is None:
        return
    after = [m for m in marks if m.mark == "oneapi.no-channel" and (m.at or 0.0) > (last.at or 0.0)]
    again = (m for m in marks if m.mark == "oneapi.channel-on" and (m.at or 0.0) > (last.at or 0.0))
    if not after or next(again, None) is not None:
        return
    name, source = gateway.container.name, f"docker logs {gateway.container.name}"
    ago = duration(gateway.snapshot.taken_at - (last.at or 0.0))
    rows = (Evidence("log", last.text, source), Evidence(_("since then"), after[-1].text, source))
    words = {
        "channel": told[1],
        "models": _("{ago} ago", ago=ago),
        "why": _("It said: {told}", told=told[2]) if told[2] else "",
    }
    channel = OneApiChannel(int(told[1]), "", BY_ITSELF)
    yield Case(name, OFF, channel, rows, words, "warning", about=f"channel {channel.id}")


CHECK = Check(
    "oneapi.channel", "The channels of One API can work", __doc__ or "", FORMS, find, by_hand,
    reads=("containers", "projects", "services", "oneapis", "servers", "edges", "log_marks"),
)  # fmt: skip
