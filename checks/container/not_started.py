"""The Engine could not start a container: a port is taken, a mount or a program is missing, a GPU refused.

What it does
    Reads the reason that the Engine keeps (State.Error) of a container that is `created` or ended without having run,
    and says its end, where the cause stands, instead of the preamble of the OCI runtime. For a port that is taken it
    names who publishes it.

Why it matters
    `docker compose up -d` prints such an error once, somewhere between twenty lines of other services. Afterwards the
    container is merely `created`, and nothing shows why.

Fix
    Explained: what holds the port, the file or the device is the operator's. Then the container can be started.

Sources
    moby daemon/start.go and libnetwork's port allocator; the messages of runc 1.1 for mounts and programs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..gpu.toolkit import refused
from ..subjects import Life, lives

_PORT = re.compile(
    r"(?:Bind for|listen (?P<protocol>tcp|udp)[46]?) (?P<host>\S*?):(?P<port>\d{1,5})(?:: bind: address already in use"
    r"| failed: port is already allocated)|(?:exposing port (?P<protocol2>\S+) |ports are not available: .*?)"
    r"(?P<host2>[\d.]+):(?P<port2>\d{1,5})"
)
_PREAMBLE = re.compile(
    r"^(?:failed to create (?:shim task|task for container)|OCI runtime create failed|runc create failed"
    r"|unable to start container process|driver failed programming external connectivity on endpoint \S+ \(\w+\)"
    r"|Error response from daemon|error during container init|container_linux\.go:\d+|starting container process caused"
    r"|process_linux\.go:\d+|rootfs_linux\.go:\d+|container init caused|failed to set up container networking)"
    r"(?!\w):? *"
)

PORT_TAKEN = Form(
    "port-taken",
    "{subject} was never started: port {port} of this machine is held by {holder}",
    "Two cannot listen on one port. The container was made and then could not be started",
    "free the port or publish another one, then start it",
)
REFUSED = Form(
    "refused",
    "{subject} could not be started: {reason}",
    "The Engine gave this reason when it was started last",
    "remove the cause, then start it",
)


@dataclass(frozen=True)
class Refusal:
    """A start that failed."""

    life: Life
    reason: str
    port: int | None = None
    holder: str = ""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container whose last start failed."""
    for life in lives(snapshot):
        c = life.container
        if refused(c):
            continue
        if c.error and c.state in ("created", "exited", "dead"):
            yield _case(_refusal(life, c.error))
        elif c.state == "created":
            yield Fine(life.name, _("{life} was made, and nobody has tried to start it", life=life.name))


def _refusal(life: Life, error: str) -> Refusal:
    found = _PORT.search(error)
    if found is None:
        return Refusal(life, cause_of(error))
    port = int(found["port"] or found["port2"])
    protocol = (found["protocol"] or found["protocol2"] or "").lower()
    held = {name for at, by, name in life.container.port_holders if at == port and protocol in ("", by)}
    return Refusal(life, cause_of(error), port, _(" and ").join(sorted(held)) or _("somebody else"))


def cause_of(error: str) -> str:
    """The end of the Engine's reason, where the cause stands: its preambles are taken off one after the other."""
    text = " ".join(error.split())
    while (rest := _PREAMBLE.sub("", text, count=1)) != text:
        text = rest
    return text.removesuffix(": unknown").strip() or " ".join(error.split())


def _case(refusal: Refusal) -> Case[Refusal]:
    name = refusal.life.name
    rows = (
        Evidence(_("the Engine says"), refusal.reason, f"docker inspect {name}"),
        *refusal.life.rows()[:2],
    )
    words = {"port": str(refusal.port), "holder": refusal.holder, "reason": clip(refusal.reason, 160)}
    return Case(name, REFUSED if refusal.port is None else PORT_TAKEN, refusal, rows, words)


def plan(case: Case[Refusal], _answers: Answers) -> Plan:
    """What to free, and the command that starts it."""
    refusal = case.facts
    start = _("Then start it: docker start {case}", case=shlex.quote(case.subject))
    if refusal.port is None:
        return manual(_("The Engine says: {reason}", reason=refusal.reason), start)
    if refusal.holder != "somebody else":
        return manual(
            _(
                "{holder} publishes port {port}: stop it, or publish another port in the compose file.",
                holder=refusal.holder,
                port=refusal.port,
            ),
            start,
        )
    return manual(
        _("See who listens: sudo ss -ltunp 'sport = :{port}'", port=refusal.port),
        _("Stop that program, or publish another port in the compose file."), start,
    )  # fmt: skip


CHECK = Check(
    "container.not-started", "Every container that was made could be started", __doc__ or "", (PORT_TAKEN, REFUSED),
    find, plan, reads=("containers", "services", "last_words"),
)  # fmt: skip
