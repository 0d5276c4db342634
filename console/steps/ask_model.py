"""One real request to one model through One API, because the operator asked for it: the proof that costs tokens."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from ..diffs import masked
from ..hosts import HttpFailed, HttpReply
from ..text import clean_line
from .base import Prepared, State, Step, StepFailed, StepMoved, Workbench
from .standing import environment_of, of_container

PATIENCE = 30.0
"""Seconds that One API gets to listen. fact: fastgpt-stack 10, re-check One API with a deadline of 30 s."""


class AskModel(Step, frozen=True):
    """Send one short request for a model, with the key that FastGPT uses. Changes nothing; costs a few tokens."""

    settles: ClassVar[bool] = True
    changes_nothing: ClassVar[bool] = True
    deadline: ClassVar[float] = 120.0

    url: str
    """Up to and without ``/v1``."""
    model: str
    route: str
    """``/v1/chat/completions`` or ``/v1/embeddings``."""
    client: str
    """Id of the container whose key is used. The key itself is in no plan and no journal."""
    variable: str
    """Name of the variable that holds it."""
    name: str
    """Of the One API container."""

    @property
    def target(self) -> str:
        """The One API container's name."""
        return self.name

    def describe(self) -> str:
        """One sentence: what it does."""
        return f"Send one real request for the model {clean_line(self.model, 80)} through {self.name}; it costs tokens"

    def command(self) -> str:
        """The request without its key, to be shown."""
        return (
            f"POST {self.url}{self.route} with the key in {self.variable}: {msgspec.json.encode(self._body()).decode()}"
        )

    def prepare(self, bench: Workbench) -> Prepared:
        """Find the container that holds the key."""
        there = of_container(bench.host, self.client)
        if there is None:
            raise StepMoved("The container that holds the key is gone", "look again")
        step = replace(self, client=there.id)
        return Prepared(step, None, step.command())

    def state(self, bench: Workbench) -> State:
        """It can be asked as long as the key is there."""
        return "before" if of_container(bench.host, self.client) else "moved"

    def act(self, bench: Workbench) -> None:
        """Ask once One API listens. Raises StepFailed with its answer when it is not 200."""
        key = environment_of(bench.host, self.client).get(self.variable)
        if not key:
            raise StepMoved(f"{self.variable} is not set any more", "look again")
        reply = self._listening(bench, {"Authorization": f"Bearer {key}"})
        if reply.status != 200:
            raise StepFailed(f"The request for {clean_line(self.model, 80)} was answered with {_words(reply)}")

    def _listening(self, bench: Workbench, headers: dict[str, str]) -> HttpReply:
        clock, acts = bench.host.clock, bench.host.http_acts
        if acts is None:
            raise StepFailed("Nothing can be sent over HTTP to this host")
        end = clock.monotonic() + PATIENCE
        while True:
            try:
                # steps run in worker threads, so the door gets a short-lived event loop
                return asyncio.run(acts.post(f"{self.url}{self.route}", self._body(), headers=headers))
            except HttpFailed as error:
                if error.trouble not in ("refused", "reset") or clock.monotonic() >= end:
                    raise
            bench.tell(f"{self.name} does not listen yet ({end - clock.monotonic():.0f} s left)")
            clock.sleep(1.0)

    def _body(self) -> dict[str, object]:
        if self.route.endswith("/embeddings"):
            return {"model": self.model, "input": ["ping"]}
        return {"model": self.model, "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}


def _words(reply: HttpReply) -> str:
    """Status and the error's own text."""
    try:
        message = msgspec.json.decode(reply.body)["error"]["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        message = reply.body.decode("utf-8", "replace")
    return f"{reply.status}: {masked(clean_line(str(message), 200))}"
