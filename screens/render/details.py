"""Everything known about one container, section by section; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from msgspec.structs import replace

from ...console.collect.closer import Closer, Size
from ...console.model import ComposeService, Container, Edge, Figures, Mount, Project, Snapshot
from ...console.model.findings import Judgement, Result, Trouble
from ...console.report import plain, timeline, wiring
from ...console.text import _, n_
from ...console.text.cleaning import DASH, SECRETS, ago, cells, duration, fit, redact
from ..widgets import paint
from ..widgets.paint import Line, Span, line, pairs, sections
from . import stacks, states
from .timeline import brief
from .wiring import mark_of

LIFE = 8
"""Moments of its life that are shown; the timeline has them all."""
BEHIND = frozenset({"compose.drift", "librechat.not-applied", "oneapi.restart"})
"""Checks that say of a container that it runs something else than its files say now."""


def document(
    container: Container,
    snapshot: Snapshot,
    results: Sequence[Result],
    judgement: Judgement | None = None,
    closer: Closer | None = None,
) -> list[Line]:
    """All sections, most asked for first. ``closer``: what somebody who looks at it alone wants to know besides."""
    told = (*states.findings(tuple(results)), *(each for each in results if each.status == "ignored"))
    concerned = [each for each in told if stacks.concerns(each, container)]
    above = {each.result.key for each in suffers(container, judgement)}
    project, declared = _declared(container, snapshot)
    behind = declared if any(each.check in BEHIND for each in concerned) else None
    seen = closer or Closer(container.id, 0.0)
    said = sections(
        (_("Why"), _why(container, judgement)),
        (_("Findings"), [
            line(states.verdict_of(each), f"  {states.said_of(each)}", (f"  {each.check}", "muted"))
            for each in concerned if each.key not in above
        ]),
        (_("State"), _state(container, snapshot)),
        (_("Life"), _life(container, snapshot)),
        (_("Needs"), [_need(edge, target=True) for edge in snapshot.edges if edge.source == container.id]),
        (_("Used by"), [_need(edge, target=False) for edge in snapshot.edges if edge.target == container.id]),
        (_("Its files say otherwise"), list(_differs(container, behind)) if behind else []),
        (_("Image and command"), _image(container, seen, snapshot.taken_at)),
        (_("Limits"), _limits(container)),
        (_("Mounts"), [_mount(mount, seen.sizes.get(mount.target)) for mount in container.mounts]),
        (_("Networks and ports"), _networks(container)),
        (_("Health checks"), _health(container, snapshot.taken_at)),
        (_("Processes"), _processes(seen)),
        (_("Environment"), _environment(container, declared, project, seen.image_env)),
        (_("Not known"), [line(f"  {each}") for each in seen.unread]),
    )  # fmt: skip
    if not container.detailed:
        said.append(line((_("Only the list has been read so far; the details follow."), "muted")))
    return said


def _declared(c: Container, snapshot: Snapshot) -> tuple[Project | None, ComposeService | None]:
    """The project and what its files declare of the service, where they could be read."""
    project = next((each for each in snapshot.projects if each.name == c.project), None)
    services = project.services if project else ()
    return project, next((each for each in services if each.name == c.service), None)


def suffers(c: Container, judgement: Judgement | None) -> list[Trouble]:
    """The troubles that it has itself, then those that take it down from elsewhere."""
    told, names = judgement.troubles if judgement else (), {c.name, c.service or c.name}
    own = [each for each in told if each.container == c.id]
    return own + [each for each in told if each not in own and not names.isdisjoint(each.takes_down)]


def _why(c: Container, judgement: Judgement | None) -> list[Line]:
    """What it suffers from, and the key that helps."""
    said: list[Line] = []
    for each in suffers(c, judgement):
        title, fix = redact(each.result.title), each.result.fix
        whose = "" if each.container == c.id else f"{each.result.subject}: "
        said.append(line("  ", states.verdict_of(each.result), f"  {whose}{title}"))
        if fix is not None:
            does = _("says what to do: ") if fix.safety == "manual" else _("repairs it: ")
            said.append(line(("  F ", "key"), (does, "muted"), fix.summary))
    return said


def _life(c: Container, snapshot: Snapshot) -> list[Line]:
    """Its starts, ends and health flips, newest first; those of the containers before it that had its name as well."""
    name = f"{c.project}/{c.service}" if c.project and c.service else c.name
    events = tuple(each for each in snapshot.events if each.container == c.id or each.subject == name)
    told = timeline.moments(replace(snapshot, events=events, containers=(c,)))
    return [brief(each, snapshot.taken_at) for each in told[:LIFE]]


def _need(edge: Edge, *, target: bool) -> Line:
    glyph, tone = mark_of(edge)
    other = wiring.target(edge) if target else edge.source_name
    why = wiring.reasoned(edge.broken.reason or "") if edge.broken else ""
    return line((f"  {glyph} ", tone), other, (f"  {edge.origin}", "muted"), (f"  {why}" if why else "", tone))


def _differs(c: Container, declared: ComposeService) -> Iterator[Line]:
    """What the container has, and what its files say now: as lines that go and lines that come."""
    has, blank = {each.name: each.value for each in c.env}, {name for name, _by in declared.blank}
    pairs_of = [
        (_("image"), c.image, declared.image),
        (_("command"), " ".join(SECRETS.words(c.command)), " ".join(SECRETS.words(declared.command))),
    ]
    pairs_of += [
        (each.name, SECRETS.value(each.name, has.get(each.name, "")), SECRETS.value(each.name, each.value))
        for each in declared.env if each.name not in blank and has.get(each.name) != each.value
    ]  # fmt: skip
    for name, old, new in pairs_of:
        if new and old != new:
            if old:
                yield line((f"  - {name}  {old}", "removed"))
            yield line((f"  + {name}  {new}", "added"))
    mounted = {each.target for each in c.mounts}
    for volume in declared.volumes:
        if volume.target not in mounted:
            yield line((f"  + {volume.target} ← {volume.source}", "added"))


def _processes(seen: Closer) -> list[Line]:
    """As they were at the last look: the list costs the Engine's machine a ps."""
    return [
        line((f"  {each.pid:>7} {fit(each.user or DASH, 10)} ", "muted"), " ".join(SECRETS.words(each.command)))
        for each in seen.processes or ()
    ]


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


def _image(c: Container, seen: Closer, now: float) -> list[Line]:
    made = None
    if seen.image_made is not None:
        made = f"{ago(max(0.0, now - seen.image_made))}  {states.short_size(seen.image_size)}"
    return pairs(
        (_("image"), c.image),
        (_("made"), made),
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


def _mount(mount: Mount, size: Size | None) -> Line:
    mode = _("read-only") if mount.read_only else _("read-write")
    if size is not None:
        least = "" if size.whole else _("at least ")
        mode += f"  {least}{states.short_size(size.bytes)}"
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


def _environment(
    c: Container, declared: ComposeService | None, project: Project | None, of_image: Mapping[str, str] | None
) -> list[Line]:
    """Each variable, and where its value comes from as far as files and image tell."""
    width = min(32, max((cells(each.name) for each in c.env), default=0))
    said = []
    for each in sorted(c.env, key=lambda variable: variable.name):
        shown = SECRETS.value(each.name, each.value)
        value = Span(shown, "plain" if shown == each.value else "muted")
        origin = _origin(each.name, each.value, declared, project, of_image)
        said.append(line((f"  {each.name}{' ' * max(0, width - cells(each.name))}  ", "muted"), value,
                         (f"  ← {origin}" if origin else "", "muted")))  # fmt: skip
    return said


def _origin(
    name: str, value: str, declared: ComposeService | None, project: Project | None, of_image: Mapping[str, str] | None
) -> str:
    """Where a value comes from; empty where nothing tells. A file that was changed since does not give it."""
    says = {each.name: each.value for each in declared.env} if declared else {}
    if declared is not None and says.get(name) == value:
        variable = next((by for filled, by in declared.filled if filled == name), None)
        if name not in declared.named:
            return _("env file: {paths}", paths=", ".join(path.rpartition("/")[2] for path in declared.env_files))
        if variable is None:
            return _("compose file")
        there = project is not None and any(each.name == variable for each in project.env)
        return _("compose file, from {variable} in .env", variable=variable) if there else _("compose file, by default")
    if of_image is not None and of_image.get(name) == value:
        return _("image")
    return _("not as its files say now") if name in says else ""


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
