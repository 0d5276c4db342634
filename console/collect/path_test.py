"""One real request down the whole way of an offered model, as its app sends it, and the step at which it ended.

It goes to where the app's own requests go, by the port of that container that is reached from here, with the key that
the app declares for that address and with no other. Like a deep check it is only sent when somebody asked for it.

fact: songquanpeng/one-api middleware/auth.go, middleware/distributor.go, relay/controller (the texts of refusals);
labring/aiproxy middleware/distributor.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..compose.interpolation import parse_env_file
from ..hosts import Files, Host, HostError
from ..hosts.call import call_async
from ..model import ConfigVerdict, Container, DeepCheck, ModelPath, PathTest, Server, Snapshot, StepName
from ..products.gateways import environment
from ..products.librechat.custom import label, listed
from ..products.librechat.judge import CUSTOM, decoded
from ..products.librechat.reading import TooDeep, YamlProblem, load
from ..products.librechat.reading import environment as librechat_environment
from ..products.librechat.schema import expand
from ..products.offers import Offer, offers
from ..products.services import role_of_container
from ..text import _
from ..text.cleaning import SECRETS
from .smoke_test import Kind, Progress, TestRequest, deep_check, question, request

LIMIT = 512 * 1024
SOON = 5.0
"""Seconds for reading the key."""
KINDS: dict[str, Kind] = {
    "vectorModels": "vector", "VectorModels": "vector", "reRankModels": "score", "llmModels": "text",
}  # fmt: skip
_AUDIO = frozenset({"audioSpeechModels", "whisperModel"})
_ENDS: tuple[tuple[StepName, str], ...] = (
    ("key", r"无效的令牌|未提供令牌|该令牌|用户已被封禁|invalid token|no access token|quota is not enough"),
    ("channel", r"无可用渠道|no available channel|channels? (?:not found|exhausted)|该渠道已被禁用"),
    ("server", r"上游负载已饱和|answers (?:401|403|429)\b"),
    ("upstream", r"do.request.failed|dial tcp|connection refused|no such host|bad response status code 404"),
    ("model", r"model .{0,200}(?:not found|does not exist)|NotFoundError|model_not_found"),
)  # fmt: skip
"""What a gateway's refusal says -> the step that it comes from; the first that fits counts."""


def refusal(path: ModelPath, snapshot: Snapshot) -> str | None:
    """Why nothing can be sent down this way; None where it can."""
    offer = _offer(path, snapshot)
    if not path.model or offer is None:
        return _("it is not known which models {app_name} offers", app_name=path.app_name)
    if path.kind in _AUDIO:
        return _("{model} takes or gives sound, and no request is known for that", model=path.model)
    if path.kind == "azureOpenAI" or offer.address is None:
        return _("no address is written for {model}", model=path.model)
    if role_of_container(offer.app) == "fastgpt" and offer.gateway is None:
        return _(
            "{model} has an address and a key of its own in {place}, which are not read",
            model=path.model,
            place=path.place,
        )
    server = _first(path, snapshot)
    if server is None or server.read_at is None:
        return _(
            "no address of {server} is reached from here", server=_("the gateway") if path.gateway else offer.address
        )
    return _("{key} is down: {reason}", key=server.key, reason=server.reason) if server.state == "down" else None


def costs(path: ModelPath, snapshot: Snapshot) -> tuple[str, ...]:
    """What is sent and what it takes, in sentences: for the question before it."""
    offer, server = _offer(path, snapshot), _first(path, snapshot)
    if offer is None or server is None:
        return ()
    whose = _("with the key that {app_name} has for it", app_name=path.app_name)
    said = [
        _(
            "One real request is sent to {key}, {whose}: {what}.",
            key=server.key,
            whose=whose,
            what=_asked(path, offer, server).what,
        )
    ]
    if path.gateway:
        said.append(_("The gateway passes it on, and counts it: whoever serves the model may charge for it."))
    said.append(_("If the model is not in memory its server may load it, which takes VRAM."))
    return tuple(said)


async def send_down(host: Host, path: ModelPath, snapshot: Snapshot, *, progress: Progress | None = None) -> PathTest:
    """Ask once. Raises HostError where nothing was sent, ReadOnlyRefused among them."""
    offer, server, why = _offer(path, snapshot), _first(path, snapshot), refusal(path, snapshot)
    if offer is None or server is None or host.http_acts is None or why is not None:
        raise HostError(why or _("Nothing can be sent from here"))
    # a file may lie on a disk that does not answer
    key = await call_async(
        lambda: _key(offer, snapshot, host.files), SOON, _("The file with the key"), way="path-test key"
    )
    if key:
        SECRETS.learn("API_KEY", key)
    check = await deep_check(
        host.http_acts, server, path.model, key, host.clock, asked=_asked(path, offer, server), progress=progress
    )
    return PathTest(path.key, check, ended_at(path, check))


def ended_at(path: ModelPath, check: DeepCheck) -> StepName | None:
    """The step at which a request ended; None: the model answered."""
    error = check.error
    if error is None:
        return None
    status = re.match(r"it answers (\d{3})\b", error)
    if status is None:  # it did not get through, or what came was no answer of a model
        return "model" if "computed nothing" in error else "gateway" if path.gateway else "server"
    if not path.gateway:
        return {"401": "key", "403": "key", "404": "model"}.get(status[1], "server")  # type: ignore[return-value]
    # AI Proxy says of a model without a channel what OpenAI says of a model that there is not
    if "does not exist or you do not have access" in error:
        return "channel"
    return next((step for step, words in _ENDS if re.search(words, error, re.IGNORECASE)), "server")


def _offer(path: ModelPath, snapshot: Snapshot) -> Offer | None:
    wanted = (path.app, path.kind, path.model)
    return next((one for one in offers(snapshot) if (one.app.id, one.kind, one.model) == wanted), None)


def _first(path: ModelPath, snapshot: Snapshot) -> Server | None:
    """The server that the app itself asks: the gateway where there is one."""
    for server in snapshot.servers:
        if server.container == path.gateway if path.gateway else server.key == path.server:
            return server
    return None


def _asked(path: ModelPath, offer: Offer, server: Server) -> TestRequest:
    """As the app asks: its base URL, and the route behind it."""
    if server.product == "ollama" and role_of_container(offer.app) == "open_webui":
        return question(server, path.model)
    return request(server, path.model, base=urlsplit(offer.address or "").path.rstrip("/"), kind=KINDS.get(path.kind))


def _key(offer: Offer, snapshot: Snapshot, files: Files) -> str | None:
    """What the app itself sends to that address. Raises HostError where that cannot be read."""
    role, env = role_of_container(offer.app), environment(offer.app)
    if role == "fastgpt":
        return offer.gateway.key if offer.gateway else None
    if role == "open_webui":
        urls = (env.get("OPENAI_API_BASE_URLS") or env.get("OPENAI_API_BASE_URL", "")).split(";")
        keys = (env.get("OPENAI_API_KEYS") or env.get("OPENAI_API_KEY", "")).split(";")
        return next((key for url, key in zip(urls, keys, strict=False) if url.strip() == offer.address), None)
    verdict = next((one for one in snapshot.config_verdicts if one.container == offer.app.id), None)
    return _of_endpoint(offer, verdict, snapshot, files) if verdict is not None else None


def _of_endpoint(offer: Offer, verdict: ConfigVerdict, snapshot: Snapshot, files: Files) -> str | None:
    """``apiKey`` of the very entry that names the address, its variables filled in."""
    try:
        data = load(decoded(files.read(verdict.path, limit=LIMIT)))
    except (YamlProblem, TooDeep) as error:
        raise HostError(_("{path} can no longer be read: {error}", path=verdict.path, error=error)) from error
    for number, entry in listed(data, *CUSTOM):
        if f"endpoint {label(entry, number)}" == offer.kind:
            key = expand(str(entry.get("apiKey") or ""), _variables(offer.app, snapshot, files))
            if key == "user_provided" or "${" in key:
                raise HostError(
                    _("The key of this endpoint is given by each person, or by a variable that nothing sets")
                )
            return key
    raise HostError(_("{path} no longer has {kind}", path=verdict.path, kind=offer.kind))


def _variables(app: Container, snapshot: Snapshot, files: Files) -> Mapping[str, str]:
    project = next((one for one in snapshot.projects if one.name == app.project), None)
    declared = next((one for one in project.services if one.name == app.service), None) if project else None
    given, unread = librechat_environment(app, declared, project)
    own = {one.name: one.value for one in given}
    if unread is None:
        return own
    return {**parse_env_file(files.read(unread, limit=LIMIT).decode("utf-8", "replace")), **own}
