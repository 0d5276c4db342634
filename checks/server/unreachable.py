"""A model server is not to be had where it is looked for, although its container runs; or its engine is dead.

What it does
    Takes what `stackops servers` knows of servers that somebody's settings name (variables, One API's channels): an
    address that leads to the asking container itself, to nobody, or to who is no model server; a port at which nobody
    listens; a server that answers and whose engine has died. What wiring.address says of a variable, and what the
    container's own state says (stopped, ended, started again and again), is left to those.

Why it matters
    The app shows "Connection error" or an empty list of models. The container runs, so that nothing seems to be wrong,
    and a channel of One API is in no file.

Fix
    Restarts a server whose engine is dead, which is all that helps there. Everything else is explained:
    of TGI and TEI it is known only that one request failed.

Sources
    stackops' own looks at model servers (docs of vLLM, TGI, TEI and SGLang on their health); Docker's documentation of
    names and loopback between containers; One API's channels.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import RestartContainer
from ...console.model import Container, Server, ServerUser
from ...console.products.edges import VARIABLES
from ...console.products.model_servers import port_of
from ...console.products.model_users import CHANNELS
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual, repair
from ..compose import LABEL_DIRECTORY, used_by

SETTLING = 60.0
"""Seconds after its start in which a server may not listen yet."""
LOOPING = 600.0
"""Seconds after a restart by the Engine in which it may end again: then container.crash-loop speaks."""
DEAD = Form(
    "engine-dead", "{subject} answers, and its engine is dead", "{reason}",
    "restart it; the cause stands in its log",
)  # fmt: skip
LAST_FAILED = replace(
    DEAD, variant="last-request", title="{subject} answers, but its last request failed in the model",
    fix="see whether requests go on failing, and restart it if they do",
    advice="See what it failed over: docker logs --tail 200 {quoted}\n"
    "Send it a small request: a large one may have filled the GPU's memory, and the next one may pass.\n"
    "Where requests go on failing: docker restart {quoted}",
)  # fmt: skip
"""fact: TGI and TEI look at themselves only after a request that failed; it is not asked again before one succeeds."""
SILENT = Form(
    "silent", "{subject} does not answer at {at}, where {users} for it", "Its container runs, but {reason}",
    "see where it listens, and write that port",
    advice="See what it says of its port: docker logs --tail 50 {quoted}\n"
    "Inside a container it has to listen on 0.0.0.0: --host 0.0.0.0\n"
    "Then write the port at which it listens where it is used.",
)  # fmt: skip
ABSENT = Form(
    "absent", "Nobody listens at {at} of this machine, where {users}", "{reason}",
    "start the server there, or correct the address",
    advice="See who listens: sudo ss -ltnp\nStart the server, or correct the address where it is used.",
)  # fmt: skip
FAR = replace(
    ABSENT, variant="elsewhere", title="Nobody listens at {at}, where {users}",
    advice="On that machine see who listens: sudo ss -ltnp\n"
    "Start the server there, or correct the address where it is used.",
)  # fmt: skip
NOWHERE = Form(
    "nowhere", "No model server is at {at}, where {users}", "{reason}", "correct the address where it is used",
    advice="{remedy}",
)  # fmt: skip
FORMS = (DEAD, LAST_FAILED, SILENT, ABSENT, FAR, NOWHERE)


@dataclass(frozen=True)
class Missing:
    """One server that is not to be had."""

    server: Server
    container: Container | None = None


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each server of which the container's own state does not tell enough."""
    containers = {container.id: container for container in snapshot.containers}
    for server in snapshot.servers:
        container = containers.get(server.container or "")
        if server.container and (container is None or container.state != "running"):
            continue
        if server.state == "engine_dead":
            form = LAST_FAILED if server.product in ("tgi", "tei") else DEAD
            yield _case(form, Missing(server, container), server.users)
        elif server.users and server.state in ("up", "busy"):
            yield Fine(
                container.name if container else server.key, _("{key} answers where it is looked for", key=server.key)
            )
        elif server.nowhere:
            yield from _named(NOWHERE, Missing(server), told_elsewhere=True)
        elif server.state == "down" and server.read_at is not None:
            if container is None:
                here = server.key.startswith("host:")
                yield from _named(ABSENT if here else FAR, Missing(server), told_elsewhere=False)
            elif not _tells_itself(container, snapshot.taken_at):
                other = server.key.rpartition(":")[2] != str(port_of(container))
                yield from _named(SILENT, Missing(server, container), told_elsewhere=other)


def _tells_itself(container: Container, now: float) -> bool:
    """Whether the container's own state is what is wrong, or it has only just been started."""
    return now - (container.started_at or now) < (LOOPING if container.restart_count else SETTLING)


def _named(form: Form, missing: Missing, *, told_elsewhere: bool) -> Iterator[Found]:
    """One case where somebody uses it now whose address wiring.address does not follow anyhow."""
    passed = ("switched off", *(VARIABLES if told_elsewhere else ()))
    users = tuple(user for user in missing.server.users if user.who.rpartition(", ")[2] not in passed)
    if users:
        yield _case(form, missing, users)


def _case(form: Form, missing: Missing, users: tuple[ServerUser, ...]) -> Case[Missing]:
    server, container = missing.server, missing.container
    who = ", ".join(user.who for user in users[:3])
    asks = _("{who} looks", who=who) if len(users) == 1 else _("{who} look", who=who)
    subject = container.name if container else server.key
    sure = form in (DEAD, LAST_FAILED, SILENT) or any(user.who.startswith(CHANNELS) for user in users)
    rows = (Evidence(_("asked"), server.reason or server.state, server.address), *used_by(users))
    words = {
        "reason": server.reason or _("it does not answer"), "remedy": server.remedy or _("Correct the address."),
        "at": server.key.partition(" from ")[0], "users": asks, "quoted": shlex.quote(subject),
    }  # fmt: skip
    return Case(
        subject, form, missing, rows, words, "error" if sure else "warning", None if form.id == DEAD.id else server.key
    )


def plan(case: Case[Missing], _answers: Answers) -> Plan:
    """A restart for a dead engine; what to look at for the others."""
    container = case.facts.container
    if case.form.id == DEAD.id and container is None:
        return manual(_("Restart {case}; read its log first.", case=case.subject))
    if case.form is not DEAD or container is None:
        return manual(*case.advice)
    return repair(
        RestartContainer(container=container.id, name=container.name), restarts=(container.name,),
        says=(_("{case} loads its model again, which may take minutes.", case=case.subject),
              _(
                  "Read the cause first, it is lost with the next lines: docker logs --tail 200 {container}",
                  container=container.name,
              )),
        deadline=90.0, lock=container.labels.get(LABEL_DIRECTORY),
    )  # fmt: skip


CHECK = Check(
    "server.unreachable", "Model servers are where they are looked for", __doc__ or "", FORMS, find, plan,
    reads=("containers", "servers"),
)  # fmt: skip
