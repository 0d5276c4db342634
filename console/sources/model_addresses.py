"""The addresses of model servers that stand in configuration files: librechat.yaml and FastGPT's config.json.

Nothing but the addresses leaves: the files hold keys as well, and no key of a file is ever sent anywhere. A file that
cannot be read or understood names no address; saying so is the business of the checks.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..hosts import Files, HostError
from ..librechat.custom import entries, label
from ..librechat.place import Spot, host_path, spots
from ..librechat.schema import expand
from ..model import Container, Project
from ..stacks.addresses import address_of, shown
from ..stacks.gateways import release
from ..stacks.model_users import MOST, Use
from ..stacks.services import role_of_container, services
from ..stacks.versions import version_of
from ..text import SECRETS, clean_line
from .json_files import TARGETS, without_comments

LIMIT = 512 * 1024
LISTS_UNTIL = (4, 8, 20)
"""fact: fastgpt-stack 2: from here on the model lists of config.json are ignored."""
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
    for number, entry in enumerate(_custom(data)[:MOST]):
        address = expand(str(entry.get("baseURL") or ""), env)
        if address_of(address) is not None:
            who = f'{posixpath.basename(spot.paths[0])}, endpoint "{label(entry, number)}"'
            service = spot.service.compose_service or spot.service.name
            yield Use(clean_line(who), shown(address), service, spot.container.id)


def _yaml(files: Files, path: str) -> Any:  # noqa: ANN401 - YAML holds anything
    from ..librechat.judge import decoded
    from ..librechat.reading import TooDeep, YamlProblem, load

    try:
        text = decoded(files.read(path, limit=LIMIT))
        SECRETS.learn_text(text)
        return load(text)
    except (HostError, YamlProblem, TooDeep):
        return None


def _custom(data: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401
    """The entries of a file that nobody has judged yet: anything may stand anywhere."""
    try:
        found: list[object] = list(entries(data))
    except (AttributeError, TypeError):
        return []
    return [entry for entry in found if isinstance(entry, Mapping)]


def _fastgpt(files: Files, container: Container) -> Iterator[Use]:
    """``requestUrl`` of a model that goes past the gateway, as rerankers always do. fact: gpu-model-servers 4.2."""
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
