"""Which models apps offer to people, and the way of each to the server that computes. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .gpus import DeepCheck


class OfferedModel(Struct, frozen=True):
    """A model that a configuration file offers to people. Never holds a key."""

    name: str
    """Empty: all that the address lists, where ``fetch`` is set."""
    kind: str
    """The list or the endpoint it stands in: ``llmModels``, ``endpoint Ollama``."""
    address: str | None = None
    """Where its requests go, where that stands beside it; without login and query."""
    fetch: bool = False
    """The address is asked for its own list, which takes the place of the names in the file."""


StepName = Literal["offered", "gateway", "key", "channel", "upstream", "server", "model"]
StepState = Literal["ok", "failed", "unknown", "none"]


class PathStep(Struct, frozen=True):
    """One step of a model's path. ``none``: there is no such step on this way, or it lies behind one that failed."""

    name: StepName
    state: StepState
    shown: str = ""
    """What stands there, short: a container, a channel, a model."""
    reason: str | None = None
    """One sentence: what was seen, or why nothing is known."""
    edge: str | None = None
    """Key of the arrow that it is judged by."""


class ModelPath(Struct, frozen=True):
    """The way of one offered model, from the app that offers it to the server that computes. Holds no key."""

    key: str
    """``fastgpt llmModels m3e 2``; stays the same while app, list, model and channel do."""
    app: str
    """Container id."""
    app_name: str
    model: str
    """As people choose it; empty where it is not known which models an app offers."""
    kind: str
    """The list or the endpoint that it stands in."""
    place: str
    """Where that is written."""
    steps: tuple[PathStep, ...]
    gateway: str | None = None
    """Container id."""
    channel: int | None = None
    upstream: str | None = None
    """Address to which the request goes on."""
    upstream_model: str | None = None
    """The name by which the server is asked."""
    server: str | None = None
    """``Server.key``."""

    @property
    def broken(self) -> PathStep | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.state == "failed"), None)


class PathTest(Struct, frozen=True):
    """One real request down a path that somebody asked for."""

    path: str
    """``ModelPath.key``."""
    check: DeepCheck
    ended: StepName | None = None
    """The step at which it ended; None: the model answered."""
