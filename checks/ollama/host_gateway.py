"""A container asks for host.docker.internal, and on Linux nobody knows that name.

What it does
    Looks at every container that has an address with ``host.docker.internal`` in its environment, or that is set up
    with one in a configuration file or a channel, and at its extra hosts. Docker Desktop and OrbStack resolve the name
    by themselves, and so may an alias in the container's network: there it is no finding.

Why it matters
    Tutorials are written on Docker Desktop. On Linux the name does not exist inside a container until it is given one:
    the request ends with ``getaddrinfo ENOTFOUND host.docker.internal``, and LibreChat, Open WebUI, One API or FastGPT
    show a connection error that says nothing of a name.

Fix
    Adds ``extra_hosts: ["host.docker.internal:host-gateway"]`` for that one service to the override file and recreates
    it. Whether the server on the host listens for containers is another question: ollama.bind.

Sources
    Docker Engine 20.10 release notes (host-gateway); LibreChat's docker-compose.yml, which has the line; FastGPT's and
    One API's issues on localhost and host.docker.internal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...console.fix.steps import SetServiceKeys
from ...console.model import Container, EngineInfo
from ...console.products.dockerd import is_desktop, is_podman
from ...console.products.gateways import names_of, release, share_network
from ...console.products.model_users import is_server_variable
from ...console.text import N_, _
from ...console.text.cleaning import clean_line
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Placed, bring_up, put_away, severity_of
from ..parties import Party, in_files, parties

NAME = "host.docker.internal"
GATEWAY = "host-gateway"
SETTINGS = N_("settings of the stack")
SINCE = (20, 10)
"""The first Engine that knows ``host-gateway`` (its release notes)."""
_ADDRESS = re.compile(rf"(?:^|[/@;,\s\"'=]){re.escape(NAME)}(?=$|[:/;,\s\"'])", re.IGNORECASE)
_NO_USE = re.compile(
    r"no_proxy|(?:^|_)(?:allowed|trusted)_?(?:hosts|origins|addresses)|^(?:HOSTNAME|HOME|PATH|PWD)$", re.IGNORECASE
)
_OWN = re.compile(r"_(?:HOST(?:NAME)?|DOMAIN|(?:BASE_|PUBLIC_|SITE_|EXTERNAL_)?URL)(?:_BROWSER)?$")
"""Ends of the variables by which a program is told its own address, as browsers see it: AUTHENTIK_HOST, N8N_HOST."""
_CHOICE = re.compile(r"(?:_TYPE|_STORE|_PROVIDER|_BACKEND|_ENGINE)$")
_MACHINES = re.compile(r"^(?:lima-|colima|docker-desktop|orbstack)", re.IGNORECASE)


MISSING = Form(
    "missing",
    f"{{subject}} asks for {NAME}, which it cannot resolve",
    f"On Linux {NAME} is no name inside a container unless the container is given it as an extra host.",
    f"add {NAME}:{GATEWAY} to its extra hosts and recreate it",
)
NOT_RECREATED = replace(
    MISSING, id="not-recreated", fix="recreate the service from its compose files",
    because=f"{MISSING.because} The compose file does so by now, but the container was made before.",
)  # fmt: skip
BY_HAND = {
    form.id: replace(form, fix="give it the name by hand", variant="by-hand") for form in (MISSING, NOT_RECREATED)
}


@dataclass(frozen=True)
class Nameless:
    """A container that cannot resolve the name."""

    place: Placed
    engine: EngineInfo | None
    """None before anything runs."""

    @property
    def refusal(self) -> str | None:
        """Why it cannot be given the name here."""
        numbers = release(self.engine.version) if self.engine else None
        if numbers is not None and numbers < SINCE:
            return _(
                "Docker {version} does not know {gateway}, which came with 20.10.",
                version=self.engine.version if self.engine else "",
                gateway=GATEWAY,
            )
        return compose.refusal(self.place, _(": make it anew with the setting."))


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that asks for the name, and each service of a folder that will."""
    for party in parties(snapshot):
        asked = uses(party, party.place, snapshot)
        if asked and party.runs:
            yield _judge(party.container, party.place, asked, snapshot)
        elif asked and snapshot.engine is None and not snapshot.containers:
            yield _declared(party, party.place, asked, snapshot)


def uses(party: Party, place: Placed, snapshot: Snapshot) -> tuple[Evidence, ...]:
    """Where the container has the name as an address.

    Of an env file that several services share only what is known to be read counts, as an address of a model server.
    """
    container = party.container
    names = {container.name, container.service}
    users = (user for server in snapshot.servers for user in server.users if user.service in names)
    followed = [clean_line(user.who, 120) for user in users if _ADDRESS.search(user.address or "")]
    rows = []
    for variable in container.env:
        if not _ADDRESS.search(variable.value) or _NO_USE.search(variable.name) or _is_own(variable.name, container):
            continue
        who = clean_line(f"{container.name}, {variable.name}")
        known = who in followed or (not party.runs and is_server_variable(variable.name))
        if (known or not _from_env_file(place, variable.name)) and not _unused(variable.name, party.env):
            rows.append(Evidence(variable.name, NAME, party.source))
    own = f"{container.name}, "
    rows += [Evidence(who, NAME, _(SETTINGS)) for who in followed if not who.startswith(own)]
    named = in_files(party, snapshot)
    rows += [Evidence(f"{one.key} of {one.whose}", NAME, source) for source, one in named if one.host.lower() == NAME]
    return tuple(dict.fromkeys(rows))


def _is_own(name: str, container: Container) -> bool:
    """Whether it is the address of the program itself, which it gives to browsers and does not ask."""
    whose = _OWN.sub("", name).lower()
    return whose != name.lower() and whose in re.split(r"\W+", f"{container.image} {container.service}".lower())


def _unused(name: str, env: Mapping[str, str]) -> bool:
    """Whether another product is chosen in its place: ``MILVUS_URI`` beside ``VECTOR_STORE: weaviate``, as in Dify."""
    mine = name.partition("_")[0].lower()
    chosen = {value.lower() for key, value in env.items() if _CHOICE.search(key)}
    others = {other for other in chosen if any(key.startswith(f"{other.upper()}_") for key in env)}
    return bool(others) and mine not in chosen and not is_server_variable(name)


def _declared(party: Party, place: Placed, asked: tuple[Evidence, ...], snapshot: Snapshot) -> Found:
    """Before anything runs: on Linux only an extra host gives the name."""
    name = party.subject
    if any(_names_it(entry) for entry in party.container.extra_hosts):
        return Fine(name, _("{name} will know {name2}: it is one of its extra hosts", name=name, name2=NAME), asked)
    if _MACHINES.match(snapshot.host.name) or (snapshot.host.os or "").startswith(("Darwin", "macOS", "Windows")):
        return _unknown(
            name, _("Docker Desktop resolves the name by itself, and which Engine there is cannot be told here")
        )
    if (party.container.network_mode or "").startswith(("service:", "container:")):
        return _unknown(name, _("it shares another container's network, whose names count"))
    rows = (*asked, Evidence(_("extra hosts"), ", ".join(party.container.extra_hosts) or "none", party.source))
    return Case(name, MISSING, Nameless(place, None), rows)


def _from_env_file(place: Placed, name: str) -> bool:
    """Whether a variable comes out of an env file and nothing in the service's own lines names it."""
    declared = place.declared
    if declared is None or not declared.env_files or name in declared.named:
        return False
    return any(variable.name == name for variable in declared.env)


def _judge(container: Container, place: Placed, asked: tuple[Evidence, ...], snapshot: Snapshot) -> Found:
    name, engine = container.name, snapshot.engine
    known = _known(container, snapshot)
    if known is not None:
        return Fine(name, _("{name} knows {name2}: {known}", name=name, name2=NAME, known=known), asked)
    if engine is None or not engine.os:
        return _unknown(
            name, _("the Engine does not tell whether it is Docker Desktop, which resolves the name by itself")
        )
    if (container.network_mode or "").startswith("container:"):
        return _unknown(name, _("it shares another container's network, whose names count"))
    if any(mount.target == "/etc/hosts" for mount in container.mounts):
        return _unknown(name, _("a file of yours is mounted as its /etc/hosts, and may well name it"))
    nameless, declared = Nameless(place, engine), place.declared.extra_hosts if place.declared else ()
    form = NOT_RECREATED if any(_names_it(one) for one in declared) else MISSING
    rows = (
        *asked, Evidence(_("extra hosts"), ", ".join(container.extra_hosts) or "none", f"docker inspect {name}"),
        Evidence(_("Engine"), f"{engine.version} on {engine.os}", engine.address),
    )  # fmt: skip
    return Case(
        name, BY_HAND[form.id] if nameless.refusal else form, nameless, rows,
        severity=severity_of(container, "error" if _meant(place, asked) else "warning"),
    )  # fmt: skip


def _meant(place: Placed, asked: tuple[Evidence, ...]) -> bool:
    """Whether somebody wrote the name down here, and not only the maker of the image."""
    if place.declared is None:
        return True
    names = {variable.name for variable in place.declared.env}
    return any(row.label in names or not row.source.startswith("docker inspect") for row in asked)


def _known(container: Container, snapshot: Snapshot) -> str | None:
    """Why the name can be resolved; None where nothing speaks for it."""
    if any(_names_it(entry) for entry in container.extra_hosts):
        return _("it is one of its extra hosts")
    engine = snapshot.engine
    if engine is not None and is_podman(engine):
        return _("Podman resolves it")
    if engine is not None and is_desktop(engine):
        return _("{os} resolves it", os=engine.os or _("this Engine"))
    if _MACHINES.match(snapshot.host.name):
        return _("{host} resolves it", host=snapshot.host.name)
    for other in snapshot.containers:
        if NAME in names_of(other) and other.id != container.id and share_network(container, other):
            return _("{other} has it as a name in a common network", other=other.name)
    return None


def _names_it(entry: str) -> bool:
    return re.split("[:=]", entry)[0].lower() == NAME


def _unknown(name: str, why: str) -> Unknown:
    return Unknown(name, _("Whether {name} can resolve {name2} is not known", name=name, name2=NAME), why)


def plan(case: Case[Nameless], _answers: Answers) -> Plan:
    """The extra host in the override, then the service anew."""
    place, why = case.facts.place, case.facts.refusal
    if why is not None:
        return manual(
            why,
            _(
                "By hand: `docker run --add-host {name}:{gateway}`, or write the machine's own address in the LAN "
                "in place of the name.",
                name=NAME,
                gateway=GATEWAY,
            ),
        )
    becomes = compose.left_so(place) or _(
        "{place} is recreated: what it is doing is cut off. Its data stay.", place=place.subject
    )
    if place.container is None:
        becomes = _("Nothing of {place} runs yet: only a file is written.", place=place.subject)
    listens = _(
        "The server on the host has to listen for containers too (ollama.bind), and its firewall has to let them in.",
    )
    end = bring_up(place, force=True, start=not put_away(place.container))
    if case.form is NOT_RECREATED and end is not None:
        return repair(
            end, says=(becomes, listens), restarts=(place.service or "",), lock=place.directory, deadline=90.0
        )
    engine = case.facts.engine
    rootless = _("The Engine runs rootless: the name then leads into its own namespace, and often not to the host.")
    return compose.edit_override(
        place, SetServiceKeys(place.service or "", extra_hosts=((NAME, GATEWAY),)), becomes, listens,
        _("Undo takes the name out again and recreates the service."), rootless if engine and engine.rootless else None,
    )  # fmt: skip


CHECK = Check(
    "ollama.host-gateway", f"Containers that ask for {NAME} can resolve it", __doc__ or "",
    (MISSING, NOT_RECREATED, *BY_HAND.values()), find, plan,
    reads=("host", "engine", "containers", "projects", "servers", "config_verdicts"),
)  # fmt: skip
