"""Steps that ask servers: wait until one is up, send it one real request, unload a model. Nothing on a disk changes.

fact: songquanpeng/one-api main.go retries nothing; Docker starts it again until its database takes connections.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from ...hosts import Host, HttpActs, HttpFailed, HttpReply
from ...hosts.call import run
from ...text import N_, _
from ...text.cleaning import clean_line, masked
from .base import PreparedStep, State, Step, StepContext, StepFailed, StepMoved
from .standing import Standing, environment_of, of_container

LONGEST = 300.0
"""Seconds that a wait may last."""
LISTENS_WITHIN = 30.0
"""Seconds that One API gets to listen."""
PATIENCE = 45.0
"""Seconds that requests which are being worked on get to end before the model goes."""
PERIOD = 1.0


class WaitFor(Step, frozen=True):
    """Wait until a container runs and has not started anew for a while. There is nothing to take back."""

    is_service_step: ClassVar[bool] = True
    changes_nothing: ClassVar[bool] = True
    deadline: ClassVar[float] = LONGEST + 30.0

    container: str
    name: str
    what: str
    """What is waited for, for people: ``MySQL takes connections``."""
    seconds: float
    """At most; not more than 300."""
    steady: float = 8.0
    """Seconds it has to stay up. A crash loop is "running" between crashes."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Wait at most {limit:.0f} s until {what}; nothing is changed", limit=self._limit, what=self.what)

    @property
    def _limit(self) -> float:
        return min(max(self.seconds, 1.0), LONGEST)

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container. Raises StepMoved when it is gone."""
        return PreparedStep(replace(self, container=_there(bench, self.container, self.name).id), None, "")

    def state(self, bench: StepContext) -> State:
        """A container that is there can be waited for, as often as one likes."""
        return "before" if of_container(bench.host, self.container) else "moved"

    def act(self, bench: StepContext) -> None:
        """Look once a second and tell how long it may still take. Raises StepFailed when time is over."""
        clock = bench.host.clock
        end, up_since = clock.monotonic() + self._limit, None
        last: Standing | None = None
        while True:
            now, left = clock.monotonic(), end - clock.monotonic()
            there = _there(bench, self.container, self.name)
            same = last is not None and there.started_at == last.started_at
            if there.state != "running" or not same:
                up_since = now if there.state == "running" else None
            last = there
            if up_since is not None and now - up_since >= self.steady:
                return
            if left <= 0 and up_since is None:
                raise StepFailed(
                    _("{it} has not come up within {limit:.0f} s", it=self.name, limit=self._limit),
                    _("look again: it may be said why"),
                )
            if left <= -self.steady:
                raise StepFailed(_("{it} does not stay up", it=self.name), _("look again: it may be said why"))
            state = _("it runs, does it stay?") if there.state == "running" else _("it is {state}", state=there.state)
            bench.tell(_("{state} ({what:.0f} s left)", state=state, what=max(0.0, left)))
            clock.sleep(PERIOD)


class AskModel(Step, frozen=True):
    """Send one short request for a model, with the key that FastGPT uses. Changes nothing; costs a few tokens."""

    is_service_step: ClassVar[bool] = True
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

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Send one real request for the model {model} through {it}; it costs tokens",
            model=clean_line(self.model, 80),
            it=self.name,
        )

    def command(self) -> str:
        """The request without its key, to be shown."""
        return (
            f"POST {self.url}{self.route} with the key in {self.variable}: {msgspec.json.encode(self._body()).decode()}"
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find the container that holds the key."""
        there = of_container(bench.host, self.client)
        if there is None:
            raise StepMoved(_("The container that holds the key is gone"), _("look again"))
        step = replace(self, client=there.id)
        return PreparedStep(step, None, step.command())

    def state(self, bench: StepContext) -> State:
        """It can be asked as long as the key is there."""
        return "before" if of_container(bench.host, self.client) else "moved"

    def act(self, bench: StepContext) -> None:
        """Ask once One API listens. Raises StepFailed with its answer when it is not 200."""
        key = environment_of(bench.host, self.client).get(self.variable)
        if not key:
            raise StepMoved(_("{variable} is not set any more", variable=self.variable), _("look again"))
        reply = self._listening(bench, {"Authorization": f"Bearer {key}"})
        if reply.status != 200:
            said = f"{reply.status}: {_words(reply)}"
            raise StepFailed(
                _("The request for {model} was answered with {said}", model=clean_line(self.model, 80), said=said)
            )

    def _listening(self, bench: StepContext, headers: dict[str, str]) -> HttpReply:
        clock, acts = bench.host.clock, _acts(bench)
        end = clock.monotonic() + LISTENS_WITHIN
        while True:
            try:
                return run(acts.post(f"{self.url}{self.route}", self._body(), headers=headers))
            except HttpFailed as error:
                if error.trouble not in ("refused", "reset") or clock.monotonic() >= end:
                    raise
            bench.tell(_("{it} does not listen yet ({end:.0f} s left)", it=self.name, end=end - clock.monotonic()))
            clock.sleep(PERIOD)

    def _body(self) -> dict[str, object]:
        if self.route.endswith("/embeddings"):
            return {"model": self.model, "input": ["ping"]}
        return {"model": self.model, "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}


class UnloadModel(Step, frozen=True):
    """Free a GPU's memory by unloading one model of an Ollama. The next request for the model loads it again.

    fact: ollama server/routes.go: ``/api/generate`` with ``keep_alive`` 0 and no prompt only expires the runner, which
    ends when the requests it is working on have ended.
    """

    is_service_step: ClassVar[bool] = True
    left_behind: ClassVar[str] = N_("only unloaded a model")
    shared: ClassVar[bool] = True

    address: str
    """Where the Ollama is reached from here: ``http://127.0.0.1:11434``."""
    model: str
    name: str
    """Of the server, for people."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Unload the model {model} of {it}; the next request for it loads it again",
            model=clean_line(self.model, 120),
            it=self.name,
        )

    def command(self) -> str:
        """The request, to be shown."""
        return masked(f"POST {self.address}/api/generate {msgspec.json.encode(self._body()).decode()}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Ask what is loaded. Nothing to do when the model is not; HttpFailed when the server cannot be asked."""
        return PreparedStep(self, None, self.command(), changes=self.state(bench) == "before")

    def state(self, bench: StepContext) -> State:
        """Before while the model is loaded, asked at this moment."""
        return "before" if self.model in loaded(bench.host, self.address) else "after"

    def act(self, bench: StepContext) -> None:
        """Send the request and wait until the model is gone. Raises StepFailed with the server's answer."""
        reply = run(_acts(bench).post(f"{self.address}/api/generate", self._body(), deadline=30.0))
        if reply.status == 404:
            raise StepMoved(
                _("{it} no longer has the model {model}", it=self.name, model=clean_line(self.model, 120)),
                _("look again"),
            )
        if reply.status != 200:
            raise StepFailed(
                _(
                    "{it} answered with {status}: {words}",
                    it=self.name,
                    status=reply.status,
                    words=_words(reply) or _("nothing"),
                )
            )
        clock = bench.host.clock
        end = clock.monotonic() + PATIENCE
        while self.state(bench) == "before":
            left = end - clock.monotonic()
            if left <= 0:
                raise StepFailed(
                    _(
                        "{it} still has {model} loaded after {patience:g} s",
                        it=self.name,
                        model=clean_line(self.model, 120),
                        patience=PATIENCE,
                    ),
                    _("it is probably being asked all the time; look at who uses it"),
                )
            bench.tell(_("the model still has a request to finish ({left:.0f} s left)", left=left))
            clock.sleep(PERIOD)

    def _body(self) -> dict[str, object]:
        return {"model": self.model, "keep_alive": 0}


class _Row(msgspec.Struct):
    name: str = ""
    model: str = ""


class _Loaded(msgspec.Struct):
    models: list[_Row] | None = None


def loaded(host: Host, address: str) -> tuple[str, ...]:
    """Names of the models in the memory of the Ollama at an address. HostError when it does not tell."""
    if host.http is None:
        raise StepFailed(_("No web address can be asked on this host"))
    reply = run(host.http.get(f"{address}/api/ps", deadline=5.0))
    try:
        rows = msgspec.json.decode(reply.body, type=_Loaded).models if reply.status == 200 else None
    except msgspec.DecodeError:
        rows = None
    if rows is None:
        raise StepFailed(
            _(
                "{address} does not tell which models are loaded (status {status})",
                address=address,
                status=reply.status,
            )
        )
    return tuple(row.name or row.model for row in rows)


def _there(bench: StepContext, container: str, name: str) -> Standing:
    there = of_container(bench.host, container)
    if there is None:
        raise StepMoved(_("The container {name} is gone", name=name), _("look again"))
    return there


def _acts(bench: StepContext) -> HttpActs:
    """The door; steps run in worker threads, so that each call of it gets a short-lived event loop."""
    if bench.host.http_acts is None:
        raise StepFailed(_("Nothing can be sent over HTTP to this host"))
    return bench.host.http_acts


def _words(reply: HttpReply) -> str:
    """The error's own text, of Ollama (``error``) and of OpenAI's kind (``error.message``)."""
    try:
        error: Any = msgspec.json.decode(reply.body)["error"]
        message = error["message"] if isinstance(error, dict) else error
    except (msgspec.DecodeError, KeyError, TypeError):
        message = reply.body.decode("utf-8", "replace")
    return masked(clean_line(str(message), 200))
