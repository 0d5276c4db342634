"""All checks, and running them."""

from __future__ import annotations

from collections.abc import Iterable

from ..console.findings import Result
from ..console.model import Snapshot
from ..console.settings import Settings
from . import Check
from .docker import registry_mirrors
from .gpu import driver, lost_in_container, memory_full, orphan, shared_device, toolkit
from .host import sizing
from .librechat import config_mount, config_valid, cookie, not_applied
from .mongo import cpu, dead_behind_wrapper, kernel, keyfile, replica_set, shell_missing, version_files
from .ollama import bind, host_gateway, on_cpu
from .oneapi import restart
from .server import crash_num_workers, default_key, ignored_quantize, wrong_key

ALL: tuple[Check, ...] = (
    config_mount.CHECK,
    config_valid.CHECK,
    not_applied.CHECK,
    cookie.CHECK,
    keyfile.CHECK,
    replica_set.CHECK,
    shell_missing.CHECK,
    dead_behind_wrapper.CHECK,
    cpu.CHECK,
    kernel.CHECK,
    version_files.CHECK,
    restart.CHECK,
    registry_mirrors.CHECK,
    driver.CHECK,
    toolkit.CHECK,
    lost_in_container.CHECK,
    shared_device.CHECK,
    memory_full.CHECK,
    orphan.CHECK,
    sizing.CHECK,
    wrong_key.CHECK,
    crash_num_workers.CHECK,
    ignored_quantize.CHECK,
    default_key.CHECK,
    bind.CHECK,
    host_gateway.CHECK,
    on_cpu.CHECK,
)


def find(check_id: str) -> Check | None:
    """The check with this id."""
    return next((check for check in ALL if check.id == check_id), None)


def examine(snapshot: Snapshot, settings: Settings, only: Iterable[str] | None = None) -> tuple[Result, ...]:
    """What the enabled checks say, in the order of ALL; one that raises says ``crashed``."""
    wanted = None if only is None else set(only)
    results: list[Result] = []
    for check in ALL:
        if check.id in settings.checks.disable or (wanted is not None and check.id not in wanted):
            continue
        results.extend(_examine_one(check, snapshot, settings))
    return tuple(results)


def _examine_one(check: Check, snapshot: Snapshot, settings: Settings) -> tuple[Result, ...]:
    try:
        results = tuple(check.examine(snapshot, settings))
    except Exception as error:  # noqa: BLE001 - a broken check is a row, never the end of the console
        return (
            Result(
                check=check.id, subject="", status="crashed", title=f"The check {check.id} itself failed",
                because=f"{type(error).__name__} in the check; please report it",
            ),
        )  # fmt: skip
    if not results:
        return (Result(check=check.id, subject="", status="not_applicable", title=check.title),)
    severity = settings.checks.severity.get(check.id)
    if severity in ("error", "warning", "info"):
        return tuple(
            r
            if r.status != "finding"
            else Result(**{**{f: getattr(r, f) for f in r.__struct_fields__}, "severity": severity})
            for r in results
        )
    return results
