"""A database whose port is open to other machines, with a published password or with none.

What it does
    Looks at the ports that MongoDB, PostgreSQL, MySQL, Redis, MinIO and Meilisearch publish on other addresses than
    loopback, and at the password that they ask for: none at all, or one of upstream's example files. A port that is
    published on 127.0.0.1, or not at all, is fine whatever the password. With network_mode: host nothing is published:
    there it counts where the server itself listens.

Why it matters
    Ports that Docker publishes go past most firewalls on the machine itself, ufw among them. Open databases are found
    by scanners within hours, copied and emptied.

Fix
    Explained: write 127.0.0.1: in front of the port, or leave it out. Containers of one network need no published port.
    It is not written by a key, because a list of ports in an override file is only added to the one before it.

Sources
    Docker's manual, "Packet filtering and firewalls" and "Publishing ports"; comments in FastGPT's compose files;
    docker-library mongo (MONGO_INITDB_ROOT_USERNAME, --bind_ip_all), postgres (trust), mysql and redis
    (protected-mode);
    Redis Stack (REDIS_ARGS) and Meilisearch (config_file_path) by their manuals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...console.model import Role, Snapshot
from ...console.model.findings import Evidence
from ...console.products.mongo import option
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import open_ports
from ..librechat.default_secrets import PUBLIC as LIBRECHAT
from ..mongo.start import mongod_of
from ..parties import Party, parties, published
from ..wiring.address import PORTS

KINDS: dict[Role, str] = {
    "mongo": "MongoDB", "postgres": "PostgreSQL", "mysql": "MySQL", "redis": "Redis", "minio": "MinIO",
    "meilisearch": "Meilisearch",
}  # fmt: skip
_AUTH = re.compile(r"--(?:auth|keyFile|clusterAuthMode|config)\b|(?:^|\s)-f\s|security\.")
_NO_AUTH = re.compile(r"--noauth\b")
_OWN_FILE = re.compile(r"redis-server\s+(?!-)\S+|\.conf\b|--aclfile\b")
_MEILI_KEY = re.compile(r"--(?:master-key|config-file-path)\b")
_LOOPBACK_ONLY = re.compile(
    r"(?:--bind(?:_ip|-address)?|--address|--http-addr|listen_addresses)[=\s]+['\"]?(?:127\.|localhost|::1)[^\s,]*(?:\s|$)"
)
_FILE = re.compile(r"\.(?:conf|cnf|ini|toml|ya?ml)$")
_YES = ("yes", "true", "1")

OPEN = Form(
    "no-password", "Anybody can read and empty {subject}: {kind} asks for no password, and port {ports} is open",
    "The port is published on every address of this machine, and Docker's ports go past most firewalls.",
    "close the port: 127.0.0.1: in front of it, or leave it out",
    advice="In {source} write 127.0.0.1:{ports} in front of the port inside, or delete the line under ports.\n"
    "Containers in the same network reach it as {called} without a published port.\n"
    "Then: docker compose up -d {called}\n"
    "Look at the data: somebody may have been there.",
)  # fmt: skip
PUBLISHED = replace(
    OPEN, id="published-password", severity="warning",
    title="Anybody can log in to {subject}: its password is published, and port {ports} is open",
    because="The password is that of upstream's example file. Docker's ports go past most firewalls.",
    fix="close the port, or choose a password of your own",
)  # fmt: skip
_ON_HOST = {
    form.id: replace(
        form, variant="host-network", because="It uses the machine's own network, and listens on every address.",
        fix="let it listen on 127.0.0.1 alone, or put it into a network of Docker's",
        advice="In {source} let {called} listen on 127.0.0.1 alone, or take network_mode: host away and give it a "
        "network.\nThen: docker compose up -d {called}",
    )
    for form in (OPEN, PUBLISHED)
}  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each database that runs, or that the files would start."""
    for party in parties(snapshot):
        if party.role not in KINDS or party.container.state in ("exited", "dead"):
            continue
        told = party.container if party.runs else party.declared
        ports = sorted({number for _, number in open_ports(told)})
        form = _form(party) if ports or party.on_host else None
        bound = _bound(party) if form else False
        if bound and not party.on_host:
            form = None  # a published port leads to an address at which nobody listens
        if bound is None and party.on_host:
            why = _("it uses the machine's network, and a file of settings may say where it listens")
            yield Unknown(party.subject, _("Cannot say who can reach {party}", party=party.subject), why)
            continue
        if form and party.on_host:
            form, ports = None if bound else _ON_HOST[form.id], [_port(party)]
        if form is None:
            yield Fine(party.subject, _("{party} is not open to everybody", party=party.subject))
        else:
            yield _case(form, party, ports)


def _bound(party: Party) -> bool | None:
    """Whether it listens on loopback only; None where a file may say so. The images' own answer is every address.

    fact: docker-library mongo's entrypoint adds --bind_ip_all, which a script that starts mongod itself does not;
    docker-library redis has its protected mode switched off
    """
    env, words = party.env, " ".join((*party.container.entrypoint, *party.container.command))
    if _LOOPBACK_ONLY.search(words) or env.get("MEILI_HTTP_ADDR", "").startswith(("127.", "localhost")):
        return True
    if party.role == "mongo" and mongod_of(party.place).passed_by and "bind_ip" not in words:
        return True
    in_file = any(_FILE.search(one.target) or one.target.endswith("/conf.d") for one in party.place.mounts)
    return None if in_file or "--config" in words else False


def _port(party: Party) -> str:
    words = (*party.container.entrypoint, *party.container.command)
    return option("--port", words) or str(PORTS.get(party.role, (9000, ""))[0])


def _form(party: Party) -> Form | None:
    """How easy it is to get in; None where a password of its own is asked for, or that is not known."""
    if _no_password(party):
        return OPEN
    known = published(party)
    key = party.role == "meilisearch" and party.env.get("MEILI_MASTER_KEY") == LIBRECHAT["MEILI_MASTER_KEY"]
    return PUBLISHED if known or key else None


def _no_password(party: Party) -> bool:
    env, words = party.env, " ".join((*party.container.entrypoint, *party.container.command))
    if party.role == "mongo":
        user = any(name.startswith(("MONGO_INITDB_ROOT_USERNAME", "MONGODB_ROOT_")) for name in env)
        return _NO_AUTH.search(words) is not None or not (user or _AUTH.search(words))
    if party.role == "postgres":
        return env.get("POSTGRES_HOST_AUTH_METHOD") == "trust"
    if party.role == "mysql":
        given = any(env.get(name) for name in ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"))
        empty = (env.get(f"{name}_ALLOW_EMPTY_{which}PASSWORD", "") for name in ("MYSQL", "MARIADB")
                 for which in ("", "ROOT_"))  # fmt: skip
        return not given and any(value.lower() in _YES for value in empty)
    if party.role == "redis":
        own = (
            any("--requirepass" in one for one in (words, *env.values()))
            or _OWN_FILE.search(words)
            or any("PASSWORD" in name for name in env)
        )
        mounted = any(one.target.endswith(".conf") or one.target.startswith("/usr/local/etc/redis")
                      for one in party.place.mounts)  # fmt: skip
        return not own and not mounted
    key = env.get("MEILI_MASTER_KEY") or env.get("MEILI_CONFIG_FILE_PATH") or _MEILI_KEY.search(words)
    mounted = any(one.target.endswith("/config.toml") for one in party.place.mounts)
    return party.role == "meilisearch" and not key and not mounted


def _case(form: Form, party: Party, ports: list[str]) -> Case[None]:
    words = {
        "kind": KINDS[party.role], "ports": ", ".join(ports), "called": party.called,
        "source": party.place.files[0] if party.place.files else _("its docker run command"),
    }  # fmt: skip
    rows = [Evidence(_("published"), f"{address}:{number}", party.source)
            for address, number in open_ports(party.container if party.runs else party.declared)]  # fmt: skip
    if party.on_host:
        rows = [Evidence(_("listens on"), f"*:{ports[0]}", party.source)]
    said = _("asks for none") if form.id == OPEN.id else ", ".join(published(party)) or "MEILI_MASTER_KEY"
    label = "login" if form.id == OPEN.id else _("a published value")
    return Case(party.subject, form, None, (*rows, Evidence(label, said, party.source)), words)


CHECK = Check(
    "docker.exposed-databases", "No database is open to everybody", __doc__ or "",
    (OPEN, PUBLISHED, *_ON_HOST.values()), find, by_hand,
    reads=("containers", "projects"),
)  # fmt: skip
