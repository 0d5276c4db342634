"""What the Docker Engine says, as parts of the Snapshot: containers, health, the Engine itself.

Pure functions over reply bytes. Every text is cleaned here, once; values of environment variables stay the real ones.
May not talk to the Engine and may not decide when to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..hosts import EngineFailed
from ..hosts.engine_api import (
    ApiDevice,
    ApiDeviceRequest,
    ApiHealth,
    ApiMount,
    Config,
    HostConfig,
    ImageInspected,
    Info,
    Inspected,
    Listed,
    ListedPort,
    NetworkSettings,
    State,
    Version,
    decode,
    health_of_status,
    inspected,
    moment,
    state_of,
    status_exit_code,
)
from ..model import (
    Container,
    ContainerState,
    DeviceRequest,
    EngineInfo,
    EnvVar,
    Health,
    HealthProbe,
    HostInfo,
    Mount,
    NetworkLink,
    Port,
)
from ..products.versions import parts_of
from ..text.cleaning import clean, clean_line

Ends = Sequence[Mapping[str, str | None] | None]
Bindings = Mapping[str, Ends | None]


def listed_ports(rows: Sequence[ListedPort | None] | None) -> tuple[Port, ...]:
    """Ports as the list of containers has them."""
    return _ordered(
        Port(
            container_port=row.private_port,
            protocol=clean_line(row.type or "tcp"),
            host_ip=clean_line(row.ip) if row.ip else None,
            host_port=row.public_port or None,
        )
        for row in rows or ()
        if row is not None and row.private_port
    )


def ports(network: NetworkSettings | None, host: HostConfig, config: Config) -> tuple[Port, ...]:
    """Ports in force while it runs; otherwise those it would publish when started, and those the image exposes."""
    in_force = network.ports if network else None
    declared: dict[str, Ends | None] = dict.fromkeys(config.exposed_ports or ())
    declared.update(host.port_bindings or {})
    return _ordered(_bound(in_force or declared))


def _bound(bindings: Bindings) -> Iterable[Port]:
    for name, ends in bindings.items():
        number, _, protocol = name.partition("/")
        if not number.isdigit():
            continue
        port = Port(int(number), clean_line(protocol or "tcp"))
        yield from (_published(port, end) for end in ends if end is not None) if ends else (port,)


def _published(port: Port, end: Mapping[str, str | None]) -> Port:
    address, number = end.get("HostIp"), end.get("HostPort") or ""
    return Port(
        port.container_port,
        port.protocol,
        host_ip=clean_line(address) if address else None,
        host_port=int(number) if number.isdigit() and number != "0" else None,
    )


def _ordered(found: Iterable[Port]) -> tuple[Port, ...]:
    return tuple(sorted(set(found), key=lambda p: (p.container_port, p.protocol, p.host_port or 0, p.host_ip or "")))


def device_requests(host: HostConfig) -> tuple[DeviceRequest, ...]:
    """``HostConfig.DeviceRequests``. fact: a Count of 0 stands beside ids and means nothing."""
    return tuple(_request(one) for one in host.device_requests or () if one is not None)


def _request(one: ApiDeviceRequest) -> DeviceRequest:
    sets = (words for words in one.capabilities or () if words)
    return DeviceRequest(
        driver=clean_line(one.driver or ""),
        count=one.count or None,
        ids=_lines(one.device_ids),
        capabilities=tuple(dict.fromkeys(clean_line(word) for words in sets for word in words if word)),
    )


def devices(host: HostConfig) -> tuple[str, ...]:
    """Device files of the machine, passed in one by one."""
    return _lines(device.path_on_host for device in host.devices or () if isinstance(device, ApiDevice))


def extra_hosts(host: HostConfig) -> tuple[str, ...]:
    """``name:address`` each."""
    return _lines(host.extra_hosts)


def runtimes(info: Info) -> tuple[str, ...] | None:
    """Names of the OCI runtimes; None when the Engine does not tell."""
    return None if info.runtimes is None else _lines(sorted(info.runtimes))


def cdi_directories(info: Info) -> tuple[str, ...] | None:
    """Where the Engine looks for CDI specs. fact: moby /info from API 1.43 on; empty while the feature is off."""
    return None if info.cdi_spec_dirs is None else _lines(info.cdi_spec_dirs)


def _lines(texts: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(clean_line(text, IDS_LIMIT) for text in texts or () if isinstance(text, str) and text)


PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
IDS_LIMIT = 512
NAMES_LIMIT = 4096
"""Labels, paths and arguments are kept up to here: they are compared, not only shown."""


def containers(raw: bytes) -> tuple[tuple[Container, str], ...]:
    """The list as containers without detail, each with its status words. Rows that make no sense are left out.

    Raises EngineFailed when the reply is no list at all.
    """
    rows = decode(raw, list[msgspec.Raw], "the list of containers")
    found: list[tuple[Container, str]] = []
    for row in rows:
        try:
            listed = decode(bytes(row), Listed, "one container of the list")
        except EngineFailed:
            continue
        if listed.id:
            found.append((_from_list(listed, listed.id), clean_line(listed.status or "")))
    return tuple(found)


def _from_list(row: Listed, identity: str) -> Container:
    labels = _labels(row.labels)
    status = row.status or ""
    return Container(
        id=identity, name=_listed_name(row.names, identity), image=clean_line(row.image or ""),
        image_id=row.image_id or None, state=state_of(row.state), health=health_of_status(status),
        exit_code=status_exit_code(status), created_at=row.created, project=labels.get(PROJECT),
        service=labels.get(SERVICE), command=(clean_line(row.command, NAMES_LIMIT),) if row.command else (),
        labels=labels, ports=listed_ports(row.ports), mounts=_mounts(row.mounts),
        networks=_networks(row.network_settings), detailed=False,
        network_mode=row.host_config.network_mode if row.host_config else None,
    )  # fmt: skip


def container(raw: bytes) -> Container:
    """One inspected container with everything known of it. Raises EngineFailed."""
    reply = inspected(raw)
    identity = reply.id or ""
    state, config, host = reply.state or State(), reply.config or Config(), reply.host_config or HostConfig()
    labels = _labels(config.labels)
    shown_state = state_of(state.status)
    return Container(
        id=identity,
        name=clean_line((reply.name or identity[:12]).lstrip("/")),
        image=clean_line(config.image or reply.image or ""),
        image_id=reply.image or None,
        state=shown_state,
        health=_health(state.health),
        created_at=moment(reply.created),
        started_at=moment(state.started_at),
        finished_at=moment(state.finished_at),
        exit_code=_exit_code(shown_state, state),
        oom_killed=state.oom_killed,
        error=clean(state.error) if state.error else None,
        pid=state.pid or None,
        restart_count=reply.restart_count,
        restart_policy=_restart_policy(host),
        project=labels.get(PROJECT),
        service=labels.get(SERVICE),
        labels=labels,
        ports=ports(reply.network_settings, host, config),
        mounts=_mounts(reply.mounts),
        networks=_networks(reply.network_settings),
        network_mode=clean_line(host.network_mode) if host.network_mode else None,
        memory_limit=host.memory or None,
        cpu_limit=_cpu_limit(host),
        device_requests=device_requests(host),
        devices=devices(host),
        runtime=_line(host.runtime),
        extra_hosts=extra_hosts(host),
        **_log(reply),
        **_process(config),
    )


def _log(reply: Inspected) -> dict[str, Any]:
    """Who keeps its log, where, and how much of it. fact: the Engine writes its own default into what it makes."""
    told = reply.host_config.log_config if reply.host_config else None
    limit = (told.config or {}).get("max-size") if told else None
    return {
        "log_driver": clean_line(told.type) if told and told.type else None,
        "log_path": clean_line(reply.log_path, NAMES_LIMIT) if reply.log_path else None,
        "log_limit": clean_line(limit, 40) if isinstance(limit, str) and limit not in ("", "-1") else None,
    }


def _process(config: Config) -> dict[str, Any]:
    """How its process is started."""
    return {
        "command": _words(config.cmd),
        "entrypoint": _words(config.entrypoint),
        "user": clean_line(config.user) if config.user else None,
        "working_dir": clean_line(config.working_dir, NAMES_LIMIT) if config.working_dir else None,
        "env": _env(config.env),
        "tty": bool(config.tty),
    }


def _exit_code(shown: ContainerState, state: State) -> int | None:
    """None while it runs: the Engine writes 0 then, which would read as a clean end. Likewise when it never ran."""
    if shown in ("running", "paused") or (shown == "created" and not state.exit_code and not state.error):
        return None
    return state.exit_code


def _restart_policy(host: HostConfig) -> str | None:
    """``always``, ``on-failure:3`` ... as Compose writes it."""
    policy = host.restart_policy
    if policy is None or not policy.name:
        return "no" if policy is not None else None
    name = clean_line(policy.name)
    return f"{name}:{policy.maximum_retry_count}" if policy.maximum_retry_count else name


def _cpu_limit(host: HostConfig) -> float | None:
    if host.nano_cpus and host.nano_cpus > 0:
        return host.nano_cpus / 1e9
    if host.cpu_quota and host.cpu_quota > 0:
        return host.cpu_quota / (host.cpu_period or 100_000)
    return None


def _health(health: ApiHealth | None) -> Health | None:
    if health is None or not health.status:
        return None
    runs = (run for run in health.log or () if run is not None)
    log = tuple(
        HealthProbe(at=moment(run.end) or moment(run.start), exit_code=run.exit_code, output=clean(run.output or ""))
        for run in runs
    )
    return Health(status=clean_line(health.status), failing_streak=health.failing_streak or 0, log=log)


def _listed_name(names: list[str | None] | None, identity: str) -> str:
    """Its own name; the others are ``/other/alias``, left by the old links between containers."""
    own = [name for name in names or () if name]
    best = min(own, key=lambda name: name.count("/"), default=identity[:12])
    return clean_line(best.lstrip("/"))


def _labels(labels: dict[str, str | None] | None) -> dict[str, str]:
    return {clean_line(k, NAMES_LIMIT): clean(v or "") for k, v in (labels or {}).items()}


def _words(words: list[str | None] | str | None) -> tuple[str, ...]:
    if isinstance(words, str):
        words = [words]
    return tuple(clean(word) for word in words or () if word is not None)


def _env(env: list[str | None] | None) -> tuple[EnvVar, ...]:
    """fact: a name without a sign is no variable, it takes that of the image away (measured with Engine 20.10.24)."""
    pairs = (entry.partition("=") for entry in env or () if entry and "=" in entry)
    return tuple(EnvVar(clean_line(name, NAMES_LIMIT), clean(value)) for name, _, value in pairs)


def _mounts(mounts: list[ApiMount | None] | None) -> tuple[Mount, ...]:
    found = []
    for mount in mounts or ():
        if mount is None or not mount.destination:
            continue
        kind = mount.type or "bind"
        name = clean_line(mount.name, NAMES_LIMIT) if mount.name else None
        found.append(
            Mount(
                kind=clean_line(kind),
                source=clean_line(mount.source, NAMES_LIMIT) if mount.source else name or "",
                target=clean_line(mount.destination, NAMES_LIMIT),
                read_only=mount.rw is False,
                volume=name if kind == "volume" else None,
            )
        )
    return tuple(sorted(found, key=lambda mount: mount.target))


def _networks(settings: NetworkSettings | None) -> tuple[NetworkLink, ...]:
    networks = settings.networks if settings else None
    return tuple(
        NetworkLink(
            network=clean_line(name),
            address=(end.ip_address or end.global_ipv6_address or None) if end else None,
            aliases=tuple(
                dict.fromkeys(clean_line(a) for a in (*(end.aliases or ()), *(end.dns_names or ())) if a) if end else ()
            ),
            prefix=(end.ip_prefix_len or None) if end and end.ip_address else None,
        )
        for name, end in sorted((networks or {}).items())
    )


def engine(version: bytes | None, info: bytes | None, *, address: str, local: bool) -> tuple[EngineInfo, HostInfo]:
    """The Engine and the machine it runs on, from whichever of the two replies there is. Raises EngineFailed."""
    v = decode(version, Version, "/version") if version is not None else Version()
    i = decode(info, Info, "/info") if info is not None else Info()
    options = [option for option in i.security_options or () if option]
    told = EngineInfo(
        version=clean_line(v.version or i.server_version or ""),
        api_version=clean_line(v.api_version or ""),
        address=clean_line(address),
        local=local,
        root_dir=_line(i.docker_root_dir),
        os=_line(i.operating_system),
        storage_driver=_line(i.driver),
        cgroup_driver=_line(i.cgroup_driver),
        cgroup_version=_line(i.cgroup_version),
        rootless=any("rootless" in option for option in options),
        registry_mirrors=_mirrors(i),
        insecure_registries=_insecure(i),
        http_proxy=_line(i.http_proxy),
        https_proxy=_line(i.https_proxy),
        no_proxy=_line(i.no_proxy),
        runtimes=runtimes(i),
        cdi_directories=cdi_directories(i),
    )
    machine = HostInfo(
        name=clean_line(i.name or ""),
        os=_line(i.operating_system),
        kernel=_line(i.kernel_version or v.kernel_version),
        arch=_line(i.architecture or v.arch),
        cpus=i.ncpu or None,
    )
    return told, machine


def _mirrors(info: Info) -> tuple[str, ...]:
    """Mirrors of the default registry. fact: ``/info`` repeats them under IndexConfigs of docker.io."""
    config = info.registry_config
    if config is None:
        return ()
    hub = (config.index_configs or {}).get("docker.io")
    found = [*(config.mirrors or ()), *((hub.mirrors or ()) if hub else ())]
    return tuple(dict.fromkeys(clean_line(mirror) for mirror in found if mirror))


def _insecure(info: Info) -> tuple[str, ...]:
    """Ranges, and names that are marked so. fact: ``/info`` has both apart."""
    config = info.registry_config
    if config is None:
        return ()
    names = [name for name, index in (config.index_configs or {}).items() if index and index.secure is False]
    return tuple(clean_line(one) for one in (*(config.insecure_ranges or ()), *names) if one)


def image_digest(raw: bytes, image: str) -> str | None:
    """``sha256:…`` by which a registry knows the image, of several the one of ``image``'s repository.

    None for an image that was built or loaded here. Raises EngineFailed.
    """
    digests = [d for d in decode(raw, ImageInspected, "an image").repo_digests or () if d and "@" in d]
    repository = parts_of(image).repository
    best = next((d for d in digests if d.partition("@")[0] == repository), digests[0] if digests else None)
    return clean_line(best.partition("@")[2]) if best else None


def _line(text: str | None) -> str | None:
    return clean_line(text) if text else None
