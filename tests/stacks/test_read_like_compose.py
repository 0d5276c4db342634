"""Small projects, each read by us and by Compose: both refuse it, or both see the same services."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import pytest
from stackops.console.compose.reading import read_project
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import ComposeService, Project
from support.compose_cli import config, needs_compose, version
from support.compose_rows import REFUSED, ROWS

pytestmark = [
    needs_compose,
    pytest.mark.skipif(not (version() or "").startswith("2.26."), reason="other releases take other keys"),
]


def active(project: Project) -> dict[str, ComposeService]:
    on = {one.strip() for each in project.env if each.name == "COMPOSE_PROFILES" for one in each.value.split(",")}
    return {s.name: s for s in project.services if not s.profiles or not {"*", *s.profiles}.isdisjoint(on)}


def ports_of(text: str) -> set[tuple[str, str, int, str]]:
    """One for each port inside: Compose tells a range in this way."""
    front, _, protocol = text.partition("/")
    *address, published, inside = ("", "", *front.split(":"))
    first, _, last = inside.partition("-")
    inner = range(int(first), int(last or first) + 1)
    host, start = ":".join(address).strip(":").strip("[]"), published.partition("-")[0]
    outer = [str(int(start) + at) if start and len(inner) > 1 else published for at in range(len(inner))]
    return {(host, out, port, protocol or "tcp") for out, port in zip(outer, inner, strict=True)}


def ours(one: ComposeService) -> dict[str, Any]:
    return {
        "image": one.image, "container_name": one.container_name, "user": one.user, "restart": one.restart,
        "working_dir": one.working_dir, "runtime": one.runtime, "network_mode": one.network_mode,
        "command": list(one.command), "entrypoint": list(one.entrypoint), "memory": one.memory_limit,
        "environment": {each.name: each.value for each in one.env} | dict.fromkeys(one.unset),
        "volumes": {(v.kind, v.source, v.target, v.read_only) for v in one.volumes},
        "ports": {port for text in one.ports for port in ports_of(text)},
        "depends_on": set(one.depends_on), "networks": set(one.networks), "extra_hosts": set(one.extra_hosts),
    }  # fmt: skip


def given(one: dict[str, Any], told: dict[str, Any]) -> set[tuple[str, str, str, bool]]:
    """Configs and secrets that are files: Compose mounts them read-only."""
    places = (("secrets", "/run/secrets/"), ("configs", "/"))
    return {
        ("bind", posixpath.normpath(file), posixpath.join(folder, each.get("target") or each["source"]), True)
        for kind, folder in places for each in one.get(kind) or () if (file := told[kind][each["source"]].get("file"))
    }  # fmt: skip


def theirs(one: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    limits = ((one.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return {
        **{key: one.get(key) for key in (
            "image", "container_name", "user", "restart", "working_dir", "runtime", "network_mode")},
        "command": one.get("command") or [], "entrypoint": one.get("entrypoint") or [],
        "memory": int(limits.get("memory") or one.get("mem_limit") or 0) or None,
        "environment": one.get("environment") or {},
        "volumes": {
            (v["type"], posixpath.normpath(v["source"]) if v["type"] == "bind" else v.get("source", ""), v["target"],
             v.get("read_only", False)) for v in one.get("volumes", ())
        } | given(one, told),
        "ports": {(p.get("host_ip", ""), str(p.get("published", "")), p["target"], p.get("protocol", "tcp"))
                  for p in one.get("ports", ())},
        "depends_on": set(one.get("depends_on") or ()), "networks": set(one.get("networks") or ()),
        "extra_hosts": {host.replace("=", ":", 1) for host in one.get("extra_hosts") or ()},
    }  # fmt: skip


def undoubled(value: Any) -> Any:
    """fact: Compose writes every dollar sign twice"""
    if isinstance(value, dict):
        return {undoubled(key): undoubled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [undoubled(inner) for inner in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


@pytest.mark.parametrize("name", {**ROWS, **REFUSED})
def test_a_project_is_refused_or_read_as_compose_does(name: str, tmp_path: Path) -> None:
    folder, row = tmp_path / "proj", ROWS[name]
    for file, text in (row if isinstance(row, dict) else {"compose.yml": row}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text.encode())
    told, complaint = config(folder, profiles=False)
    found, faults = read_project(LocalFiles(), str(folder))
    wrong = [fault.sentence for fault in faults if fault.hides]
    assert (bool(wrong), told is None) == (name in REFUSED, name in REFUSED), (wrong, complaint)
    assert REFUSED.get(name, "") in complaint
    if told is not None:
        assert found.name == told["name"]
        assert {n: ours(s) for n, s in active(found).items()} == {
            n: theirs(undoubled(s), told) for n, s in told["services"].items()
        }
