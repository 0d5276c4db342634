"""The gateway refuses the key that FastGPT sends: unknown, disabled, expired, used up, or of a user who is shut out.

What it does
    Takes the one key that FastGPT sends, by its own precedence (AIPROXY_API_TOKEN before CHAT_API_KEY), and what the
    stack's One API answers to it: stackops asks /v1/models with that key once a minute, which costs nothing. Where One
    API's database can be read, the token of the key is looked up there: New API says the same of every token that it
    refuses, and neither of them says that a user has no quota left. For AI Proxy the key is compared with ADMIN_KEY,
    before the first start too. Of a gateway on another machine only FastGPT's own log tells. Keys are never shown.

Why it matters
    Every chat, embedding and knowledge base fails with 401, while all services run and FastGPT's pages open. The
    message in the browser does not say which key is meant, nor where it stands.

Fix
    Explained: where the key stands and where a good one is found. Only you know which token is meant for FastGPT.

Sources
    one-api middleware/auth.go and model/token.go of v0.5.10, v0.6.1, v0.6.7 and main; FastGPT
    packages/service/core/ai/config.ts, its issues 1730 and 4106; AI Proxy's ADMIN_KEY in FastGPT's compose files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from ...console.model import KeyAnswer, LogMark, OneApiState, OneApiToken, Snapshot
from ...console.model.findings import Evidence
from ...console.products.edges import CONFIG
from ...console.products.gateways import Gateway, gateway_of, leads_to, token_left
from ...console.products.versions import version_of
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import duration
from .. import compose
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..parties import Party, parties
from .offered import severity_of, wanted

SHOWN = 6
RECENT = 600.0
"""Seconds for which a refusal in the log of FastGPT counts, where its gateway cannot be asked."""

_WRITE = (
    "Write its key, with sk- before it, into {variable} of {service}: {place}\n"
    "Then: docker compose up -d {service}. A restart does not read it anew."
)
_PAGE = "On One API's page of tokens (令牌)"
UNKNOWN = Form(
    "unknown-key", "{gateway} does not know the key that {subject} sends: {variable}",
    "No token of {gateway} has this key, so every request of {subject} is refused with 401.",
    "write the key of one of its tokens into {variable}",
    advice=f"{_PAGE} choose a token that is enabled, or make one.\n{_WRITE}\n"
    "sk-fastgpt is known only where INITIAL_ROOT_TOKEN was fastgpt at One API's very first start.",
)  # fmt: skip
CUT = Form(
    "cut-key", "{gateway} reads only a part of the key that {subject} sends: {variable}",
    "Of a key One API takes what stands between sk- and the next hyphen, and this one has more hyphens.",
    "use a key without hyphens", advice=f"{_PAGE} make a token. Its key has no hyphen.\n{_WRITE}",
)  # fmt: skip
DISABLED = Form(
    "disabled", "{gateway} refuses {subject}: the token of its key is disabled",
    "The key in {variable} is known, and somebody disabled its token.", "enable the token",
    advice=f"{_PAGE} enable the token of this key. Nothing has to be restarted.\nOr choose another one. {_WRITE}",
)  # fmt: skip
EXPIRED = Form(
    "expired", "{gateway} refuses {subject}: the token of its key has expired",
    "The key in {variable} is known, and its time is over.", "give the token a later date, or none",
    advice=f"{_PAGE} edit the token of this key: a later date, or never. Then enable it.",
)  # fmt: skip
USED_UP = Form(
    "used-up", "{gateway} refuses {subject}: the quota of its token is used up",
    "The key in {variable} is known, and nothing is left of the quota of its token.", "give the token more quota",
    advice=f"{_PAGE} edit the token of this key: more quota, or unlimited. Then enable it.",
)  # fmt: skip
BANNED = Form(
    "banned", "{gateway} refuses {subject}: the user of its key is disabled",
    "The key in {variable} is known, and the user whom it belongs to is disabled.", "enable the user",
    advice="On One API's page of users (用户) enable the user whom the token belongs to.",
)  # fmt: skip
NO_QUOTA = Form(
    "user-used-up", "The user of the key that {subject} sends to {gateway} has no quota left",
    "The token in {variable} is good, but One API takes the quota of its user too, also for a token without a limit. "
    "Requests that cost anything are refused with 403.", "give the user more quota", "warning",
    advice="On One API's page of users (用户) edit the user whom the token belongs to: more quota.",
)  # fmt: skip
REFUSED = Form(
    "refused", "{gateway} refuses the key that {subject} sends: {variable}", "It says: {said}",
    "correct the key in {variable}", advice=f"{_PAGE} see which token this key belongs to.\n{_WRITE}",
)  # fmt: skip
NOT_ADMIN = Form(
    "not-admin-key", "{variable} of {subject} is not the ADMIN_KEY of {gateway}",
    "FastGPT reads the models and channels of AI Proxy with {variable}, which AI Proxy takes for that only where it is "
    "its ADMIN_KEY.",
    "write the same key in both places",
    advice="{variable} of {service} and ADMIN_KEY of {gateway} have to be the same: {place}\n"
    "Change one of them, then: docker compose up -d {service}",
)  # fmt: skip
NOT_ALLOWED = Form(
    "not-allowed", "The key of {subject} may not use models that {gateway} has channels for: {models}",
    "Their channels are of the group {groups}. The user of the key in {variable} is of another group, or its token is "
    "limited to other models.",
    "put the user of the key, or the channels, into the right group", "warning",
    advice="On One API's page of channels (渠道) add the group of the key's user, usually default."
    f"\n{_PAGE} see whether the token is limited to some models.\n"
    "With MEMORY_CACHE_ENABLED restart One API after the last change of a channel.",
)  # fmt: skip
ELSEWHERE = Form(
    "refused-elsewhere", "{gateway} has refused the key of {subject}: {said}",
    "The log of {subject} has said so {ago} ago. The gateway is not on this machine and was not asked.",
    "correct the key in {variable}", "warning",
    advice="See in {gateway} whether the key is known, enabled and has quota left.\n"
    "Write a good one into {variable} of {service}: {place}\nThen: docker compose up -d {service}",
)  # fmt: skip
FORMS = (UNKNOWN, CUT, DISABLED, EXPIRED, USED_UP, BANNED, NO_QUOTA, REFUSED, NOT_ADMIN, NOT_ALLOWED, ELSEWHERE)
WORDS: tuple[tuple[re.Pattern[str], Form], ...] = (
    (re.compile(r"无效的令牌|[Ii]nvalid token"), UNKNOWN),
    (re.compile(r"状态不可用|token status"), DISABLED),
    (re.compile(r"已过期|expired"), EXPIRED),
    (re.compile(r"额度已用尽|exhausted"), USED_UP),
    (re.compile(r"已被封禁|banned"), BANNED),
)
"""What the gateway says of a key. fact: one-api model/token.go, middleware/auth.go; new-api has the same in English"""
NOT_CHECKED = re.compile(r"令牌验证失败|指定网段")
"""It could not look the key up, or takes it from other addresses than the one that stackops asks from."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT that sends a key to a gateway."""
    everybody = parties(snapshot)
    for party in (one for one in everybody if one.role == "fastgpt"):
        gateway = gateway_of(party.env, version_of("fastgpt", party.container.image))
        key = (gateway.key or "").strip() if gateway else ""
        if gateway is None or not key or "$" in key or key[0] in "'\"" or token_left(party.env):
            continue  # no key, one that is not known, or what wiring.quotes and fastgpt.gateway-shadowed tell
        found = _judge(party, gateway, everybody, snapshot)
        if found is not None:
            yield found


def _judge(party: Party, gateway: Gateway, everybody: tuple[Party, ...], snapshot: Snapshot) -> Found | None:
    target = next((one for one in everybody if leads_to(gateway.url, party.container, one.container)), None)
    if target is not None and target.role == "aiproxy":
        return _beside_admin_key(party, gateway, target)
    if target is None:
        return _by_log(party, gateway, snapshot) if party.runs else None
    state = next((one for one in snapshot.oneapis if one.container == target.container.id), None)
    if not party.runs or state is None or state.trouble == "no-address":
        return None
    answer = next((one for one in state.keys if one.client == party.container.id), None)
    if answer is None:
        return _unknown(party, state.sentence or _("{target} was not asked with it yet", target=target.called))
    return _by_answer(party, gateway, target, state, answer, snapshot)


def _by_answer(
    party: Party, gateway: Gateway, target: Party, state: OneApiState, answer: KeyAnswer, snapshot: Snapshot
) -> Found:  # fmt: skip
    """What the gateway itself said to the key."""
    said = answer.said or ""
    if answer.trouble is None:
        fine = Fine(party.subject, _("{target} takes the key of {party}", target=target.called, party=party.subject))
        token = answer.token
        if token is not None and token.user_quota is not None and token.user_quota <= 0:
            return _case(NO_QUOTA, party, gateway, target.called, (_token_row(token),), {})
        return _not_allowed(party, gateway, target, snapshot) or fine
    found = _looked_up(party, gateway, target, state, answer, snapshot)
    if found is not None:
        return found
    if answer.trouble != "wrong-key":
        return _unknown(
            party, _("{target} gave no usable answer to it: {trouble}", target=target.called, trouble=answer.trouble)
        )
    if not said or NOT_CHECKED.search(said):
        return _unknown(
            party,
            _(
                "{target} refuses it, but does not say that the key is wrong: {said}",
                target=target.called,
                said=said or "401",
            ),
        )
    if _set_elsewhere(party, snapshot):
        return _unknown(
            party, _("{variable} is refused, and FastGPT has settings that count before it", variable=answer.variable)
        )
    form = next((form for words, form in WORDS if words.search(said)), REFUSED)
    row = Evidence(_("answer"), said, f"GET {state.address}/v1/models with {answer.variable} of {party.subject}")
    more = tuple(_known_tokens(state)) if form is UNKNOWN else ()
    form = _not_known(gateway) if form is UNKNOWN else form
    return _case(form, party, gateway, target.called, (row, *more), {"said": said})


def _looked_up(
    party: Party, gateway: Gateway, target: Party, state: OneApiState, answer: KeyAnswer, snapshot: Snapshot
) -> Found | None:  # fmt: skip
    """What the database says of a key that its One API refuses, or of which that gave no usable answer."""
    token, refused = answer.token, answer.trouble == "wrong-key"
    if not answer.compared or (token is None and refused) or _set_elsewhere(party, snapshot):
        return None
    if token is None:
        return _case(_not_known(gateway), party, gateway, target.called, tuple(_known_tokens(state)), {})
    form = _wrong_with(token, snapshot.taken_at)
    if form is None:
        words = {"target": target.called, "party": party.subject}
        return None if refused else Fine(party.subject, _("The database of {target} has the key of {party}", **words))
    return _case(form, party, gateway, target.called, (_token_row(token),), {})


def _wrong_with(token: OneApiToken, now: float) -> Form | None:
    """Why a One API refuses it, in its order. fact: one-api model/token.go and middleware/auth.go."""
    if token.status == 4 or (token.status == 1 and token.quota is not None and token.quota <= 0):
        return USED_UP
    if token.status == 3 or (token.status == 1 and token.expires_at is not None and token.expires_at < now):
        return EXPIRED
    if token.status != 1:
        return DISABLED
    return BANNED if token.user_status not in (None, 1) else None


def _not_known(gateway: Gateway) -> Form:
    return CUT if "-" in (gateway.key or "").strip().removeprefix("sk-") else UNKNOWN


def _known_tokens(state: OneApiState) -> Iterator[Evidence]:
    if state.tokens is not None:
        names = [f"{one.name} (#{one.id})" for one in state.tokens if one.status == 1]
        yield Evidence(_("known and enabled"), ", ".join(names[:SHOWN]) or "none", _("table tokens of its database"))


def _token_row(token: OneApiToken) -> Evidence:
    told = _("{name} (#{id}), group {group}", name=token.name, id=token.id, group=token.group or "-")
    return Evidence(_("known as"), told, _("table tokens of its database"))


def _not_allowed(party: Party, gateway: Gateway, target: Party, snapshot: Snapshot) -> Case[None] | None:
    """Models that have a channel, and are not listed for this key."""
    models = tuple(wanted(party.container, snapshot))
    known = [one for one in models if one.listed is not None]
    kept = [one for one in known if one.channels and not one.listed]
    if not kept:
        return None
    names = ", ".join(dict.fromkeys(one.offer.model for one in kept[:SHOWN]))
    groups = ", ".join(dict.fromkeys(group for one in kept for each in one.channels or () for group in each.groups))
    rows = tuple(Evidence(one.offer.kind, _("{model}: not listed for this key", model=one.offer.model), one.offer.place)
                 for one in kept[:SHOWN])  # fmt: skip
    keys = (key for one in kept for key in one.state.keys if key.client == party.container.id and key.token)
    rows += tuple(_token_row(key.token) for key in keys if key.token is not None)[:1]
    found = _case(NOT_ALLOWED, party, gateway, target.called, rows, {"models": names, "groups": groups or "none"})
    return replace(found, severity=compose.severity_of(party.container, severity_of(kept, known)))


def _set_elsewhere(party: Party, snapshot: Snapshot) -> bool:
    """Whether address or key may stand in config.json, or in the database of the commercial edition."""
    paths = [mount.source for mount in party.container.mounts if posixpath.normpath(mount.target) == CONFIG]
    files = (one for one in snapshot.json_files if one.path in paths)
    return bool(party.env.get("PRO_URL")) or any(one.own_key or one.gateway for one in files)


def _beside_admin_key(party: Party, gateway: Gateway, target: Party) -> Found | None:
    own = target.env.get("ADMIN_KEY")
    if gateway.key_variable != "AIPROXY_API_TOKEN" or gateway.variable != "AIPROXY_API_ENDPOINT":
        return None  # AI Proxy makes further keys for what only asks models
    if not own or "$" in own:
        return None
    if own == gateway.key:
        return Fine(
            party.subject, _("{party} sends the ADMIN_KEY of {target}", party=party.subject, target=target.called)
        )
    rows = (Evidence(_("taken"), _("the ADMIN_KEY of {target}, another key", target=target.called), target.source),)
    return _case(NOT_ADMIN, party, gateway, target.called, rows, {})


def _by_log(party: Party, gateway: Gateway, snapshot: Snapshot) -> Case[None] | None:
    """A gateway that is not on this machine: nothing is sent there to find out."""
    marks = compose.marks_since_start(snapshot, party.container)
    said = next((mark for mark in reversed(marks) if mark.mark == "fastgpt.key-refused"), None)
    if said is None or said.at is None or snapshot.taken_at - said.at > RECENT:
        return None
    host = _host(gateway.url)
    words = {"said": said.text, "ago": duration(snapshot.taken_at - said.at)}
    return _case(ELSEWHERE, party, gateway, host, (_line(said, party),), words) if host else None


def _line(mark: LogMark, party: Party) -> Evidence:
    return Evidence("log", mark.text, f"docker logs {party.container.name}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _case(
    form: Form, party: Party, gateway: Gateway, target: str, rows: tuple[Evidence, ...], words: dict[str, str]
) -> Case[None]:  # fmt: skip
    variable = gateway.key_variable or ""
    row = Evidence(_("sent"), _("the key in {variable}", variable=variable), party.source)
    told = {"gateway": target, "variable": variable, "service": party.called, "place": _place(party, variable), **words}
    container = party.container if party.runs else None
    severity = compose.severity_of(container, form.severity)
    return Case(party.subject, form, None, (row, *rows), told, severity, about=variable)


def _place(party: Party, variable: str) -> str:
    """Where the variable is written, as far as the files tell."""
    declared = party.declared
    if declared is None or party.project is None:
        return party.set_in
    if variable not in declared.named and declared.env_files:
        return ", ".join(declared.env_files)
    files = [file.path for file in party.project.files if file.in_use]
    return ", ".join(files) or party.set_in


def _unknown(party: Party, why: str) -> Unknown:
    return Unknown(party.subject, _("Cannot say whether the key of {party} is good", party=party.subject), why)


CHECK = Check(
    "fastgpt.token", "FastGPT's gateway takes its key", __doc__ or "", FORMS, find, by_hand,
    reads=("containers", "projects", "oneapis", "json_files", "log_marks", "edges", "servers", "databases"),
    of=("fastgpt",),
)  # fmt: skip
