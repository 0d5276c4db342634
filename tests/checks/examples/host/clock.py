"""Clocks that are wrong, and what ``host.clock`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import HostInfo, LastWords, Snapshot

from examples import Example
from examples.snapshots import NOW
from examples.wiring.folder import live, service


def started(ahead: float, *, made: float = -60.0) -> Snapshot:
    """A container that was started so many seconds from now."""
    snapshot = live(service("app", "example/app:1"))
    moments = {"created_at": NOW + made, "started_at": NOW + ahead}
    return replace(snapshot, containers=tuple(replace(one, **moments) for one in snapshot.containers))


def said(line: str) -> Snapshot:
    """A program that ended with this."""
    snapshot = started(-60)
    return replace(snapshot, last_words=(LastWords(snapshot.containers[0].id, (line,), ended=True),))


NOT_YET = (
    "x509: certificate has expired or is not yet valid: current time 2015-01-01T00:00:09Z is before 2024",
    "Error: certificate is not yet valid", "reason: CERT_NOT_YET_VALID", "token used before issued",
    "Error: jwt not active", "SignatureDoesNotMatch: Signature not yet current",
)  # fmt: skip

FINDS = (
    *(Example(f"set the clock back by {seconds:.0f} s", started(seconds), "finding", "future", ())
      for seconds in (301.0, 3600.0, 86_400.0, 10_000_000.0)),
    Example("made it in the future", started(-60, made=7200.0), "finding", "future", ()),
    *(Example(f"said {line}", said(line), "finding", "not-yet-valid", ()) for line in NOT_YET),
)  # fmt: skip

FINDS_NOT = (
    *(Example(f"started it {-seconds:.0f} s ago", started(seconds), "ok")
      for seconds in (-1.0, -3600.0, -10_000_000.0)),
    *(Example(f"has clocks that differ by {seconds:.0f} s", started(seconds), "ok") for seconds in (1.0, 60.0, 299.0)),
    *(Example(f"said {line}", said(line), "ok") for line in (
        "certificate signed by unknown authority", "certificate has expired", "jwt expired", "invalid token",
        "x509: certificate has expired or is not yet valid: current time 2025-01-01T00:00:09Z is after 2024",
    )),
    Example("has no containers", Snapshot(NOW, HostInfo("x")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
