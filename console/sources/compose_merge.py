"""Compose files laid over each other as Compose does it, and what Compose would refuse about the result.

Pure. Later files win: scalars and commands are replaced, environments merge by name, volumes by target, lists grow.
Every rule and every reason was checked against ``docker compose config`` v2.26.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field, structs

from ..model import ComposeService, EnvVar
from ..text import clean_line
from ..yamltext import Document, untagged
from .compose_fields import Layer, read_layer

_SERVICE_KEYS = (
    "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name "
    "cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec "
    "depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file "
    "environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc "
    "isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit "
    "models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop "
    "privileged profiles provider pull_policy read_only restart runtime scale secrets security_opt shm_size "
    "stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode "
    "uts volumes volumes_from working_dir "
)
SERVICE_KEYS = frozenset(_SERVICE_KEYS.split())
"""Of compose-spec's schema as built into v2.26.1, and what newer releases added to it."""
TOP_KEYS = frozenset(["configs", "include", "models", "name", "networks", "secrets", "services", "version", "volumes"])
_INVALID = ": invalid compose project"
_SERVICE_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")


class Reading(Struct):
    """One file read and interpolated."""

    path: str
    directory: str
    doc: Document | None = None
    data: Any = None
    layers: list[Layer] = field(default_factory=list)

    def services(self) -> dict[str, Any]:
        """The file's services as written."""
        services = untagged(self.data.get("services")) if isinstance(self.data, dict) else None
        return services if isinstance(services, dict) else {}


def refused(reading: Reading) -> str | None:
    """Why Compose's schema refuses this file, with line and column; None when it does not."""
    data, doc = reading.data, reading.doc
    if not isinstance(data, dict) or doc is None:
        return None
    for key in data:
        if key not in TOP_KEYS and not str(key).startswith("x-"):
            return _at(doc, (str(key),), f"(root) Additional property {clean_line(str(key), 80)} is not allowed")
    services = untagged(data.get("services")) if "services" in data else {}
    if not isinstance(services, dict):
        return _at(doc, ("services",), "services must be a mapping")
    for name, service in services.items():
        problem = _service_refused(str(name), untagged(service))
        if problem is not None:
            return _at(doc, ("services", str(name), *problem[1]), problem[0])
    return next((_at(doc, ("services", la.name), la.problems[0]) for la in reading.layers if la.problems), None)


def _service_refused(name: str, service: Any) -> tuple[str, tuple[str, ...]] | None:  # noqa: ANN401
    if not _SERVICE_NAME.match(name):
        return f"services Additional property {clean_line(name, 80)} is not allowed", ()
    if not isinstance(service, dict):
        return None
    for key in service:
        if key not in SERVICE_KEYS and not str(key).startswith("x-"):
            reason = f"services.{name} Additional property {clean_line(str(key), 80)} is not allowed"
            return reason, (str(key),)
    return None


def _at(doc: Document, keys: Sequence[str], reason: str) -> str:
    """The reason, behind the line and column of the deepest of the keys that is written in this file."""
    node, found = doc.root, None
    for key in keys:
        if node is None or node.kind != "mapping" or node.key(key) is None:
            break
        found, node = node.key(key), node.get(key)
    if found is None:
        return reason
    line, column = doc.place(found)
    return f"line {line}, column {column}: {reason}"


def layers_of(reading: Reading) -> list[Layer]:
    """The file's services, each laid over the one of the same file that it extends."""
    services = reading.services()
    return [_extended(str(name), services, reading, ()) for name in services]


def _extended(name: str, services: Mapping[str, Any], reading: Reading, seen: tuple[str, ...]) -> Layer:
    layer = read_layer(name, services[name], reading.path, reading.directory)
    base = layer.extends
    if base is None or layer.extends_file is not None:
        return layer
    if base not in services:
        layer.problems.append(f'{_cannot_extend(layer)}: service "{clean_line(base)}" not found')
        return layer
    if base in seen or base == name:
        layer.problems.append(f"{_cannot_extend(layer)}: it extends itself")
        return layer
    return lay_over(_extended(base, services, reading, (*seen, name)), layer)


def _cannot_extend(layer: Layer) -> str:
    return f'cannot extend service "{layer.name}" in {clean_line(layer.path)}'


def lay_over(base: Layer, over: Layer) -> Layer:
    """What both say together, the second one winning."""
    gone = over.dropped

    def kept(key: str, value: Any) -> Any:  # noqa: ANN401
        return type(value)() if key in gone else value

    return structs.replace(
        over,
        scalars={k: v for k, v in base.scalars.items() if k not in gone} | over.scalars,
        command=over.command if over.command is not None or "command" in gone else base.command,
        entrypoint=over.entrypoint if over.entrypoint is not None or "entrypoint" in gone else base.entrypoint,
        env=kept("environment", base.env) | over.env,
        env_files=[*kept("env_file", base.env_files), *over.env_files],
        volumes=kept("volumes", base.volumes) | over.volumes,
        ports=_union(kept("ports", base.ports), over.ports),
        depends_on=kept("depends_on", base.depends_on) | over.depends_on,
        profiles=_union(kept("profiles", base.profiles), over.profiles),
        networks=_union(kept("networks", base.networks), over.networks),
        reserved=[*([] if over.forgets_reserved else kept("deploy", base.reserved)), *over.reserved],
        asked=[*(base.asked if gone.isdisjoint({"gpus", "devices"}) else ()), *over.asked],
        memory=over.memory if over.memory is not None or "deploy" in gone else base.memory,
        memory_old=over.memory_old if over.memory_old is not None or "mem_limit" in gone else base.memory_old,
        extra_hosts=_union(kept("extra_hosts", base.extra_hosts), over.extra_hosts),
        built=over.built or ("build" not in gone and base.built),
        nothing=over.nothing and base.nothing,
    )


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*first, *second)))


def merge(readings: Sequence[Reading]) -> dict[str, Layer]:
    """The services of all files together, by name, in the order in which they appear."""
    merged: dict[str, Layer] = {}
    for reading in readings:
        for layer in reading.layers:
            merged[layer.name] = lay_over(merged[layer.name], layer) if layer.name in merged else layer
    return merged


def inconsistent(merged: Mapping[str, Layer], readings: Sequence[Reading], profiles: Iterable[str]) -> dict[str, str]:
    """What Compose refuses once everything is merged: the file to blame -> its reason. Disabled services are absent."""
    wanted = set(profiles)
    active = {n: la for n, la in merged.items() if not la.profiles or "*" in wanted or wanted.intersection(la.profiles)}
    volumes, networks = _declared(readings, "volumes"), _declared(readings, "networks") | {"default"}
    blame: dict[str, str] = {}
    for name, layer in active.items():
        for path, reason in _contradictions(name, layer, active, volumes, networks):
            blame.setdefault(path, reason)
    return blame


def _declared(readings: Sequence[Reading], section: str) -> set[str]:
    found: set[str] = set()
    for reading in readings:
        value = untagged(reading.data.get(section)) if isinstance(reading.data, dict) else None
        found |= {str(name) for name in value} if isinstance(value, dict) else set()
    return found


def _contradictions(
    name: str, layer: Layer, active: Mapping[str, Layer], volumes: set[str], networks: set[str]
) -> Iterable[tuple[str, str]]:
    if layer.nothing:
        yield layer.path, f"services.{name} must be a mapping"
    elif not layer.scalars.get("image") and not layer.built and layer.extends_file is None:
        yield layer.path, f'service "{name}" has neither an image nor a build context specified{_INVALID}'
    for other, path in layer.depends_on.items():
        if other not in active:
            yield path, f'service "{name}" depends on undefined service "{other}"{_INVALID}'
    for network in layer.networks:
        if network not in networks:
            yield layer.path, f'service "{name}" refers to undefined network {network}{_INVALID}'
    for volume in layer.volumes.values():
        if volume.kind == "volume" and volume.source and volume.source not in volumes:
            yield volume.declared_in, f'service "{name}" refers to undefined volume {volume.source}{_INVALID}'


def finished(layer: Layer, env_file: Mapping[str, Mapping[str, str]], base: Mapping[str, str]) -> ComposeService:
    """The service for the model. Variables: its env files, then ``environment``; those without value from ``base``."""
    env: dict[str, str] = {}
    unset: list[str] = []
    for path, _ in layer.env_files:
        env |= env_file.get(path, {})
    for name, value in layer.env.items():
        found = base.get(name) if value is None else value
        if found is None:
            env.pop(name, None)
            unset.append(name)
        else:
            env[name] = found
    return ComposeService(
        name=layer.name,
        image=layer.scalars.get("image"),
        container_name=layer.scalars.get("container_name"),
        command=layer.command or (),
        entrypoint=layer.entrypoint or (),
        user=layer.scalars.get("user"),
        working_dir=layer.scalars.get("working_dir"),
        restart=layer.scalars.get("restart"),
        env=tuple(EnvVar(name, value) for name, value in env.items()),
        named=tuple(layer.env),
        unset=tuple(unset),
        env_files=tuple(path for path, _ in layer.env_files),
        volumes=tuple(layer.volumes.values()),
        ports=tuple(layer.ports),
        depends_on=tuple(layer.depends_on),
        profiles=tuple(layer.profiles),
        built=layer.built,
        device_requests=(*layer.reserved, *layer.asked),
        requests_apart=bool(layer.asked),
        runtime=layer.scalars.get("runtime"),
        memory_limit=layer.memory if layer.memory is not None else layer.memory_old,
        extra_hosts=tuple(layer.extra_hosts),
    )
