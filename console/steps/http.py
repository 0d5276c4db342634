"""The step that frees a GPU's memory by unloading one model of an Ollama. Nothing on a disk changes, nothing is loaded.

What is loaded is asked again at the moment of the step. fact: gpu-model-servers 4.2: ``/api/generate`` with
``keep_alive`` 0 and no prompt only expires the runner, which ends when the requests it is working on have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import msgspec

from ..diffs import masked
from ..hosts import Host, HttpReply
from ..text import clean_line
from .base import Prepared, State, Step, StepFailed, StepMoved, Workbench

PATIENCE = 45.0
"""Seconds that requests which are being worked on get to end before the model goes."""
_T = TypeVar("_T")


class _Row(msgspec.Struct):
    name: str = ""
    model: str = ""


class _Loaded(msgspec.Struct):
    models: list[_Row] | None = None


class UnloadModel(Step, frozen=True):
    """Unload one model of an Ollama. Nothing takes it back: the next request for the model loads it again."""

    settles: ClassVar[bool] = True
    shared: ClassVar[bool] = True

    address: str
    """Where the Ollama is reached from here: ``http://127.0.0.1:11434``."""
    model: str
    name: str
    """Of the server, for people."""

    @property
    def target(self) -> str:
        """The server's name."""
        return self.name

    def describe(self) -> str:
        """One sentence: what it does."""
        return f"Unload the model {clean_line(self.model, 120)} of {self.name}; the next request for it loads it again"

    def command(self) -> str:
        """The request, to be shown."""
        return masked(f"POST {self.address}/api/generate {msgspec.json.encode(self._body()).decode()}")

    def prepare(self, bench: Workbench) -> Prepared:
        """Ask what is loaded. Nothing to do when the model is not; HttpFailed when the server cannot be asked."""
        return Prepared(self, None, self.command(), changes=self.state(bench) == "before")

    def state(self, bench: Workbench) -> State:
        """Before while the model is loaded."""
        return "before" if self.model in loaded(bench.host, self.address) else "after"

    def act(self, bench: Workbench) -> None:
        """Send the request and wait until the model is gone. Raises StepFailed with the server's answer."""
        acts = bench.host.http_acts
        if acts is None:
            raise StepFailed("Nothing can be sent over HTTP to this host")
        reply = _run(acts.post(f"{self.address}/api/generate", self._body(), deadline=30.0))
        if reply.status == 404:
            raise StepMoved(f"{self.name} no longer has the model {clean_line(self.model, 120)}", "look again")
        if reply.status != 200:
            raise StepFailed(f"{self.name} answered with {reply.status}: {_words(reply)}")
        self._await_end(bench)

    def _body(self) -> dict[str, object]:
        return {"model": self.model, "keep_alive": 0}

    def _await_end(self, bench: Workbench) -> None:
        clock = bench.host.clock
        end = clock.monotonic() + PATIENCE
        while self.state(bench) == "before":
            left = end - clock.monotonic()
            if left <= 0:
                raise StepFailed(
                    f"{self.name} still has {clean_line(self.model, 120)} loaded after {PATIENCE:g} s",
                    "it is probably being asked all the time; look at who uses it",
                )
            bench.tell(f"the model still has a request to finish ({left:.0f} s left)")
            clock.sleep(1.0)


def loaded(host: Host, address: str) -> tuple[str, ...]:
    """Names of the models in the memory of the Ollama at an address. HostError when it does not tell."""
    if host.http is None:
        raise StepFailed("No web address can be asked on this host")
    reply = _run(host.http.get(f"{address}/api/ps", deadline=5.0))
    try:
        rows = msgspec.json.decode(reply.body, type=_Loaded).models if reply.status == 200 else None
    except msgspec.DecodeError:
        rows = None
    if rows is None:
        raise StepFailed(f"{address} does not tell which models are loaded (status {reply.status})")
    return tuple(row.name or row.model for row in rows)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Steps run in worker threads, so the doors get a short-lived event loop."""
    return asyncio.run(work)


def _words(reply: HttpReply) -> str:
    """The error's own text."""
    try:
        message = msgspec.json.decode(reply.body)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        message = reply.body.decode("utf-8", "replace")
    return masked(clean_line(str(message), 200)) or "nothing"
