"""The arrows from each container to what it needs, and how far a connection gets on each.

One process tries all of them in one pass; nothing else does. What may be another thing the next time (nobody answered
in time, the connection was closed) is only called failed when two passes in a row have seen it. A single look tries
nothing unless it is asked to. ``check`` asks: it must not call a machine well on which a connection is cut. Who runs it
each minute remembers nothing of the last time, so that it leaves every MySQL alone, which would count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...hosts import HostError, Kernel, Wire, WireReading
from ...model import Container, Edge, Hop
from ...products.edges import NOT_TRIED, edges
from ...text import N_
from ...text.cleaning import clean_line
from ..board import NewParts, fault_of
from ..source import Site, Source

TRIED = "wiring"
"""What has to be named in ``on_request`` for a single look to try the arrows."""
GENTLY = "wiring-gently"
"""The same, but for those to a MySQL: may be asked for as often as somebody likes."""
SOON = 5.0
"""Seconds until the next pass where the last one left a doubt."""
MOST = 96
"""Arrows that one pass tries."""
SELDOM = 600.0
"""Seconds between two times that a MySQL is asked which has taken a connection."""
ENOUGH = 10
"""How often one life of a MySQL is asked from one container, however often that starts again; few, as there may be
several consoles.

fact: MySQL manual, max_connect_errors: it blocks a host after 100 connections in a row without a login. The official
images keep no such count (skip-host-cache, skip-name-resolve); others do.
"""
LEFT = N_("a MySQL blocks whoever connects often without a login, so it is left alone for now")
_SLOW_KINDS = frozenset({"ollama", "model_server", "endpoint"})
"""Whoever works on one request at a time may be silent meanwhile."""


class Heard(NamedTuple):
    """What was heard on an arrow the last time, for the life of both its ends."""

    life: tuple[object, ...]
    links: tuple[object, ...]
    """The networks of both ends: who has left one is to be tried again."""
    at: float
    """Monotonic seconds of the last time that a connection was taken."""
    times: int
    """How often a connection was taken; of a MySQL also in earlier lives of whoever asks."""
    soft: int
    """How often in a row something failed that may pass."""
    reading: WireReading
    read_at: float


class Wiring(Source):
    """Who is set up to reach whom, tried from where it begins."""

    name = "wiring"
    gives = ("edges",)
    made_of = ("containers", "projects", "config_verdicts", "oneapis", "json_files", "proxies")
    every = "wiring"
    within = "wiring_deadline"
    what = "The network of a container"
    wakes_on = ("containers", "projects", "config_verdicts", "oneapis", "json_files", "databases", "proxies")
    after = ("engine", "compose", "configs", "oneapi")
    settles = 1.0

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._asked: dict[str, Heard] = {}
        self._made_from: object = ((), ())

    @property
    def interval(self) -> float:
        """Sooner where it is to be seen whether something fails again."""
        return min(SOON, self.cadence.wiring) if self._doubtful else self.cadence.wiring

    @property
    def _doubtful(self) -> bool:
        return any(asked.soft == 1 for asked in self._asked.values())

    def of_interest(self) -> object:
        """A container came, went, started, ended or changed networks; a file or a channel names other addresses."""
        parts = self.parts
        lives = {c.id: (c.state, c.started_at, c.detailed, _networks(c)) for c in parts.containers}
        addresses = tuple(one.addresses for one in parts.config_verdicts)
        written = tuple((one.gateway, one.models) for one in parts.json_files)
        return lives, addresses, self._told_late(), id(parts.projects), written, parts.proxies

    async def read(self) -> NewParts | None:
        """One pass over all arrows."""
        return await self._pass(again=False)

    async def once(self, second_sample: float) -> NewParts | None:  # noqa: ARG002
        """What is known already, where nobody asked for more."""
        return await self._pass(again=False, tries=not self.site.on_request.isdisjoint((TRIED, GENTLY)))

    async def again(self) -> NewParts | None:
        """Once more those that failed in a way that may pass, and those that were only heard of meanwhile."""
        asked = not self.site.on_request.isdisjoint((TRIED, GENTLY))
        if self._told_late() == self._made_from and not (self._doubtful and asked):
            return None
        return await self._pass(again=True, tries=asked)

    async def _pass(self, *, again: bool, tries: bool = True) -> NewParts | None:
        parts, kernel = self.parts, self.host.kernel
        may = kernel is not None and self.site.local and self.site.settings.servers.probe
        own = await self.call(kernel.addresses) if kernel is not None and may else frozenset()
        self._made_from = self._told_late()
        found = edges(
            parts.containers, parts.projects, parts.config_verdicts, parts.oneapis, own, configs=parts.json_files,
            databases=parts.databases, proxies=parts.proxies,
        )  # fmt: skip
        if not found:
            return NewParts({"edges": ()}) if parts.edges else None
        lives = {c.id: c for c in parts.containers}
        refused, faults = self._refusals(found), []
        if kernel is None or not may:
            refused = dict.fromkeys((edge.key for edge in found), N_("nothing is tried from here"))
        elif tries:
            try:
                await self._try(kernel, [edge for edge in found if edge.key not in refused], lives, again=again)
            except HostError as error:
                faults.append(fault_of(self.name, error))
        told = tuple(self._told(edge, refused.get(edge.key), lives) for edge in found)
        return NewParts({"edges": told}, tuple(faults), read=() if faults else None)

    def _told_late(self) -> object:
        """Whose addresses are only known when others were asked: channels, and the models in MongoDB."""
        models = tuple(state.answer.models for state in self.parts.databases if state.answer.models)
        return tuple(state.channels for state in self.parts.oneapis if state.channels), models

    def _refusals(self, found: Iterable[Edge]) -> dict[str, str]:
        """Why an arrow is not tried; other machines are left alone until somebody asks for it."""
        refused = {}
        if not self.site.settings.servers.probe_declared:
            why = N_("another machine is only asked with [servers] probe_declared in stackops.toml")
            refused = {edge.key: why for edge in found if edge.where in ("elsewhere", "internet")}
        if GENTLY in self.site.on_request and TRIED not in self.site.on_request:
            refused |= {edge.key: LEFT for edge in found if edge.speaks == "mysql"}
        return refused

    async def _try(self, kernel: Kernel, found: Sequence[Edge], lives: Mapping[str, Container], *, again: bool) -> None:
        now, taken_at = self.host.clock.monotonic(), self.host.clock.now()
        self._asked = known = {edge.key: asked for edge in found if (asked := self._known(edge, lives)) is not None}
        due = [edge for edge in found if _may_be_tried(lives[edge.source]) and _due(edge, known.get(edge.key), now)]
        if again:
            due = [edge for edge in due if edge.key not in known or known[edge.key].soft == 1]
        wires = [
            Wire(edge.key, lives[edge.source].pid or 0, edge.source, edge.host, edge.port, edge.speaks, edge.tls)
            for edge in due[:MOST]
        ]
        readings = {reading.key: reading for reading in await self.call(kernel.wires, wires)} if wires else {}
        for edge in due[:MOST]:
            reading = readings.get(edge.key, WireReading(edge.key, refused=N_("it did not end in time")))
            before = known.get(edge.key)
            soft = (before.soft if before else 0) + 1 if reading.soft else 0
            at, times = (before.at, before.times) if before else (-SELDOM, 0)
            at, times = (now, times + 1) if reading.reached is not None else (at, times)
            life, links = _life(edge, lives), _links(edge, lives)
            self._asked[edge.key] = Heard(life, links, at, times, soft, reading, taken_at)

    def _known(self, edge: Edge, lives: Mapping[str, Container]) -> Heard | None:
        asked, life, links = self._asked.get(edge.key), _life(edge, lives), _links(edge, lives)
        if asked is None or (asked.life, asked.links) == (life, links):
            return asked
        if edge.speaks == "mysql" and asked.times and asked.life[1] == life[1]:  # it goes on counting
            at = asked.at if asked.links == links else -SELDOM
            left = WireReading(edge.key, refused=LEFT)
            return asked._replace(life=life, links=links, at=at, soft=0, reading=left)
        return None

    def _told(self, edge: Edge, refused: str | None, lives: Mapping[str, Container]) -> Edge:
        """With what was heard; else why it was not tried."""
        asked = self._known(edge, lives)
        if asked is None or refused is not None or asked.reading.refused is not None:
            why = refused or (asked.reading.refused if asked else None)
            if why is None:
                return edge
            told = N_(f"it was not tried: {clean_line(why, 160)}")
            return replace(edge, hops=tuple(replace(h, reason=told) if h.reason == NOT_TRIED else h for h in edge.hops))
        hops = [replace(h, reason=clean_line(h.reason, 200) if h.reason else None) for h in asked.reading.hops]
        last = hops[-1] if hops else Hop("name", "unknown", NOT_TRIED)
        if last.name == "protocol" and last.state == "ok" and _answers_itself(edge, lives):
            hops[-1] = last = replace(last, state="failed", reason=f"answers, and is {edge.source_name} itself")
        there = lives.get(edge.target or "")
        still = there is not None and there.state == "paused"
        mute = last.name == "protocol" and "gives no answer" in (last.reason or "")
        slow = mute and edge.kind in _SLOW_KINDS and not still
        if last.state == "failed" and asked.reading.soft and (asked.soft < 2 or slow):
            why = N_(f"{last.reason}; it may be busy") if slow else N_(f"{last.reason}; it is tried again")
            hops[-1] = replace(last, state="unknown", reason=why)
        if edge.speaks == "mysql" and asked.times >= ENOUGH:
            why = N_(
                f"it was asked {ENOUGH} times since its start, and is left alone lest it blocks {edge.source_name}"
            )
            hops[-1] = Hop(last.name, "unknown", why)
        rest = (Hop(name, "unknown") for name in ("name", "port", "protocol")[len(hops) :])  # type: ignore[arg-type]
        return replace(edge, hops=(*hops, *rest), by="probe", reached=asked.reading.reached, read_at=asked.read_at)


def _answers_itself(edge: Edge, lives: Mapping[str, Container]) -> bool:
    """Whether whoever asks has met the page that it serves itself. On another port a second program may listen."""
    own = lives.get(edge.source)
    serves = own is not None and any(port.container_port == edge.port for port in own.ports)
    return edge.where == "itself" and edge.speaks == "http" and serves


def _may_be_tried(source: Container) -> bool:
    return source.state == "running" and bool(source.pid)


def _due(edge: Edge, asked: Heard | None, now: float) -> bool:
    """A MySQL that took a connection is left in peace for a while: each one without a login counts against the host."""
    if edge.speaks != "mysql" or asked is None:
        return True
    return asked.times < ENOUGH and (asked.soft == 1 or now - asked.at >= SELDOM)


def _life(edge: Edge, lives: Mapping[str, Container]) -> tuple[object, ...]:
    ends = (lives.get(edge.source), lives.get(edge.target or ""))
    return tuple((end.id, end.state, end.started_at) if end is not None else None for end in ends)


def _links(edge: Edge, lives: Mapping[str, Container]) -> tuple[object, ...]:
    ends = (lives.get(edge.source), lives.get(edge.target or ""))
    return tuple(_networks(end) if end is not None else None for end in ends)


def _networks(container: Container) -> frozenset[str]:
    return frozenset(link.network for link in container.networks)
