"""``wiring`` in its three forms: a document, facts, lines; and the words that screens and checks share with them.

The document is a contract with other programs: additions are allowed, changes are not. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..model import Edge, Hop, ModelPath, PathStep, PathTest, Snapshot
from ..products.addresses import place
from ..text import N_, _, told
from ..text.cleaning import DASH
from .json_ import Document, faults, head
from .plain import Facts
from .plain import fault as fault_facts
from .servers import deep
from .text import Line, heads, narrowed, table

KINDS = {
    "mongo": "MongoDB", "postgres": "PostgreSQL", "mysql": "MySQL", "redis": "Redis", "milvus": "Milvus",
    "oceanbase": "OceanBase", "seekdb": "seekdb", "gateway": N_("model gateway"), "sandbox": N_("sandbox"),
    "plugin": N_("plugins"), "minio": N_("object store"), "meilisearch": "Meilisearch", "rag_api": "rag_api",
    "ollama": "Ollama",
    "model_server": N_("model server"), "endpoint": N_("endpoint"), "fastgpt": "FastGPT",
    "oneapi": N_("model gateway"), "aiproxy": N_("model gateway"),
    "app": N_("app"),
}  # fmt: skip
"""What is meant to be at the end of an arrow, in words."""


def state(edge: Edge) -> str:
    """``ok``, ``broken``, or ``unknown`` where a hop is not known."""
    if edge.broken is not None:
        return "broken"
    return "ok" if edge.hops and all(hop.state == "ok" for hop in edge.hops) else "unknown"


def target(edge: Edge) -> str:
    """The container that is meant, else the address."""
    return edge.target_name or place(edge.host, edge.port)


REASONS = (
    N_("nobody listens at {at}"), N_("{at} takes no connection within {seconds} s"), N_("it fails"),
    N_("there is no way to {at}: {error}"),
    N_("Docker's name server knows no {host}"), N_("The name server {server} knows no {host}"),
    N_("nginx did not find {host} at its start"),
    N_("Docker's name server does not answer for {host}"), N_("The name server {server} does not answer for {host}"),
    N_("Docker's name server answers with an error ({code}) for {host}"),
    N_("The name server {server} answers with an error ({code}) for {host}"),
    N_("its /etc/resolv.conf cannot be read from here"), N_("its /etc/resolv.conf names no name server"),
    N_("closes the connection without a word"), N_("resets the connection"),
    N_("takes the connection and gives no answer within {seconds} s"),
    N_("speaks TLS, and the address does not say so"), N_("does not speak TLS, and the address says so"),
    N_("answers as {other} does; {wanted} is wanted"), N_("answers as {other} does"),
    N_("answers, but not as it should; {wanted} is wanted"), N_("answers, but not as it should"),
    N_("refuses: too many connections ({code})"), N_("refuses: this host is blocked ({code})"),
    N_("refuses: this host is not allowed ({code})"), N_("refuses: error ({code})"),
    N_("refuses other machines: Redis runs in protected mode"), N_("it could not be tried: {error}"),
    N_("it was not tried"), N_("its protocol is not tried"), N_("environment of {container}"),
    N_("answers, and is {source} itself"), N_("only root may look into the network of a container"),
    N_("its process has ended"), N_("its process is not known to be the container's"),
    N_("its network cannot be entered: {error}"),
    N_("no container in a network of {source} is called {host}"), N_("{host} is this machine"),
    N_("{host} is {source} itself"), N_("{target} does not run"), N_("{target} is called so in a common network"),
    N_("{target} publishes that port of this machine"),
)  # fmt: skip
"""What a hop says of itself, as whoever tried it wrote it: a child process, before any language was chosen."""


def reasoned(reason: str) -> str:
    """The reason of a hop in the language that is spoken; one that is not known, as it stands."""
    return told(reason)


def explained(edge: Edge) -> str:
    """The first hop that is not ok, in one sentence; of an arrow that is well how far it was followed."""
    at = f"{place(edge.host, edge.port)} ({edge.origin})"
    hop = edge.broken or next((each for each in edge.hops if each.state != "ok"), None)
    if hop is None:
        return _("{source_name} reaches {target} at {at}.", source_name=edge.source_name, target=target(edge), at=at)
    if hop.state == "unknown":
        why = reasoned(hop.reason or "it was not tried")
        return _(
            "Cannot say whether {source} reaches {target} at {at}: {why}.",
            source=edge.source_name,
            target=target(edge),
            at=at,
            why=why,
        )
    why = reasoned(hop.reason) if hop.reason else _("it fails")
    concluded = "" if edge.by == "probe" else _(" (concluded from networks, not tried)")
    who = f"{edge.host}: " if hop.name == "name" else f"{target(edge)} " if hop.name == "protocol" else ""
    return _(
        "{source} does not reach {what} at {at}: {why}.",
        source=edge.source_name,
        what=_(KINDS.get(edge.kind, edge.kind)),
        at=at,
        why=f"{who}{why}{concluded}",
    )


def nothing(snapshot: Snapshot) -> str:
    """Why there is no arrow to tell of."""
    if snapshot.engine is None and any(each.source == "engine" for each in snapshot.faults):
        return _("Nothing is known of the wiring: the Docker Engine does not answer")
    return _("No container here is set up to reach another")


def document(snapshot: Snapshot) -> Document:
    """``wiring --json``."""
    return {**head(snapshot), "edges": [_edge(edge) for edge in snapshot.edges], "faults": faults(snapshot)}


def _edge(edge: Edge) -> Document:
    """Every field of the model, with its state and the sentence."""
    return {**msgspec.to_builtins(edge), "state": state(edge), "sentence": explained(edge)}


def facts(snapshot: Snapshot) -> Iterator[Facts]:
    """``wiring --plain``: each arrow with its hops; then what could not be read."""
    for edge in snapshot.edges:
        hops = (f"{hop.name}={hop.state}" for hop in edge.hops)
        yield (
            state(edge), "edge", edge.source_name, target(edge), edge.kind, edge.effective, edge.origin, edge.place,
            edge.by, *hops, explained(edge),
        )  # fmt: skip
    for each in snapshot.faults:
        yield fault_facts(each)


_HEAD = heads("STATE", "FROM", "TO", "WHAT", "NAME", "PORT", "PROTOCOL", "BY", "SET IN", "ADDRESS")
_LEAST_FIRST = ("BY", "SET IN", "WHAT", "ADDRESS")
_COLORS = {"ok": "ok", "broken": "error", "unknown": "unknown"}


def lines(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table, with a sentence under each arrow that is not well."""
    if not snapshot.edges:
        yield ("", "", nothing(snapshot))
        return
    rows: list[Sequence[str]] = [_HEAD, *(_row(edge) for edge in snapshot.edges)]
    top, *drawn = table(narrowed(rows, width, _LEAST_FIRST, 12), width)
    yield ("", "", top)
    for edge, line in zip(snapshot.edges, drawn, strict=True):
        found, word = state(edge), _(state(edge))
        yield (word, _COLORS[found], line[len(word) :])
        if found == "broken":
            yield ("", "", f"    {explained(edge)}")


def _row(edge: Edge) -> Sequence[str]:
    name, port, protocol = (shown(hop) for hop in _three(edge))
    what = _(KINDS.get(edge.kind, edge.kind))
    return (
        _(state(edge)),
        edge.source_name,
        target(edge),
        what,
        name,
        port,
        protocol,
        _(edge.by),
        edge.origin,
        edge.effective,
    )


def _three(edge: Edge) -> Sequence[Hop]:
    found = {hop.name: hop for hop in edge.hops}
    return [found.get(name, Hop(name, "unknown")) for name in ("name", "port", "protocol")]


def shown(hop: Hop) -> str:
    """One cell; nothing is said of what lies behind a hop that failed."""
    return DASH if hop.state == "unknown" and hop.reason is None else _(hop.state)


# Models

STEP_WORDS = {
    "offered": N_("offered"), "gateway": N_("gateway"), "key": N_("key"), "channel": N_("channel"),
    "upstream": N_("upstream"), "server": N_("model server"), "model": N_("model"),
}  # fmt: skip
UNNAMED = N_("(not known)")
"""What stands where it is not known which models an app offers."""


def path_state(path: ModelPath) -> str:
    """``ok``, ``broken``, or ``unknown`` where a step is not known."""
    if path.broken is not None:
        return "broken"
    return "unknown" if any(step.state == "unknown" for step in path.steps) else "ok"


def path_explained(path: ModelPath) -> str:
    """The first step that fails in one sentence; else the first that is not known; else the whole way."""
    what = f"{path.app_name}, {path.model or _('models')}"
    step = path.broken or next((each for each in path.steps if each.state == "unknown"), None)
    if step is None:
        return _("{what}: the whole way is well, to {server}.", what=what, server=path.server or path.upstream)
    why = (step.reason or _("it fails")).rstrip(".")
    if step.state == "unknown" and step.name == "offered":
        return _("{app_name}: cannot say which models it offers: {why}.", app_name=path.app_name, why=why)
    if step.state == "unknown":
        step_name = _(STEP_WORDS[step.name])
        return _("{what}: cannot say whether the {step} is well: {why}.", what=what, step=step_name, why=why)
    return _("{what}: the {step} fails: {why}.", what=what, step=_(STEP_WORDS[step.name]), why=why)


def no_models(snapshot: Snapshot) -> str:
    """Why there is no path to tell of."""
    if snapshot.engine is None and any(each.source == "engine" for each in snapshot.faults):
        return _("Nothing is known of models: the Docker Engine does not answer")
    return _("No FastGPT, LibreChat or Open WebUI here offers a model")


def model_document(snapshot: Snapshot) -> Document:
    """``wiring --models --json``."""
    return {**head(snapshot), "models": [_path(path) for path in snapshot.model_paths], "faults": faults(snapshot)}


def _path(path: ModelPath) -> Document:
    return {**msgspec.to_builtins(path), "state": path_state(path), "sentence": path_explained(path)}


def model_facts(snapshot: Snapshot) -> Iterator[Facts]:
    """``wiring --models --plain``: each path with its steps; then what could not be read."""
    for path in snapshot.model_paths:
        steps = (f"{step.name}={step.state}" for step in path.steps)
        yield (
            path_state(path), "model", path.app_name, path.model or UNNAMED, path.kind, path.place,
            str(path.channel or DASH), path.upstream or DASH, path.upstream_model or DASH, path.server or DASH, *steps,
            path_explained(path),
        )  # fmt: skip
    for each in snapshot.faults:
        yield fault_facts(each)


_MODEL_HEAD = heads("STATE", "APP", "MODEL", "OFFERED", "GATEWAY", "KEY", "CHANNEL", "UPSTREAM", "SERVER", "SERVED")


def model_lines(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table, with a sentence under each path that is broken."""
    if not snapshot.model_paths:
        yield ("", "", no_models(snapshot))
        return
    paths = snapshot.model_paths
    told_of = ((_(path_state(path)), path.app_name, path.model or _(UNNAMED), path.steps) for path in paths)
    rows: list[Sequence[str]] = [_MODEL_HEAD, *((*about, *map(step_shown, steps)) for *about, steps in told_of)]
    top, *drawn = table(narrowed(rows, width, ("KEY", "OFFERED", "UPSTREAM"), 12), width)
    yield ("", "", top)
    for path, line in zip(paths, drawn, strict=True):
        found, word = path_state(path), _(path_state(path))
        yield (word, _COLORS[found], line[len(word) :])
        if found == "broken":
            yield ("", "", f"    {path_explained(path)}")


def step_shown(step: PathStep) -> str:
    """One cell: what stands there, or what is wrong."""
    if step.state == "none":
        return DASH
    if step.state == "failed":
        return _("failed")
    return _("unknown") if step.state == "unknown" else step.shown.removeprefix("http://") or _("ok")


def tested(test: PathTest) -> str:
    """Where a real request ended, in one line."""
    ended = (
        _("the model answered") if test.ended is None else _("it ended at the {step}", step=_(STEP_WORDS[test.ended]))
    )
    return f"{ended}: {deep(test.check)}"


def test_document(test: PathTest) -> Document:
    """``wiring --test MODEL --json``."""
    return {"path_test": {**msgspec.to_builtins(test), "sentence": tested(test)}}
