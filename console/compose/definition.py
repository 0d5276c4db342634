"""What a container is made with, in the same words from the Engine and from Compose, so that both can be compared.

A definition is one line for each image, variable, mount, port, network, device. The Engine's holds what the image gave;
Compose's is laid over the same image here, with what Compose adds by itself (labels, the default network, ``rw``), so
that a container whose files nobody touched shows no difference. Every rule was measured with Compose 2.26.1 and Engine
20.10. Pure. The values hold secrets: only ``told`` may be shown.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ..hosts.engine_api import ApiDeviceRequest, ApiMount, Config, HostConfig, ImageInspected, Inspected

Definition = Mapping[str, str]
"""``variable MONGO_URI`` -> its value, ``mount /data/db`` -> ``bind /srv/chat/data rw``, ..."""
VARIABLE, MOUNT, PORT, NETWORK, DEVICE, OTHER = "variable ", "mount ", "port ", "network ", "device ", "setting "
IMAGE_CONTENT = "image content"
_SETTINGS = {
    "cap_add": "CapAdd", "cap_drop": "CapDrop", "dns": "Dns", "group_add": "GroupAdd", "pid_mode": "PidMode",
    "privileged": "Privileged", "readonly_rootfs": "ReadonlyRootfs", "security_opt": "SecurityOpt",
    "shm_size": "ShmSize",
}  # fmt: skip
"""Of the Engine's HostConfig: never computed from Compose's files, compared between two containers only.

No container ever changes one of these. fact: ``docker update`` changes the restart policy and limits only
"""
_CONDITIONS = {"none": "no", "any": "always"}
RESTART, MEMORY, CPUS = "restart policy", "memory limit", "CPU limit"
_LABELS = "com.docker.compose."
_COMPARED = frozenset({
    "image", "command", "entrypoint", "environment", "volumes", "tmpfs", "ports", "networks", "network_mode", "user",
    "devices", "gpus", "secrets", "configs", "working_dir", "extra_hosts", "restart", "mem_limit", "cpus",
})  # fmt: skip
"""Keys of a service that definitions tell; what else a file says is in the config-hash."""


# ---- as the Engine tells it ------------------------------------------------------------------------------------------


def of_container(one: Inspected) -> dict[str, str]:
    """The definition of a container that there is."""
    config, host = one.config or Config(), one.host_config or HostConfig()
    found = {
        "image": config.image or "", IMAGE_CONTENT: one.image or "", "command": _words(config.cmd),
        "entrypoint": _words(config.entrypoint), "user": config.user or "",
        "working directory": config.working_dir or "",
    }  # fmt: skip
    found |= _variables(_pairs(config.env))
    found |= {f"{MOUNT}{m.destination}": _mount(m) for m in one.mounts or () if m}
    found |= {_at(target): "tmpfs" for target in host.tmpfs or ()}
    for port, bindings in (host.port_bindings or {}).items():
        found |= _ports(port, ((b.get("HostIp"), b.get("HostPort")) for b in bindings or () if b))
    found |= _networks(one, host)
    found |= {f"{DEVICE}{d.path_in_container}": f"{d.path_on_host} {d.cgroup_permissions}"
              for d in host.devices or () if d}  # fmt: skip
    found |= _gpus(one for one in host.device_requests or () if one)
    found |= {f"extra host {text}": "there" for text in map(_extra_host, filter(None, host.extra_hosts or ()))}
    found |= _limits(host.restart_policy.name if host.restart_policy else None, host.memory, host.nano_cpus)
    return {key: value for key, value in (found | _others(one, host)).items() if value}


def labels_of(one: Inspected) -> dict[str, str]:
    """The container's labels."""
    return {name: value or "" for name, value in ((one.config and one.config.labels) or {}).items()}


def _variables(pairs: Mapping[str, str | None]) -> dict[str, str]:
    """An empty value is a value. The name alone takes the image's variable away."""
    return {f"{VARIABLE}{name}": f"={value}" for name, value in pairs.items() if value is not None}


def _pairs(entries: Iterable[str | None] | None) -> dict[str, str | None]:
    parts = (entry.partition("=") for entry in entries or () if entry is not None)
    return {name: value if sign else None for name, sign, value in parts}


def _words(words: Sequence[str | None] | None) -> str:
    return msgspec.json.encode(words).decode() if words else ""


def _mount(mount: ApiMount) -> str:
    kind = mount.type or "bind"
    source = mount.name if kind == "volume" else mount.source
    return "tmpfs" if kind == "tmpfs" else f"{kind} {source} {'ro' if mount.rw is False else 'rw'}"


def _ports(port: str, bindings: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    shown = sorted(f"{'' if ip in (None, '0.0.0.0') else ip}:{published or ''}" for ip, published in bindings)  # noqa: S104
    return {f"{PORT}{port}": ", ".join(shown)} if shown else {}


def _networks(one: Inspected, host: HostConfig) -> dict[str, str]:
    """Its networks with the names it has there, without those that every container has of itself."""
    if (host.network_mode or "").startswith("container:"):
        return {f"{NETWORK}of another container": "there"}
    own = {(one.id or "")[:12], (one.name or "").lstrip("/"), labels_of(one).get(f"{_LABELS}service")}
    attached = (one.network_settings.networks if one.network_settings else None) or {}
    return {f"{NETWORK}{name}": _aliases({*((end and end.aliases) or ())} - own) for name, end in attached.items()}


def _aliases(names: Iterable[str | None]) -> str:
    return "there" + "".join(f", as {name}" for name in sorted(name for name in names if name))


def _limits(restart: str | None, memory: float | None, nano_cpus: float | None) -> dict[str, str]:
    found = {RESTART: restart if restart != "no" else "", MEMORY: f"{memory:.0f} bytes" if memory else ""}
    return {key: value for key, value in found.items() if value} | (
        {CPUS: f"{nano_cpus / 1e9:g} cores"} if nano_cpus else {}
    )


def _gpus(requests: Iterable[ApiDeviceRequest]) -> dict[str, str]:
    rows = sorted(
        f"{r.driver or ''} count={r.count or 0} ids={','.join(filter(None, r.device_ids or ()))} "
        + "+".join(",".join(sorted(filter(None, each or ()))) for each in r.capabilities or ())
        for r in requests
    )
    return {"GPUs": "; ".join(rows)}


def _extra_host(text: str) -> str:
    """``name:address``. fact: ``config`` of Compose 2.24 and later writes ``name=address``, the Engine never does."""
    name, sign, address = text.partition("=") if "=" in text else text.partition(":")
    return f"{name}{':' if sign else ''}{address.strip('[]')}"


def _others(one: Inspected, host: HostConfig) -> dict[str, str]:
    told = {name: getattr(host, field) for field, name in _SETTINGS.items()}
    told["Runtime"] = host.runtime if host.runtime != "runc" else None
    found = {f"{OTHER}{name}": msgspec.json.encode(value).decode() for name, value in told.items() if value}
    own = {name: value for name, value in labels_of(one).items() if not name.startswith(_LABELS)}
    return found | {f"{OTHER}label {name}": value for name, value in own.items()}


# ---- as Compose tells it ---------------------------------------------------------------------------------------------


def read_config(text: bytes) -> Mapping[str, Any]:
    """What ``docker compose config --format json`` printed. fact: it writes every dollar sign twice."""
    told = msgspec.json.decode(text.replace(b"$$", b"$"))
    return told if isinstance(told, dict) else {}


def image_of(config: Mapping[str, Any], service: str) -> str:
    """The image's name; one that is built here and has none is called after project and service."""
    return str(_service(config, service).get("image") or f"{config.get('name')}-{service}")


def other_settings(config: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    """What the files say of the service besides that which a definition tells."""
    return {key: value for key, value in _service(config, service).items() if key not in _COMPARED}


def of_compose(
    config: Mapping[str, Any], service: str, image: ImageInspected, added: Mapping[str, str], there: Definition
) -> dict[str, str]:
    """The definition that Compose would make now, in place of a container that has the definition ``there``.

    What no file decides is taken from there: anonymous volumes, which Compose hands on, and the other settings.
    """
    own, inside = _service(config, service), image.config or Config()
    entrypoint, command = own.get("entrypoint"), own.get("command")
    found = {
        "image": image_of(config, service), IMAGE_CONTENT: image.id or "",
        "command": _words(command or (None if entrypoint else inside.cmd)),
        "entrypoint": _words(inside.entrypoint if entrypoint is None else entrypoint),
        "user": str(own.get("user") or inside.user or ""),
        "working directory": own.get("working_dir") or inside.working_dir or "",
    }  # fmt: skip
    found |= _variables({**_pairs(inside.env), **added, **{k: _text(v) for k, v in _map(own, "environment").items()}})
    found |= _mounted(config, own, inside, there) | _published(own) | _joined(config, own, service) | _devices(own)
    found |= {f"extra host {text}": "there" for text in map(_extra_host, _hosts(own.get("extra_hosts") or ()))}
    found |= _declared_limits(own)
    found |= {key: value for key, value in there.items() if key.startswith(OTHER)}
    return {key: value for key, value in found.items() if value}


def _service(config: Mapping[str, Any], service: str) -> Mapping[str, Any]:
    return _map(_map(config, "services"), service)


def _map(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _mounted(config: Mapping[str, Any], own: Mapping[str, Any], inside: Config, there: Definition) -> dict[str, str]:
    # fact: a volume of the image is handed on from the container before, whatever it was, unless the files name it
    found = {_at(target): there.get(_at(target), "volume, a new one rw") for target in inside.volumes or ()}
    for v in own.get("volumes") or ():
        key, mode, kind = _at(v["target"]), "ro" if v.get("read_only") else "rw", v.get("type")
        if kind == "tmpfs":
            found[key] = "tmpfs"
        elif kind == "volume" and not v.get("source"):
            found[key] = there.get(key, f"volume, a new one {mode}")
        else:
            name = _map(_map(config, "volumes"), v["source"]).get("name") if kind == "volume" else None
            found[key] = f"{kind} {name or v.get('source')} {mode}"
    tmpfs = own.get("tmpfs") or ()
    for text in [tmpfs] if isinstance(tmpfs, str) else tmpfs:
        found[_at(str(text).partition(":")[0])] = "tmpfs"
    for kind, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        found |= _from_files(config, own, kind, folder)
    return found


def _from_files(config: Mapping[str, Any], own: Mapping[str, Any], kind: str, folder: str) -> dict[str, str]:
    """Secrets and configs that are files are mounted; others are copied into the container."""
    found = {}
    for one in own.get(kind) or ():
        file, target = _map(_map(config, kind), one["source"]).get("file"), one.get("target") or one["source"]
        if file:
            found[_at(posixpath.join(folder, target))] = f"bind {file} ro"
    return found


def _at(target: str) -> str:
    return f"{MOUNT}{posixpath.normpath(target)}"


def _published(own: Mapping[str, Any]) -> dict[str, str]:
    by_port: dict[str, list[tuple[str | None, str | None]]] = {}
    for p in own.get("ports") or ():
        port = f"{p['target']}/{p.get('protocol') or 'tcp'}"
        by_port.setdefault(port, []).append((p.get("host_ip"), str(p.get("published") or "")))
    found: dict[str, str] = {}
    for port, bindings in by_port.items():
        found |= _ports(port, bindings)
    return found


def _joined(config: Mapping[str, Any], own: Mapping[str, Any], service: str) -> dict[str, str]:
    mode = str(own.get("network_mode") or "")
    if mode.startswith(("service:", "container:")):
        return {f"{NETWORK}of another container": "there"}
    if mode:
        return {f"{NETWORK}{mode}": "there"}
    known, self_named = _map(config, "networks"), {service, own.get("container_name")}
    return {
        f"{NETWORK}{_map(known, key).get('name') or key}": _aliases(set((said or {}).get("aliases") or ()) - self_named)
        for key, said in (own.get("networks") or {"default": None}).items()
    }


def _devices(own: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for one in own.get("devices") or ():
        if isinstance(one, str):  # fact: so before Compose 2.25
            source, target, mode = (*one.split(":"), "", "")[:3]
            one = {"source": source, "target": target, "permissions": mode}  # noqa: PLW2901
        if one["source"].startswith("/dev"):
            target = one.get("target") or one["source"]
            found[f"{DEVICE}{target}"] = f"{one['source']} {one.get('permissions') or 'rwm'}"
    reserved = _map(_map(_map(own, "deploy"), "resources"), "reservations").get("devices") or ()
    return found | _gpus(
        ApiDeviceRequest(r.get("driver"), r.get("count"), r.get("device_ids"), [r.get("capabilities") or ["gpu"]])
        for r in (*reserved, *(own.get("gpus") or ()))
    )


def _declared_limits(own: Mapping[str, Any]) -> dict[str, str]:
    """What ``deploy`` says comes before the older keys. fact: Compose getRestartPolicy, getDeployResources."""
    deploy = _map(own, "deploy")
    limits = _map(_map(deploy, "resources"), "limits")
    condition = str(_map(deploy, "restart_policy").get("condition") or "")
    restart = _CONDITIONS.get(condition, condition) or str(own.get("restart") or "").partition(":")[0]
    memory, cpus = limits.get("memory") or own.get("mem_limit"), limits.get("cpus") or own.get("cpus")
    return _limits(restart, float(memory or 0), float(cpus or 0) * 1e9)


def _hosts(said: Any) -> Iterable[str]:  # noqa: ANN401
    """A list, or in older releases of Compose a mapping."""
    if isinstance(said, dict):
        return [f"{name}:{a}" for name, many in said.items() for a in (many if isinstance(many, list) else [many])]
    return [str(text) for text in said]


# ---- compared --------------------------------------------------------------------------------------------------------


class Change(Struct, frozen=True):
    """One line of a definition that is another one afterwards; None where there is no such line."""

    what: str
    was: str | None
    now: str | None


def changes(before: Definition, after: Definition) -> tuple[Change, ...]:
    """What differs, ordered by name."""
    names = sorted({*before, *after})
    found = (Change(name, before.get(name), after.get(name)) for name in names)
    return tuple(change for change in found if change.was != change.now)


def told(change: Change) -> str:
    """One difference for people, with what is secret in it masked."""
    from ..text.cleaning import SECRETS, masked

    name = change.what.removeprefix(VARIABLE)
    shown = []
    for value in (change.was, change.now):
        if value is None:
            shown.append("none")
        elif change.what.startswith(VARIABLE):
            SECRETS.learn(name, value[1:])
            shown.append(masked(f"{name}{value}").removeprefix(f"{name}=") or "empty")
        else:
            shown.append(masked(value))
    return f"{masked(change.what)}: {shown[0]} → {shown[1]}"
