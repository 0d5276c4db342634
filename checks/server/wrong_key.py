"""The key of a model server is ignored, or its users send another one: 401, although "the key is right".

What it does
    For m3e-large-api and the servers of FastGPT's distributed guide, compares the name of the variable that holds the
    operator's key with the one the program reads: ``sk-key`` for m3e-large-api, ``SK-KEY`` for the guide's first
    generation (images ``:v1``), ``SK_KEY`` for the second (``:v2``), ``ACCESS_TOKEN`` for the rerankers. For every
    model server whose key is in its own environment or command, compares it with the key that containers send that
    have its address in a variable. Keys are never shown.

Why it matters
    A misspelt variable is ignored without a word. The operator's key gets 401 (``Invalid authorization code``), and a
    public default that stands in the image stays valid for everybody. FastGPT shows neither: a knowledge base that
    never gets ready, a channel whose test fails.

Fix
    Gives the variable its right name, in the very line of the compose file, and recreates that one service. Where two
    keys differ it shows both places: only the operator knows which one is meant.

Sources
    The guide's scripts and compose files of both generations; FastGPT issues 1865 and 3603; docs of m3e-large-api.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import EditFile, RenameVariable
from ...console.model import Container, Server
from ...console.products.gateways import environment
from ...console.products.registry import SERVERS
from ...console.products.services import role_of_container
from ...console.text import N_, _
from ...console.text.cleaning import clean_line
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Placed, bring_up, put_away, severity_of, used_by
from .companion import Companion, companions, given, is_public

PAIRS: dict[str, tuple[str, ...]] = {
    "OPENAI_API_BASE_URL": ("OPENAI_API_KEY",),
    "OPENAI_API_BASE_URLS": ("OPENAI_API_KEYS",),
    "OPENAI_API_BASE": ("OPENAI_API_KEY",),
    "OPENAI_REVERSE_PROXY": ("OPENAI_API_KEY",),
    "RAG_OPENAI_BASEURL": ("RAG_OPENAI_API_KEY", "OPENAI_API_KEY"),
    "AIPROXY_API_ENDPOINT": ("AIPROXY_API_TOKEN",),
}
"""Variables with an address, and those with the key that is sent there, the first that is set."""
FASTGPT: dict[str, tuple[str, ...]] = {"OPENAI_BASE_URL": ("CHAT_API_KEY",), "ONEAPI_URL": ("CHAT_API_KEY",)}
_NO_KEY = frozenset({"", "user_provided", "none", "null", "empty", "false", "ollama", "not-needed"})
_MAKES_KEYS = frozenset({"litellm", "aiproxy"})
"""Gateways that hand out further keys of their own, which stand in a database."""
_FLAGS = ("--api-key", "--api_key", "--api-keys", "--api_keys")
MISSPELT = Form(
    "misspelt",
    "{subject} ignores its key: the variable is called {right}, not {wrong}",
    "{subject} reads its key from {right} and from nothing else. {wrong} is ignored without a word, so every request "
    "with the operator's key gets 401.",
    "rename {wrong} to {right} and recreate the service",
)
_PUBLIC = MISSPELT.because.removesuffix(".") + ", while the public default is valid for whoever knows it."
WAYS = {
    (public, anew): replace(
        MISSPELT,
        because=_PUBLIC if public else MISSPELT.because,
        fix=MISSPELT.fix if anew else "rename {wrong} to {right}",
        variant=f"{'public' if public else 'own'}-{'anew' if anew else 'name'}",
    )
    for public in (True, False)
    for anew in (True, False)
}
"""By whether a public key is valid meanwhile, and whether the repair recreates the service."""
USER_KEY = Form(
    "user-key",
    "{who} sends {subject} another key than it takes",
    "Every request with that key is refused with 401, whatever the model.",
    "write the same key in both places",
)
_NOT_COMPOSE = N_(": make it anew with the right name.")


@dataclass(frozen=True)
class Misspelt:
    """A server that does not read the variable with its key."""

    companion: Companion
    wrong: str
    right: str


@dataclass(frozen=True)
class User:
    """A container that sends a key."""

    name: str
    variable: str
    """That holds the key."""
    address: str


@dataclass(frozen=True)
class Mismatch:
    """A server, and those who send it a key that it does not take."""

    subject: str
    """Name of the server's container."""
    own: str
    """Where its own key stands."""
    users: tuple[User, ...]


def mismatches(snapshot: Snapshot) -> Iterator[Mismatch]:
    """Servers in containers whose users send another key."""
    by_id = {container.id: container for container in snapshot.containers}
    for server in snapshot.servers:
        container = by_id.get(server.container or "")
        taken = None if container is None else _taken(snapshot, server, container)
        if container is None or taken is None:
            continue
        keys, own = taken
        wrong = tuple(user for user, key in _sent(snapshot, server) if key not in keys)
        if wrong:
            yield Mismatch(container.name, own, wrong)


def _taken(snapshot: Snapshot, server: Server, container: Container) -> tuple[tuple[str, ...], str] | None:
    """Every key the server takes, and where they stand; None where that is not certain."""
    for companion in companions(snapshot):
        if companion.place.container is container:
            own = _("{variable} of {owner}", variable=companion.variable, owner=container.name)
            return None if companion.key is None else ((companion.key,), own)
    words = [word for argument in (*container.entrypoint, *container.command) for word in argument.split()]
    if any(word.startswith("--api-key-file") for word in words):
        return None
    keys = _after_flags(words)
    if keys:
        return (
            (keys, _("{variable} of {owner}", variable="--api-key", owner=container.name))
            if not any("$" in key for key in keys)
            else None
        )
    if server.product in _MAKES_KEYS:
        return None
    env = environment(container)
    for name in SERVERS[server.product].key_variables:
        if env.get(name):
            return tuple(part.strip() for part in env[name].split(",")), _(
                "{variable} of {owner}", variable=name, owner=container.name
            )
    return None


def _after_flags(words: list[str]) -> tuple[str, ...]:
    """Values of every ``--api-key``: one, several in a row, or several with commas. fact: vLLM, llama.cpp."""
    found: list[str] = []
    taking = False
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            taking = name in _FLAGS and not equals
            found += [value] if name in _FLAGS and equals else []
        elif taking:
            found.append(word)
    return tuple(part.strip("\"'") for value in found for part in value.split(",") if part)


def _sent(snapshot: Snapshot, server: Server) -> Iterator[tuple[User, str]]:
    """Who sends which key. A user is named ``container, VARIABLE`` where an environment has the address."""
    by_name = {container.name: container for container in snapshot.containers}
    for user in server.users:
        who, comma, variable = user.who.partition(", ")
        container = by_name.get(who)
        if not comma or container is None or put_away(container):
            continue
        env = environment(container)
        names = (FASTGPT if role_of_container(container) == "fastgpt" else PAIRS).get(variable, ())
        name = next((name for name in names if env.get(name)), None)
        key = None if name is None else _one_of(env.get(variable, ""), env[name], user.address or "")
        if name is not None and key is not None and key.lower() not in _NO_KEY and "$" not in key:
            yield User(container.name, name, user.address or variable), key


def _one_of(addresses: str, keys: str, address: str) -> str | None:
    """Of lists, the key at the same place. fact: open-webui divides both by semicolons."""
    if ";" not in addresses:
        return keys.strip()
    rows, own = addresses.split(";"), keys.split(";")
    at = next((n for n, row in enumerate(rows) if row.strip().rstrip("/") == address.strip().rstrip("/")), None)
    return own[at].strip() if at is not None and len(own) == len(rows) else None


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each of the guides' servers, and each other server whose users send another key."""
    differing = {one.subject: one for one in mismatches(snapshot)}
    for companion in companions(snapshot):
        yield _judge(companion, differing.pop(companion.name, None))
    for one in differing.values():
        yield _differs(one)


def _judge(companion: Companion, differing: Mismatch | None) -> Found:
    name = companion.name
    wrong = misspelt(companion)
    if wrong is not None:
        return _misspelt(companion, wrong)
    if differing is not None:
        return _differs(differing)
    names = given(companion.env)
    if companion.variable is None and names and not all(is_public(key) for key in names.values()):
        why = _(
            "the guide's first generation reads SK-KEY and the second SK_KEY; the image's tag tells neither, "
            "and only {names} is set",
            names=_(" and ").join(names),
        )
        return Unknown(name, _("Whether {name} reads its key is not known", name=name), why)
    where = _("from {variable}", variable=companion.variable) if companion.variable in names else _("by its default")
    return Fine(name, _("{name} has its key {where}", name=name, where=where), used_by(companion.users))


def misspelt(companion: Companion) -> str | None:
    """The variable whose key is ignored; None where none is, or it does not matter, or nothing tells."""
    right, names = companion.variable, given(companion.env)
    if right is None or (right in names and not is_public(names[right])):
        return None
    ignored = [name for name in names if name != right and names[name] != companion.key]
    return ignored[0] if ignored else None


def _misspelt(companion: Companion, wrong: str) -> Case[Misspelt]:
    right, image = companion.variable or "", _("image {image}", image=clean_line(companion.image, 200))
    rows = [
        Evidence(_("set"), _("{wrong}, which it does not read", wrong=wrong), companion.place.source),
        Evidence(_("read"), right, image),
        Evidence(_("key in force"), _in_force(companion), image),
    ]
    if companion.server is not None and companion.server.state == "wrong_key":
        rows.append(
            Evidence(_("server says"), companion.server.reason or _("the key is wrong"), companion.server.address)
        )
    public = bool(companion.default or right in given(companion.env))
    anew = companion.place.container is not None and _refusal(companion.place, wrong, right) is None
    return Case(
        companion.name, WAYS[public, anew], Misspelt(companion, wrong, right), (*rows, *used_by(companion.users)),
        {"right": right, "wrong": wrong}, severity_of(companion.place.container, "error"),
    )  # fmt: skip


def _in_force(companion: Companion) -> str:
    if companion.key is None:
        return _("whatever the image has")
    return _("a public default") if is_public(companion.key) else _("another one")


def _differs(one: Mismatch) -> Case[Mismatch]:
    rows = [Evidence("its own key", _("stands in {own}", own=one.own), f"docker inspect {one.subject}")]
    for user in one.users:
        value = _(
            "another key, from {variable} of {user}, to {address}",
            variable=user.variable,
            user=user.name,
            address=user.address,
        )
        rows.append(Evidence(_("sent"), value, f"docker inspect {user.name}"))
    return Case(one.subject, USER_KEY, one, tuple(rows), {"who": ", ".join(user.name for user in one.users)})


def plan(case: Case[Misspelt | Mismatch], _answers: Answers) -> Plan:
    """Rename the variable where it stands and recreate the service; for differing keys only words."""
    return _by_hand(case.facts) if isinstance(case.facts, Mismatch) else _rename(case.facts)


def _rename(one: Misspelt) -> Plan:
    place, wrong, right = one.companion.place, one.wrong, one.right
    why = _refusal(place, wrong, right)
    if why is not None:
        return manual(
            _("Rename {wrong} to {right}, the value stays, and recreate the container.", wrong=wrong, right=right), why
        )
    end = bring_up(place, start=not put_away(place.container))
    says = [
        _("Only the name of the variable changes; the key stays as it is."),
        _(
            "From then on {place} takes this key and no longer the public default: who used that gets 401.",
            place=place.subject,
        ),
    ]
    if end is not None:
        loads = _("{place} starts anew and loads its model again: requests fail meanwhile.", place=place.subject)
        says += [compose.left_so(place) or loads, _("Undo puts the old name back and recreates the service.")]
    edits = (EditFile(path, (RenameVariable(place.service or "", wrong, right),)) for path in place.files)
    return repair(
        *edits, *((end,) if end else ()), says=says, restarts=(place.service or "",) if end else (),
        lock=place.directory, deadline=90.0,
    )  # fmt: skip


def _refusal(place: Placed, wrong: str, right: str) -> str | None:
    """Why this is left to the operator."""
    why = compose.refusal(place, _NOT_COMPOSE)
    if why is not None or place.declared is None or not place.files:
        return why or _(
            "The container was not made by Compose, or its files are gone{not_compose}", not_compose=_(_NOT_COMPOSE)
        )
    if wrong not in place.declared.named:
        files = ", ".join(place.declared.env_files) or _("the image itself")
        return _(
            "No compose file names {wrong}; it comes from {files}, which other services may use too.",
            wrong=wrong,
            files=files,
        )
    if right in place.declared.named:
        return _(
            "{right} stands in the compose file too, with another value: decide which of the two is meant.",
            right=right,
        )
    return None


def _by_hand(one: Mismatch) -> Plan:
    places = [_("{variable} of {owner}", variable=user.variable, owner=user.name) for user in one.users]
    return manual(
        _("Two places must hold the same key: {own}, and {places}.", own=one.own, places=", ".join(places)),
        _(
            "Which of them is meant only you know. Changing the user's is the smaller change: nothing else uses it.",
        ),
        _("Recreate the service whose variable was changed; a restart does not read it anew."),
    )


CHECK = Check(
    "server.wrong-key", "Model servers read their key, and their users send it", __doc__ or "",
    (*WAYS.values(), USER_KEY), find, plan,
    reads=("containers", "projects", "services", "servers"),
)  # fmt: skip
