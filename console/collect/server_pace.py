"""Which addresses of model servers stand in files, and how often each server is asked. No key of a file is ever sent.

Nothing but the addresses leaves librechat.yaml and FastGPT's config.json. A file that cannot be read or understood
names no address; saying so is the business of the checks.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ..hosts import Files, HostError
from ..model import Container, LogMark, Project, Server
from ..products.addresses import address_of, shown
from ..products.gateways import release
from ..products.librechat.custom import label, listed
from ..products.librechat.reading import Spot, host_path, spots
from ..products.librechat.schema import expand
from ..products.model_users import MOST, Use
from ..products.registry import GATEWAYS
from ..products.server_logs import FAILURES
from ..products.servers.asking import Candidate
from ..products.services import role_of_container, services
from ..products.versions import version_of
from ..text import _
from ..text.cleaning import SECRETS, clean_line
from .files import TARGETS, without_comments
from .source import Cadence

SELDOM = 3.0
"""How much seldomer gateways are asked: they hold no model themselves, and count requests against those who ask."""
YOUNG = 600.0
"""Seconds after its start in which a server that does not answer yet is still asked often: loading takes minutes."""
CALM = 5.0
"""How much seldomer lists are read at the most while they stay the same."""


@dataclass
class Known:
    """What is remembered of one life of one server. Times are monotonic seconds."""

    life: object
    """Changes when the server was started again or moved: then nothing that was known counts."""
    server: Server
    asked_at: float = -1e9
    slow_at: float = -1e9
    calm: float = 1.0
    failures: int = 0
    looking: bool = False
    """Somebody asks it at this moment; nobody else does."""
    waiting: bool = False
    """It is to be asked, and others are asked before it."""

    def due(self, now: float, cadence: Cadence, *, young: bool) -> bool:
        """Whether it is to be asked now."""
        return not self.looking and now - self.asked_at >= self.period(cadence, young=young)

    def period(self, cadence: Cadence, *, young: bool) -> float:
        """Seconds from one look to the next."""
        base = cadence.servers
        if self.failures:
            longest = base * 2 if young else cadence.servers_dead
            return min(base * 2.0 ** min(self.failures - 1, 10), longest)
        if self.server.product in GATEWAYS or (self.server.product == "unknown" and self.server.state != "loading"):
            return base * SELDOM
        return base

    def slow_due(self, now: float, cadence: Cadence) -> bool:
        """Whether lists and versions are to be read too."""
        return now - self.slow_at >= cadence.servers_slow * self.calm

    def take(self, server: Server, now: float, *, slow: bool) -> None:
        """What a look gave."""
        before, self.server = self.server, server
        came_up = server.state == "up" and before.state != "up"
        self.failures = self.failures + 1 if server.state in {"down", "unknown"} else 0
        if came_up and not slow:
            self.slow_at = -1e9  # what it serves may be another thing than before
        elif slow:
            same = (before.version, before.models) == (server.version, server.models)
            self.calm = min(CALM, self.calm * 2) if same else 1.0
            self.slow_at = now


LOADING = "model.loading"
ENDS = frozenset({"model.ready", "model.engine-dead", "model.no-slot", "model.workers-type-error"})
"""What comes after it: it serves, or it has failed. So has who had no memory for it."""


def with_loading(candidates: Iterable[Candidate], marks: Sequence[LogMark]) -> tuple[Candidate, ...]:
    """The candidates, with what the logs of their containers say of loading."""
    if not any(mark.mark == LOADING for mark in marks):
        return tuple(candidates)
    return tuple(_with(candidate, marks) for candidate in candidates)


def _with(candidate: Candidate, marks: Sequence[LogMark]) -> Candidate:
    own = [mark for mark in marks if mark.container == candidate.container and mark.at is not None]
    begun = [mark for mark in own if mark.mark == LOADING and (mark.at or 0.0) >= (candidate.started_at or 0.0)]
    if not begun:
        return candidate
    last = max(begun, key=lambda mark: mark.at or 0.0)
    over = any(_ends(mark) and (mark.at or 0.0) >= (last.at or 0.0) for mark in own)
    return (
        candidate if over else replace(candidate, loading=_('loads its model; its log says "{text}"', text=last.text))
    )


def _ends(mark: LogMark) -> bool:
    return mark.mark in ENDS or mark.mark.startswith(FAILURES)


LIMIT = 512 * 1024
LISTS_UNTIL = (4, 8, 20)
"""fact: labring/FastGPT v4.8.20: from here on the model lists of config.json are ignored."""
_LISTS = ("llmModels", "vectorModels", "reRankModels", "audioSpeechModels", "whisperModel")


def read(files: Files, containers: Sequence[Container], projects: Sequence[Project]) -> tuple[Use, ...]:
    """Every address that the files of running services name. Never raises for a file."""
    known = [container for container in containers if container.detailed]
    found = [use for spot in spots(services(known, projects), known, projects) for use in _librechat(files, spot)]
    return (*found, *(use for container in known for use in _fastgpt(files, container)))


def _librechat(files: Files, spot: Spot) -> Iterator[Use]:
    """``endpoints.custom[].baseURL``, its variables filled in from the environment of the server."""
    if spot.container is None or not spot.mounted or not spot.paths:
        return
    data = _yaml(files, spot.paths[0])
    env = {variable.name: variable.value for variable in reversed(spot.env)}
    for number, entry in listed(data, "endpoints", "custom")[:MOST]:
        address = expand(str(entry.get("baseURL") or ""), env)
        if address_of(address) is not None:
            who = f'{posixpath.basename(spot.paths[0])}, endpoint "{label(entry, number)}"'
            service = spot.service.compose_service or spot.service.name
            yield Use(clean_line(who), shown(address), service, spot.container.id)


def _yaml(files: Files, path: str) -> Any:  # noqa: ANN401 - YAML holds anything
    from ..products.librechat.judge import decoded
    from ..products.librechat.reading import TooDeep, YamlProblem, load

    try:
        text = decoded(files.read(path, limit=LIMIT))
        SECRETS.learn_text(text)
        return load(text)
    except (HostError, YamlProblem, TooDeep):
        return None


def _fastgpt(files: Files, container: Container) -> Iterator[Use]:
    """``requestUrl`` of a model that goes past the gateway, as rerankers always do."""
    version = release(version_of("fastgpt", container.image))
    if role_of_container(container) != "fastgpt" or (version is not None and version >= LISTS_UNTIL):
        return
    paths = (host_path(target, container.mounts) for target in sorted(TARGETS))
    for path in (path for path in paths if path):
        for model in _models(_json(files, path)):
            address = str(model.get("requestUrl") or "")
            if address_of(address) is not None:
                who = f"config.json, {model.get('name') or model.get('model') or 'a model'}"
                yield Use(clean_line(who), shown(address), container.service or container.name, container.id)


def _json(files: Files, path: str) -> Any:  # noqa: ANN401
    try:
        text = files.read(path, limit=LIMIT).decode("utf-8", "replace")
        SECRETS.learn_text(text)
        return json.loads(without_comments(text))
    except (HostError, ValueError, RecursionError):
        return None


def _models(data: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
    lists = (data.get(name) for name in _LISTS) if isinstance(data, Mapping) else ()
    for models in lists:
        rows = models if isinstance(models, list) else [models]
        yield from (row for row in rows[:MOST] if isinstance(row, Mapping))
