"""FastGPT offers models that no channel of its gateway has, or has lists of models in a file that it no longer reads.

What it does
    Compares the models that FastGPT offers with the channels of its One API (read with an access token, else in its
    database) or its AI Proxy (read in its database), else with what /v1/models lists for FastGPT's own key (One API
    from v0.6.6 on). Up to v4.8.19 these models are the lists of config.json. From v4.8.20 on they are the active models
    in its MongoDB, read with FastGPT's own login, and lists in config.json are told to be ignored. Models with an
    address of their own are left out.

Why it matters
    The model stands in FastGPT's menu, and whoever chooses it gets `当前分组 default 下对于模型 X 无可用渠道`. Names
    have to be the same to the letter, capitals included. From v4.8.20 on an edit of the lists changes nothing, and
    nothing says so.

Fix
    Explained, with the name that is nearest. Which name is right only you know.

Sources
    one-api model/cache.go, middleware/distributor.go, controller/model.go from v0.6.6 on; aiproxy
    core/controller/relay-channel.go; FastGPT issues 1256, 1873 and 2455, its config.json of v4.6 to v4.8.19, its
    upgrade note of v4.8.20 and packages/service/core/ai/config/utils.ts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from ...console.model import DatabaseState, FileFact, JsonFact, Snapshot
from ...console.model.findings import Evidence
from ...console.products.edges import CONFIG
from ...console.products.gateways import release
from ...console.products.offers import in_mongodb, kept_models
from ...console.products.versions import version_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import put_away, service_of
from ..parties import Party, parties
from ..subjects import fact_of
from .offered import BY_ITSELF, GatewayOffer, severity_of, wanted

SHOWN = 6
LISTS = ("llmModels", "vectorModels", "reRankModels", "audioSpeechModels", "whisperModel", "chatModels", "qaModels")

MISSING = Form(
    "missing", "{subject} offers models that {gateway} has no channel for: {models}",
    "One API takes a channel by the exact name of the model. Requests for these models are answered with 503.",
    "add the models to a channel, or correct their names", "warning",
    advice="On One API's page of channels (渠道) add the models to the channel of their server: {models}\n"
    "Or correct the names in {path}, and then: docker compose up -d --force-recreate {service}\n"
    "With MEMORY_CACHE_ENABLED restart One API after the last change of a channel.",
)  # fmt: skip
EMPTY = Form(
    "no-channel", "{gateway} has no channel yet, so {subject} has no model to use",
    "A channel tells One API where a model is served. Until there is one, every request is answered with 503.",
    "make a channel for each model server", "info",
    advice="On One API's page of channels (渠道) make one for each model server, with the names in {path}: {models}\n"
    "With MEMORY_CACHE_ENABLED restart One API after the last change of a channel.",
)  # fmt: skip
MISSING_KEPT = replace(
    MISSING, variant="mongodb",
    advice="On One API's page of channels (渠道) add the models to the channel of their server, or make one: {models}\n"
    "Or log in to FastGPT as root, and switch the models off: account, model providers.\n"
    "With MEMORY_CACHE_ENABLED restart One API after the last change of a channel.",
)  # fmt: skip
EMPTY_KEPT = replace(EMPTY, variant="mongodb", advice=MISSING_KEPT.advice)
"""Where the names stand in MongoDB."""
UNPROXIED = Form(
    "no-proxy-channel", "{subject} offers models that {gateway} has no channel for: {models}",
    "AI Proxy takes a channel by the exact name of the model. Requests for these models are answered with 404.",
    "add the models to a channel, or switch them off", "warning",
    advice="Log in to FastGPT as root and go to account, model providers.\n"
    "Under model channels add the models to the channel of their server: {models}\n"
    "Or switch the models off there.",
)  # fmt: skip
IGNORED = Form(
    "ignored-lists", "{subject} ignores the lists of models in {path}: {lists}",
    "From v4.8.20 on FastGPT keeps its models in MongoDB. An edit of these lists changes nothing.",
    "manage the models on FastGPT's own pages", "info",
    advice="Log in to FastGPT as root and edit the models there: account, model providers.\n"
    "Take the lists out of {path}, so that nobody looks for models there.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT in a container whose models are known, or could not be read where they lie."""
    for party in parties(snapshot):
        if party.role != "fastgpt" or not party.runs or party.env.get("PRO_URL"):
            continue  # PRO_URL: the database of the commercial edition counts before the file
        service = service_of(snapshot, party.place)
        version = release((service.version if service else None) or version_of("fastgpt", party.container.image))
        paths = [m.source for m in party.container.mounts if posixpath.normpath(m.target) == CONFIG]
        file = next((one for one in snapshot.json_files if one.path in paths), None)
        models = tuple(wanted(party.container, snapshot))
        kept = kept_models(party.container, snapshot)
        if in_mongodb(version) or (kept is not None and kept.answer.models):
            ignored = _ignored(party, file, fact_of(snapshot, file.path)) if file is not None else None
            told = _unread(party, kept) or _compared(party, models, None)
        else:
            ignored = None
            told = _compared(party, models, file) if file is not None else None
        yield from (one for one in (ignored, told) if one is not None and not (ignored and isinstance(one, Fine)))


def _unread(party: Party, kept: DatabaseState | None) -> Unknown | None:
    """Where MongoDB was asked for the models and told none: what is wrong with it the checks of MongoDB tell."""
    if kept is None or kept.answer.models is not None or kept.accepted is False:
        return None
    title = _("Whether the models of {subject} have channels cannot be told", subject=party.subject)
    why = _("they lie in MongoDB, which did not tell them: {said}", said=kept.answer.said)
    return Unknown(party.subject, title, why)


def _ignored(party: Party, file: JsonFact, fact: FileFact | None) -> Case[None] | None:
    lists = [name for name in LISTS if name in file.keys]
    if not lists:
        return None
    container = party.container
    made = container.created_at or container.started_at
    edited = fact is not None and fact.mtime is not None and made is not None and fact.mtime > made
    rows = [Evidence(_("lists"), ", ".join(lists), file.path), Evidence(_("release"), container.image, party.source)]
    if edited:
        rows.append(Evidence(_("edited"), _("after {container} was made", container=container.name), file.path))
    words = {"path": file.path, "lists": ", ".join(lists)}
    return Case(party.subject, IGNORED, None, tuple(rows), words, "warning" if edited else "info")


def _compared(party: Party, models: tuple[GatewayOffer, ...], file: JsonFact | None) -> Found | None:
    """``file``: where the models stand; None for those in MongoDB."""
    lacking = [one for one in models if _lacks(one)]
    known = [one for one in models if one.channels is not None or one.listed is not None]
    if not known:
        return None
    if not lacking:
        return Fine(
            party.subject,
            _(
                "{gateway} has channels for the models of {party}",
                gateway=known[0].gateway.name,
                party=party.subject,
            ),
        )
    names = list(dict.fromkeys(one.offer.model for one in lacking))
    more = _(" and {count} more", count=len(names) - SHOWN) if len(names) > SHOWN else ""
    gateway = lacking[0].gateway.service or lacking[0].gateway.name
    words = {"models": ", ".join(names[:SHOWN]) + more, "gateway": gateway, "service": party.called}
    words |= {"path": file.path} if file is not None else {}
    rows = tuple(_row(one) for one in lacking[:SHOWN])
    empty = not lacking[0].names
    forms = (MISSING_KEPT, EMPTY_KEPT) if file is None else (MISSING, EMPTY)
    form = UNPROXIED if lacking[0].is_proxy else forms[empty]
    severity = "info" if empty or put_away(party.container) else severity_of(lacking, known)
    return Case(party.subject, form, None, rows, words, severity)


def _lacks(one: GatewayOffer) -> bool:
    """Whether no channel has it: a channel of another group is fastgpt.token's, one that went off oneapi.channel's."""
    if one.off is not None and one.off.status == BY_ITSELF:
        return False
    return not one.channels if one.channels is not None else one.listed is False


def _row(one: GatewayOffer) -> Evidence:
    model = one.offer.model
    near = [name for name in one.names if name.lower() == model.lower()]
    near = near or get_close_matches(model, sorted(one.names), 1, 0.6)
    where = _("in channel {id}, which is switched off", id=one.off.id) if one.off is not None else _("in no channel")
    value = f"{model}: {where}" + (_("; {near} may be meant", near=near[0]) if near else "")
    return Evidence(one.offer.kind, value, one.offer.place)


CHECK = Check(
    "fastgpt.models", "FastGPT's models have channels", __doc__ or "",
    (MISSING, EMPTY, MISSING_KEPT, EMPTY_KEPT, UNPROXIED, IGNORED), find, by_hand,
    reads=("containers", "projects", "services", "oneapis", "json_files", "files", "edges", "servers", "databases"),
)  # fmt: skip
