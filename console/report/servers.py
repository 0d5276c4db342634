"""``servers`` in its three forms: a document, facts, lines; and the few words that the screens share with them.

The document is a contract with other programs: additions are allowed, changes are not. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..model import DeepCheck, Server, ServerFigures, Snapshot
from ..text import _
from ..text.cleaning import DASH, duration, size
from .json_ import Document, faults, head
from .plain import Facts
from .plain import fault as fault_facts
from .text import Line, heads, narrowed, table

_MODEL = 24
"""Cells of a model's name that have to be seen."""
_MODELS = 3
"""Names of models in one cell."""


# Words


def container_name(server: Server, snapshot: Snapshot) -> str | None:
    """The name of its container."""
    return next((c.name for c in snapshot.containers if c.id == server.container), None)


def measured(server: Server, snapshot: Snapshot) -> int | None:
    """Bytes of GPU memory that the driver says its processes hold; None when it says nothing of them."""
    held = [p.memory for p in snapshot.gpu_processes if p.server == server.key and p.memory is not None]
    return sum(held) if held else None


def told(server: Server) -> int | None:
    """Bytes of GPU memory that the server itself says its models take."""
    held = [model.size_vram for model in server.loaded or () if model.size_vram is not None]
    return sum(held) if held else None


def vram(server: Server, snapshot: Snapshot) -> int | None:
    """What the driver measures, else what the server says, which can be far too low (issue 17251 of ollama/ollama)."""
    found = measured(server, snapshot)
    return told(server) if found is None else found


def queue(figures: ServerFigures | None) -> str:
    """Requests running and waiting: ``2+1``."""
    if figures is None or (figures.running is None and figures.waiting is None):
        return DASH
    return f"{_whole(figures.running)}+{_whole(figures.waiting)}"


def share(value: float | None) -> str:
    """A share between 0 and 1 as a percentage."""
    return DASH if value is None else f"{100 * value:.0f}%"


def speed(value: float | None) -> str:
    """Tokens per second: one decimal below 10."""
    return DASH if value is None else f"{value:.1f}" if 0 < value < 10 else f"{value:.0f}"


def latency(seconds: float | None) -> str:
    """Of a probe: ``4 ms``, ``1.2 s``."""
    if seconds is None:
        return DASH
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def models(server: Server, most: int = _MODELS) -> str:
    """Names, those in memory first and marked with an asterisk: ``*gemma:7b, nomic-embed-text +4``."""
    loaded = [model.name for model in server.loaded or ()]
    rest = [model.name for model in server.models if model.name not in loaded]
    names = [*(f"*{name}" for name in loaded), *rest]
    more = f" +{len(names) - most}" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else DASH


def users(server: Server) -> str:
    """Who is set up to use it."""
    return "; ".join(user.who for user in server.users) or DASH


def deep(check: DeepCheck) -> str:
    """The result of a deep check in one line."""
    if check.error is not None:
        return _("failed: {error}", error=check.error)
    parts = [_("answered in {latency}", latency=latency(check.seconds))]
    if check.first_token is not None:
        parts.append(_("first token after {latency}", latency=latency(check.first_token)))
    if check.tokens_per_second is not None:
        parts.append(_("{speed} tokens/s", speed=speed(check.tokens_per_second)))
    if check.tokens is not None:
        parts.append(_("{tokens} tokens", tokens=check.tokens))
    return ", ".join(parts)


def _whole(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}"


# The document


def document(snapshot: Snapshot) -> Document:
    """``servers --json``."""
    return {
        **head(snapshot),
        "servers": [_server(server, snapshot) for server in snapshot.servers],
        "deep_checks": [msgspec.to_builtins(check) for check in snapshot.deep_checks],
        "faults": faults(snapshot),
    }


def _server(server: Server, snapshot: Snapshot) -> Document:
    """Every field of the model; the container by its name, and what the driver measures beside the server's word."""
    return {
        **msgspec.to_builtins(server), "container": container_name(server, snapshot), "container_id": server.container,
        "vram_measured": measured(server, snapshot), "vram_told": told(server),
    }  # fmt: skip


# Facts


def facts(snapshot: Snapshot) -> Iterator[Facts]:
    """``servers --plain``: each server, its models, who uses it; then what could not be read."""
    for server in snapshot.servers:
        figures = server.figures
        yield (
            server.state, "server", server.key, server.product, server.version or DASH, server.address,
            container_name(server, snapshot) or DASH, f"vram={size(vram(server, snapshot))}",
            f"queue={queue(figures)}", f"kv={share(figures.kv_cache if figures else None)}",
            f"tokens/s={speed(figures.tokens_per_second if figures else None)}", f"latency={latency(server.latency)}",
            *(each for each in (server.reason, server.remedy) if each),
        )  # fmt: skip
        loaded = {model.name: model for model in server.loaded or ()}
        for name in dict.fromkeys((*loaded, *(model.name for model in server.models))):
            held = (size(loaded[name].size_vram),) if name in loaded else ()
            state = "unknown" if server.loaded is None else "loaded" if name in loaded else "not-loaded"
            yield (state, "model", server.key, name, *held)
        for user in server.users:
            yield ("uses", "user", server.key, user.who, user.address or DASH)
    for each in snapshot.faults:
        yield fault_facts(each)


# Lines


def lines(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table, with the reason under each server that is not simply up."""
    if not snapshot.servers:
        yield ("", "", nothing(snapshot))
        return
    rows: list[Sequence[str]] = [_HEAD, *(_row(server, snapshot, _HEAD) for server in snapshot.servers)]
    head, *drawn = table(narrowed(rows, width, _LEAST_FIRST, _MODEL), width)
    yield ("", "", head)
    for server, line in zip(snapshot.servers, drawn, strict=True):
        word = _(server.state)
        yield (word, _KINDS[server.state], line[len(word) :])
        if server.reason:
            remedy = f"; {server.remedy}" if server.remedy else ""
            yield ("", "", f"    {server.reason}{remedy}")
    if any(server.loaded for server in snapshot.servers):
        yield ("", "", _("* in memory"))


_HEAD = heads(
    "STATE", "SERVER", "PRODUCT", "VERSION", "VRAM", "QUEUE", "KV", "TOK/S", "LATENCY", "MODELS", "CONTAINER",
    "USED BY", "ADDRESS",
)  # fmt: skip
_LEAST_FIRST = ("LATENCY", "CONTAINER", "VERSION", "ADDRESS", "USED BY", "KV", "QUEUE", "PRODUCT", "TOK/S")
"""Titles of columns that a narrow terminal goes without, in this order."""
_KINDS = {
    "up": "ok", "loading": "info", "busy": "warning", "wrong_key": "warning", "engine_dead": "error", "down": "error",
    "unknown": "unknown",
}  # fmt: skip


def _row(server: Server, snapshot: Snapshot, titles: Sequence[str]) -> Sequence[str]:
    figures = server.figures
    cells = {
        "STATE": _(server.state), "SERVER": server.key, "PRODUCT": server.product, "VERSION": server.version or DASH,
        "VRAM": size(vram(server, snapshot)), "QUEUE": queue(figures),
        "KV": share(figures.kv_cache if figures else None),
        "TOK/S": speed(figures.tokens_per_second if figures else None), "LATENCY": latency(server.latency),
        "MODELS": models(server), "CONTAINER": container_name(server, snapshot) or DASH, "USED BY": users(server),
        "ADDRESS": server.address,
    }  # fmt: skip
    return tuple(cells[title] for title in titles)


def nothing(snapshot: Snapshot) -> str:
    """Why there is no server to tell of."""
    if snapshot.engine is None and any(each.source == "engine" for each in snapshot.faults):
        return _("No model server is known: the Docker Engine does not answer")
    return _("No model server was found in containers, among processes, or in anybody's settings")


def expiry(at: float | None, now: float) -> str | None:
    """When a model leaves the memory: ``in 4m``; None when nobody said."""
    if at is None:
        return None
    return _("now") if at <= now else _("in {length}", length=duration(at - now))
