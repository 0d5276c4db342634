"""Files with which Docker starts and does not, and what ``docker.daemon-json`` must say of them."""

from __future__ import annotations

from stackops.console.collect.daemon import judged
from stackops.console.model import DaemonConfig, Snapshot

from examples import Example
from examples.docker.registry_mirrors import BROKEN, DESKTOP, GOOD, NEWER, config, stands
from examples.snapshots import NOW

FILE = "/etc/docker/daemon.json"


def reads(text: str, **more: object) -> Snapshot:
    """An Engine 20.10 whose file has this text."""
    return stands(judged(DaemonConfig(FILE, "file", pid=700, **more), text.encode()))


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("left a comma behind the last entry", "invalid-json", stands(BROKEN)),
    _finds("forgot the comma between two keys", "invalid-json", reads('{"runtimes": {}\n  "dns": []}')),
    _finds("wrote a comment", "invalid-json", reads('{\n  // mirrors\n  "dns": []}')),
    _finds("emptied it on Engine 20.10", "invalid-json", reads("")),
    _finds("saved it with Notepad on Engine 20.10", "invalid-json", stands(config((), mark=True))),
    _finds("wrote insecure-registries as a text", "refused-value", reads('{"insecure-registries": "10.0.0.1:5000"}')),
    _finds("wrote a number into log-opts", "refused-value", reads('{"log-opts": {"max-size": "10m", "max-file": 3}}')),
    _finds("wrote one name server", "refused-value", reads('{"dns": "223.5.5.5"}')),
    _finds("named a name server by its name", "refused-value", reads('{"dns": ["dns.example"]}')),
    _finds(
        "wrote one address pool",
        "refused-value",
        reads('{"default-address-pools": {"base": "172.80.0.0/16", "size": 24}}'),
    ),
    _finds("wrote true as a text", "refused-value", reads('{"live-restore": "true"}')),
    _finds("wrote the proxies of the client", "unknown-key", reads('{"proxies": {"default": {"httpProxy": "x"}}}')),
    _finds("wrote data_root with an underscore", "unknown-key", reads('{"data_root": "/data/docker"}')),
    _finds(
        "put hosts into it beside the unit's -H fd://",
        "flag-conflict",
        reads('{"hosts": []}', flags={"hosts": ("fd://",)}),
    ),
    _finds(
        "set the mirror as a flag and in the file",
        "flag-conflict",
        stands(config((GOOD,), flags={"registry-mirrors": (GOOD,)}), effective=(GOOD,)),
    ),
    _finds("wrote insecure-registry, like the flag", "idle-key", reads('{"insecure-registry": ["10.0.0.1:5000"]}')),
)

FINDS_NOT = (
    Example("has nothing in it", reads("{}"), "ok"),
    Example("has the NVIDIA runtime", reads('{"runtimes": {"nvidia": {"args": [], "path": "x"}}}'), "ok"),
    Example(
        "has what people have",
        reads(
            '{"registry-mirrors": ["https://good.example"], "insecure-registries": ["10.0.0.1:5000"], "dns": ["::1"],'
            ' "log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}, "live-restore": true,'
            ' "exec-opts": ["native.cgroupdriver=systemd"], "data-root": "/data/docker", "bip": "172.31.0.1/24",'
            ' "default-address-pools": [{"base": "10.10.0.0/16", "size": 24}], "max-concurrent-downloads": 10,'
            ' "features": {"buildkit": true}, "builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB"}}}'
        ),
        "ok",
    ),
    Example("has keys of newer releases", reads('{"min-api-version": "1.24", "firewall-backend": "iptables"}'), "ok"),
    Example(
        "has a key that is not known here, and the Engine was started with it",
        reads('{"some-new-key": 1}', changed_at=NOW - 90, started_at=NOW - 60),
        "ok",
    ),
    Example("says null", reads('{"log-driver": null, "dns": null}'), "ok"),
    Example(
        "has mirrors that are no list, which is the mirrors' matter",
        reads('{"registry-mirrors": "x"}'),
        "not_applicable",
    ),
    Example(
        "wrote registry_mirrors, which is the mirrors' matter", reads('{"registry_mirrors": []}'), "not_applicable"
    ),
    Example(
        "has a mirror without a scheme, which is the mirrors' matter",
        reads('{"registry-mirrors": ["m.example"]}'),
        "not_applicable",
    ),
    Example(
        "has a mirror that the Engine has taken",
        stands(config(("https://good.example/v2",)), effective=("https://good.example/v2",)),
        "ok",
    ),
    Example("wrote registry-mirror, which is the mirrors' matter", reads('{"registry-mirror": []}'), "ok"),
    Example(
        "emptied it on a newer Engine",
        stands(config(blank=True, error="the file is empty", line=1, column=1), engine=NEWER),
        "ok",
    ),
    Example("has no such file", stands(config(kind="missing", keys=())), "not_applicable"),
    Example("may not read it", stands(config(kind="unreadable", keys=())), "not_applicable"),
    Example("has Docker Desktop", stands(config(kind="unreadable", keys=()), engine=DESKTOP), "not_applicable"),
    Example("was not read yet", stands(None), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
