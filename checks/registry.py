"""All checks, and running them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from msgspec.structs import replace

from ..console.model import Snapshot
from ..console.model.findings import Result
from ..console.settings import Settings
from ..console.text import _
from ..console.text.cleaning import clean_line, spare
from ..console.text.traces import caught
from .api import Check

IDS = (
    "librechat.config-mount",
    "librechat.config-valid",
    "librechat.env-file",
    "librechat.not-applied",
    "librechat.cookie",
    "librechat.env",
    "librechat.default-secrets",
    "librechat.rag-api",
    "librechat.meilisearch",
    "librechat.azure",
    "mongo.keyfile",
    "mongo.replica-set",
    "mongo.shell-missing",
    "mongo.dead-behind-wrapper",
    "mongo.cpu",
    "mongo.kernel",
    "mongo.version-files",
    "mongo.root-user",
    "mongo.data-folder",
    "mongo.bind-ip",
    "postgres.credentials",
    "postgres.pgvector",
    "postgres.connections",
    "postgres.index",
    "postgres.collation",
    "mysql.auth-plugin",
    "mysql.credentials",
    "mysql.connections",
    "oneapi.restart",
    "oneapi.channel",
    "container.crash-loop",
    "container.not-started",
    "container.ended",
    "container.unhealthy",
    "container.dead-inside",
    "container.needed",
    "container.permission",
    "container.cpu",
    "wiring.address",
    "wiring.quotes",
    "wiring.dsn",
    "wiring.login",
    "wiring.unset",
    "wiring.broken",
    "fastgpt.config",
    "fastgpt.redis",
    "fastgpt.base-url",
    "fastgpt.gateway-shadowed",
    "fastgpt.token",
    "fastgpt.models",
    "fastgpt.upgrade",
    "compose.invalid",
    "compose.networks",
    "compose.port-conflict",
    "compose.drift",
    "docker.bind-directory",
    "data.other-release",
    "docker.daemon-json",
    "docker.registry-mirrors",
    "docker.exposed-databases",
    "docker.default-secrets",
    "docker.disk",
    "docker.log-growth",
    "docker.unpinned",
    "gpu.driver",
    "gpu.toolkit",
    "gpu.lost-in-container",
    "gpu.shared-device",
    "gpu.memory-full",
    "gpu.orphan",
    "host.sizing",
    "host.file-limits",
    "host.clock",
    "server.wrong-key",
    "server.crash-num-workers",
    "server.ignored-quantize",
    "server.default-key",
    "server.too-old-card",
    "server.shm",
    "server.unreachable",
    "ollama.bind",
    "ollama.host-gateway",
    "ollama.on-cpu",
)
"""In the order in which people read them. A check's file is called like its id."""

ALL: tuple[Check, ...] = tuple(import_module(f".{each.replace('-', '_')}", __package__).CHECK for each in IDS)
spare(check.id for check in ALL)


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
        results.extend(
            _put_aside(each, settings, snapshot.taken_at) for each in _examine_one(check, snapshot, settings)
        )
    return tuple(results)


def _put_aside(result: Result, settings: Settings, at: float) -> Result:
    """A finding that the settings ignore is none until its date has passed; then it says that it was."""
    if result.status != "finding":
        return result
    meant = [each for each in settings.ignore if each.meant(result.check, result.subject)]
    if not meant:
        return result
    last = max(meant, key=lambda each: each.until)
    told = f"gnored until {last.until}: {clean_line(last.reason, 200)}"
    if last.over(at):
        return replace(result, note=f"No longer i{told}")
    return replace(result, status="ignored", note=f"I{told}")


def _examine_one(check: Check, snapshot: Snapshot, settings: Settings) -> tuple[Result, ...]:
    try:
        results = tuple(check.examine(snapshot, settings))
    except Exception as error:  # noqa: BLE001 - a broken check is a row, never the end of the console
        caught(f"check {check.id}", error)
        return (
            Result(
                check=check.id, subject="", status="crashed", title=f"The check {check.id} itself failed",
                because=f"{type(error).__name__} in the check; please report it with what --debug writes",
            ),
        )  # fmt: skip
    if not results:
        return (Result(check=check.id, subject="", status="not_applicable", title=_(check.title)),)
    severity = settings.checks.severity.get(check.id)
    if severity in ("error", "warning", "info"):
        return tuple(each if each.status != "finding" else replace(each, severity=severity) for each in results)
    return results
