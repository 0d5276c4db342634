"""LibreChat's own addresses: where it listens, what it calls itself, and lines of its .env that do nothing.

What it does
    Reads HOST as the container has it: with a loopback address the server listens inside its container only. Compares
    .env with the environment that the compose file gives, because .env never replaces that: a MONGO_URI, MEILI_HOST or
    RAG_API_URL of your own in .env has no effect. Looks at DOMAIN_CLIENT and DOMAIN_SERVER: an address needs http:// or
    https://, and both have to be addresses that people can open. Values of upstream's example file are left alone.

Why it matters
    With HOST=localhost the published port accepts and hangs up. A value in .env that does nothing is looked for in
    vain, because the file is right. Links in mails and logins through other services are built from DOMAIN_*.

Fix
    HOST is set to 0.0.0.0 in the override file, and the service recreated. The others are explained: where the value
    has to stand, because only you know which of two values is meant.

Sources
    LibreChat api/server/index.js (dotenv does not overwrite), Dockerfile (HOST), .env.example and docker-compose.yml of
    v0.7.2 to v0.8.7; librechat.ai issues 27 and 300.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.fix.plan import Plan
from ...console.fix.steps import SetServiceKeys
from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import LOOPBACK, connections
from ...console.products.librechat.env import is_local
from ...console.settings import Settings
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Fine, Form, Found, Unknown, manual
from ..compose import placed
from .process import ApiProcess, api_of

DOMAINS = ("DOMAIN_CLIENT", "DOMAIN_SERVER")
SHIPPED = {
    "MONGO_URI": "mongodb://127.0.0.1:27017/LibreChat", "MEILI_HOST": "http://0.0.0.0:7700",
    "RAG_API_URL": "http://host.docker.internal:8000",
}  # fmt: skip
"""What upstream's .env.example has for a server without Docker; with Docker the compose file replaces it, as meant."""
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|\[?::1\]?", re.IGNORECASE)

LISTENS = Form(
    "listens-inside", "{subject} can only be reached from inside its container, because HOST is {host}",
    "LibreChat listens at the address in HOST. A loopback address belongs to the container alone, so the published port"
    " leads nowhere.",
    "set HOST=0.0.0.0 for {service} in the override file",
)  # fmt: skip
SHADOWED = Form(
    "shadowed", "{names} in .env has no effect on {subject}",
    "The compose file sets {names} too. LibreChat reads .env only for variables that its container does not have.",
    "write the value in one place: .env or the compose file", "warning",
    advice="The compose file's value is used now. Keep it, and delete the line in {path}.\n"
    "Or use the value of .env: write it under environment of {service} in docker-compose.override.yml.\n"
    "Then: docker compose up -d {service}",
)  # fmt: skip
NO_SCHEME = Form(
    "no-scheme", "{names} of {subject} does not begin with http:// or https://",
    "LibreChat builds links and login addresses from it as it stands. Without a scheme browsers cannot open them.",
    "write http:// or https:// in front of it", "warning",
    advice="Write http:// or https:// in front of {names} in {path}, as people type it.\n"
    "Then: docker compose restart {service}",
)  # fmt: skip
LOCAL_CLIENT = Form(
    "local-client", "DOMAIN_CLIENT of {subject} is this machine only, DOMAIN_SERVER is not",
    "Links in mails and the way back from a login with another service lead to localhost of whoever opens them.",
    "give both the address that people type", "info",
    advice="Set DOMAIN_CLIENT in {path} to the address that people type.\n"
    "Then: docker compose restart {service}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat that runs in a container, or will."""
    for place in placed(snapshot, "librechat"):
        api = api_of(place, snapshot)
        cases = list(_cases(api))
        yield from cases
        if not cases and api.dotenv is None:
            title = _("Cannot say whether the addresses in LibreChat's .env are right ({place})", place=place.subject)
            yield Unknown(place.subject, title, _("its .env cannot be read from here"))
        elif not cases:
            yield Fine(
                place.subject,
                _("{place} listens for others, and its .env has no line without effect", place=place.subject),
            )


def _cases(api: ApiProcess) -> Iterator[Case[ApiProcess]]:
    place, host = api.place, api.inside.get("HOST", "").strip()
    on_host = place.told_by is not None and place.told_by.network_mode == "host"
    if _LOOPBACK.fullmatch(host) and not on_host:
        yield _case(LISTENS, api, (Evidence("HOST", host, api.inspected),), host=host)
    dotenv = api.dotenv or {}
    names = sorted(name for name in SHIPPED if name in dotenv and _shadowed(api, name, dotenv))
    if names:
        rows = [Evidence(name, _("another value than in .env"), api.inspected) for name in names]
        yield _case(SHADOWED, api, tuple(rows), names=", ".join(names))
    domains = {name: given.value.strip() for name in DOMAINS if (given := api.given(name)) and given.value}
    bare = [name for name, value in domains.items() if value and not re.match(r"https?://", value, re.IGNORECASE)]
    if bare:
        rows = [Evidence(name, domains[name], api.set_in(name)) for name in bare]
        yield _case(NO_SCHEME, api, tuple(rows), names=", ".join(bare))
    elif len(domains) == len(DOMAINS) and is_local(domains[DOMAINS[0]]) and not is_local(domains[DOMAINS[1]]):
        rows = [Evidence(name, value, api.set_in(name)) for name, value in domains.items()]
        yield _case(LOCAL_CLIENT, api, tuple(rows))


def _shadowed(api: ApiProcess, name: str, dotenv: Mapping[str, str]) -> bool:
    """Whether the compose file's own line replaces a value that somebody wrote into .env."""
    declared = api.place.declared
    if declared is None or name not in declared.named or not dotenv[name] or dotenv[name] == SHIPPED[name]:
        return False
    if any(to.host in LOOPBACK for to in connections(dotenv[name])):
        return False  # for a server without Docker, whatever the database is called
    ours = {one.name: one.value for one in declared.env}.get(name)
    return ours != dotenv[name] and api.inside.get(name) == ours  # an older container: librechat.not-applied


def _case(form: Form, api: ApiProcess, rows: tuple[Evidence, ...], **words: str) -> Case[ApiProcess]:
    told = {"service": api.place.service or "api", "path": api.dotenv_path or api.env_file or ".env", **words}
    severity = compose.severity_of(api.place.container, form.severity)
    return Case(api.place.subject, form, api, rows, told, severity)


def plan(case: Case[ApiProcess], _answers: Answers) -> Plan:
    """HOST in the override file; of the others what to write where."""
    place = case.facts.place
    if case.form is not LISTENS:
        return manual(*case.advice)
    refused = compose.refusal(place, _(": start it again with HOST=0.0.0.0."))
    if refused:
        return manual(refused)
    becomes = compose.left_so(place) or _(
        "{place} is recreated: answers being written are cut off.", place=place.subject
    )
    return compose.edit_override(
        place, SetServiceKeys(place.service or "", environment=(("HOST", "0.0.0.0"),)),  # noqa: S104 - of a container
        becomes if place.container else _("Nothing of this service has been started: only a file is written."),
        _("Who reaches LibreChat is decided by the published port, not by HOST."),
    )  # fmt: skip


CHECK = Check(
    "librechat.env", "LibreChat's own addresses are right", __doc__ or "", (LISTENS, SHADOWED, NO_SCHEME, LOCAL_CLIENT),
    find, plan, reads=("containers", "projects", "services", "files"),
)  # fmt: skip
