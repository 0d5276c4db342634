"""Everything known about one container, section by section; secrets masked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...console.model import Container, Figures, Mount, Snapshot
from ...console.model.findings import Result
from ...console.report import plain
from ...console.text import _, n_
from ...console.text.cleaning import DASH, SECRETS, ago, cells, duration, fit, redact
from ..widgets import paint
from ..widgets.paint import Line, Span, line, pairs, sections
from . import stacks, states


def document(container: Container, snapshot: Snapshot, results: Sequence[Result]) -> list[Line]:
    """All sections, most asked for first."""
    told = (*states.findings(tuple(results)), *(each for each in results if each.status == "ignored"))
    concerned = [
        line(states.verdict_of(each), f"  {states.said_of(each)}", (f"  {each.check}", "muted"))
        for each in told if stacks.concerns(each, container)
    ]  # fmt: skip
    said = sections(
        (_("Findings"), concerned),
        (_("State"), _state(container, snapshot)),
        (_("Image and command"), _image(container)),
        (_("Limits"), _limits(container)),
        (_("Mounts"), [_mount(mount) for mount in container.mounts]),
        (_("Networks and ports"), _networks(container)),
        (_("Health checks"), _health(container, snapshot.taken_at)),
        (_("Environment"), _environment(container)),
    )
    if not container.detailed:
        said.append(line((_("Only the list has been read so far; the details follow."), "muted")))
    return said


def _state(c: Container, snapshot: Snapshot) -> list[Line]:
    now = snapshot.taken_at
    service = next((each for each in snapshot.services if each.container == c.id), None)
    role = f"{service.role} {service.version or ''}".strip() if service and service.role != "unknown" else None
    up = f"{duration(now - c.started_at)}" if c.started_at and c.state == "running" else None
    ended = f"{ago(now - c.finished_at)}" if c.finished_at and c.state != "running" else None
    policy = c.restart_policy or DASH
    return pairs(
        (_("state"), states.state(c)),
        (_("health"), states.health(c) if c.health else None),
        (_("exit code"), states.exit_span(c, service.role if service else None)),
        (_("start error"), Span(c.error, "error") if c.error else None),
        (_("up for"), up),
        (_("ended"), ended),
        (
            _("restarts"),
            n_(
                "{restarts} by policy ({policy}), {count} death seen",
                "{restarts} by policy ({policy}), {count} deaths seen",
                len(c.deaths),
                restarts=DASH if c.restart_count is None else c.restart_count,
                policy=policy,
            ),
        ),
        (_("role"), role),
        ("compose", f"{c.project} / {c.service}" if c.project else None),
        ("id", c.id[:12]),
    )


def _image(c: Container) -> list[Line]:
    return pairs(
        (_("image"), c.image),
        (_("digest"), c.image_digest or c.image_id or DASH),
        (_("entrypoint"), " ".join(SECRETS.words(c.entrypoint)) if c.entrypoint else None),
        (_("command"), " ".join(SECRETS.words(c.command)) if c.command else None),
        (_("user"), c.user or None),
        (_("folder"), c.working_dir or None),
        ("tty", _("yes") if c.tty else None),
        (_("log driver"), c.log_driver),
    )


def _limits(c: Container) -> list[Line]:
    return pairs(
        (_("memory"), states.short_size(c.memory_limit) if c.memory_limit else _("no limit")),
        (_("cpu"), _("{cpu_limit:g} cores", cpu_limit=c.cpu_limit) if c.cpu_limit else _("no limit")),
    )


def _mount(mount: Mount) -> Line:
    mode = _("read-only") if mount.read_only else _("read-write")
    stale = _("  {warn} the container still holds an older file: recreate it", warn=paint.WARN) if mount.stale else ""
    return line(
        (f"  {mount.kind:<7} ", "muted"), mount.target, (" ← ", "muted"), mount.source, (f"  {mode}", "muted"),
        (stale, "warning"),
    )  # fmt: skip


def _networks(c: Container) -> list[Line]:
    said = [
        line((f"  {fit(_('network'), 12)} ", "muted"), each.network,
             (f"  {each.address or DASH}  {' '.join(each.aliases)}", "muted"))
        for each in c.networks
    ]  # fmt: skip
    if not c.networks and c.network_mode:
        said += pairs((_("network"), c.network_mode))
    exposed = " ".join(f"{port.container_port}/{port.protocol}" for port in c.ports if port.host_port is None)
    return said + pairs(
        (_("published"), plain.ports(c).replace("->", "→") or None), (_("exposed only"), exposed or None)
    )


def _health(c: Container, now: float) -> list[Line]:
    if c.health is None or not c.health.log:
        return []
    said: list[Line] = []
    same = groupby(reversed(c.health.log), key=lambda probe: (probe.exit_code, probe.output))
    for (code, output), probes in same:
        run = list(probes)
        times = _(" {count} times", count=len(run)) if len(run) > 1 else ""
        when = ago(now - run[0].at) if run[0].at is not None else DASH
        word = (
            Span(_("ok"), "ok") if code == 0 else Span(_("exit {code}", code=DASH if code is None else code), "error")
        )
        said.append(
            line((f"  {fit(when, 9)} ", "muted"), word, (times, "muted"), f"  {' '.join(redact(output).split())}")
        )
    return said


def _environment(c: Container) -> list[Line]:
    width = min(32, max((cells(each.name) for each in c.env), default=0))
    said = []
    for each in sorted(c.env, key=lambda variable: variable.name):
        shown = SECRETS.value(each.name, each.value)
        value = Span(shown, "plain" if shown == each.value else "muted")
        said.append(line((f"  {each.name}{' ' * max(0, width - cells(each.name))}  ", "muted"), value))
    return said


def summary(container: Container, figures: Figures | None, cpu: Sequence[float | None], width: int) -> list[Line]:
    """Two lines above the sections: state and figures with a sparkline."""
    health = states.health(container) if container.health else ""
    first = line((f"{container.name}  ", "strong"), states.state(container), "  ", health,
                 (f"  {container.image}", "muted"))  # fmt: skip
    if figures is None:
        words = states.exit_span(container)
        return [first, line(words) if words else line((_("no figures"), "muted"))]
    spark, busy = paint.sparkline(cpu, 24 if width >= 110 else 10), states.cpu(figures)
    limit = f"/{states.short_size(figures.memory_limit)}" if container.memory_limit else ""
    second = line(
        ("cpu ", "muted"), Span(f"{busy.text:>4}", busy.tone), (f" {spark}" if spark.strip() else "", "accent"),
        (_("  mem "), "muted"), states.memory(figures), limit,
        (_("  net "), "muted"), states.pair(figures.net_rx, figures.net_tx),
        (_("  block "), "muted"), states.pair(figures.block_read, figures.block_write),
        (_("  pids "), "muted"), DASH if figures.pids is None else str(figures.pids),
    )  # fmt: skip
    return [first, second]
