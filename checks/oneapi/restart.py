"""One API needs a restart, or is restarted in vain: boot loops, the stale list of channels, a changed config.json.

What it does
    Tells apart why a One API does not come up: its database is still starting (wait, with a countdown), is ready now
    (start One API again), is down, or will never be reached: wrong host, host port or loopback in SQL_DSN, another
    network, MySQL errors 1130, 1045 and 1049, token encoders without internet, Redis, an old Docker. For one that runs,
    compares what /v1/models lists with the models that its relay has answered 503 for, and its start with the
    channels' times where an administrator's access token is given (settings: [oneapi] access_token_env). For FastGPT,
    compares the time of the mounted config.json with its start, and judges whether it could read the new one.
    RestartCount alone is history, and Docker's own health means nothing here.

Why it matters
    "Restart One API" is the advice for everything, and helps in few cases. With MEMORY_CACHE_ENABLED, as FastGPT's
    compose file has it, a new channel is unknown to the relay for up to ten minutes while its page, its test and
    /v1/models show it; restarting before adding channels, as tutorials do, does not help for those added later.

Fix
    Waits where waiting is right, and changes nothing. Restarts One API alone where its list is old or its database
    has come up; recreates FastGPT alone where its config.json changed, since a replaced file is not seen by a restart.
    All else is told, with the database's password left out. On request one real request proves the restart; it costs
    tokens and is never sent without being asked for.

Sources
    one-api v0.6.7 and main (main.go, model/cache.go, middleware/distributor.go), issues 680, 773, 966, 1077, 2130,
    2309; FastGPT issues 1218 and 3645, compose files v4.7 to v4.8.23; go-sql-driver; docker-library/mysql.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.text import duration
from .. import Check, compose
from ..compose import placed
from .boot import boot_of, seconds_left, too_early
from .case import Case, basics, case_of
from .channels import caches, complaints, frequency, last_sync, stale_of, undecided
from .config import Change, change_of
from .repair import facts_of, plan_boot, plan_change, plan_stale
from .restart_examples import EXAMPLES
from .words import WORDS

ID = "oneapi.restart"
DEATHS = ("oneapi.db-", "oneapi.token-encoder", "oneapi.redis-failed", "oneapi.thread-refused", "oneapi.fatal")
USUAL = 6
"""Starts that are normal while the database comes up. fact: fastgpt-stack 5, two to six times."""


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per One API, and one for each FastGPT whose config.json has changed."""
    for place in placed(snapshot, "oneapi"):
        yield _judge(case_of(place, snapshot), snapshot)
    for place in placed(snapshot, "fastgpt"):
        change = change_of(place, snapshot)
        if change is not None:
            yield _changed(change)


def _judge(case: Case, snapshot: Snapshot) -> Result:
    container = case.container
    if container is not None and not container.detailed:
        return _unknown(case, "the container has not been inspected yet")
    boot = boot_of(case)
    if boot is not None:
        return _down(case, snapshot)
    if container is None:
        return Result(ID, case.name, "ok", f"{case.name} has not been started", evidence=basics(case))
    if container.state != "running":
        return Result(ID, case.name, "ok", f"{case.name} is {container.state}", evidence=basics(case))
    if too_early(case):
        return _unknown(case, "it has only just been started and does not answer yet")
    if not case.up:
        why = case.state.sentence if case.state and case.state.sentence else "nobody answers"
        return _unknown(case, f"it runs, but does not answer: {why}")
    return _running(case, snapshot)


def _down(case: Case, snapshot: Snapshot) -> Result:
    boot = boot_of(case)
    if boot is None:
        return _unknown(case, "it has come up meanwhile")
    title, because, fix = (text.format(**facts_of(case, snapshot)) for text in WORDS[boot.form])
    evidence, facts = [*basics(case), *_said(case, snapshot)], {}
    severity: Severity = "error"
    if boot.until is not None:
        left = seconds_left(boot, snapshot.taken_at)
        title += f": at most {left:.0f} s more"
        evidence.append(Evidence("time left", f"{left:.0f} s", "reckoned from the start of the database"))
        facts = {"deadline": f"{boot.until:.1f}", "seconds_left": f"{left:.0f}"}
        restarts = case.container.restart_count if case.container else None
        severity = "warning" if (restarts or 0) > USUAL else "info"
    safety = plan_boot(case, _bare(case.name, boot.form, title), snapshot).safety
    found = compose.finding(
        ID, case.name, boot.form, title, severity=severity, because=because, evidence=tuple(evidence),
        fix=FixSummary(safety, fix),
    )  # fmt: skip
    return replace(found, facts=facts)


def _said(case: Case, snapshot: Snapshot) -> Iterator[Evidence]:
    """The lines it died with, and those of a database that does not come up; each line once."""
    rows = compose.log_evidence(snapshot, case.container, DEATHS)
    if not rows:
        source = f"docker logs {case.name}"
        rows = tuple(Evidence("log of the run before", mark.text, source) for mark in case.before)
    if case.database:
        rows += compose.log_evidence(snapshot, case.database.container, ("mysql.",))
    yield from dict.fromkeys(rows)


def _running(case: Case, snapshot: Snapshot) -> Result:
    """It is up: whether it relays by an old list."""
    evidence = (*basics(case), *_http(case))
    stale = stale_of(case)
    if stale is not None:
        facts = facts_of(case, snapshot)
        title, because, fix = (text.format(**facts) for text in WORDS["stale-channels"])
        rows = [*evidence, *(Evidence("log", one.line.text, f"docker logs {case.name}") for one in stale.asked)]
        for channel in stale.channels:
            late = (channel.created_at or 0.0) - (last_sync(case) or 0.0)
            value = f"made {duration(late)} after One API last read its channels"
            rows.append(Evidence(f"channel {channel.id} {channel.name}", value, "/api/channel"))
        return compose.finding(
            ID, case.name, "stale-channels", title, severity="error" if stale.asked else "warning", because=because,
            evidence=tuple(rows), fix=FixSummary("disruptive", fix),
        )  # fmt: skip
    doubtful = undecided(case)
    if doubtful:
        names = ", ".join(one.model for one in doubtful)
        return _unknown(case, f"the relay has no channel for {names}, and {_why_not_told(case)}", evidence)
    return Result(ID, case.name, "ok", _fine(case), evidence=evidence)


def _fine(case: Case) -> str:
    without = ", ".join(one.model for one in complaints(case))
    if without and caches(case):
        return f"{case.name} runs; no restart helps with {without}: no channel offers it"
    if without:
        return f"{case.name} keeps no list of channels, so no restart helps with {without}"
    return f"{case.name} runs and knows its channels" if case.answers else f"{case.name} runs"


def _why_not_told(case: Case) -> str:
    """Why nobody can tell whether the database has a channel for it."""
    state = case.state
    if state is None or state.trouble:
        return "One API could not be asked over HTTP"
    if state.models_trouble == "no-key":
        return "no FastGPT here has a key for this One API"
    if state.models_trouble == "wrong-key":
        return "One API refuses the key that FastGPT uses"
    if state.models is None:
        return "its list of models could not be read"
    return "this release lists every model whether or not there is a channel; an access token would tell"


def _http(case: Case) -> Iterator[Evidence]:
    state = case.state
    if state is None or state.address is None:
        return
    if state.start_time is not None:
        ago = max(0.0, case.now - state.start_time)
        yield Evidence("process started", f"{duration(ago)} ago", f"GET {state.address}/api/status")
    if state.models is not None:
        shown = ", ".join(state.models[:8]) + (f" and {len(state.models) - 8} more" if len(state.models) > 8 else "")
        yield Evidence("models listed", shown or "none", f"GET {state.address}/v1/models with FastGPT's key")
    read = last_sync(case)
    if read is not None:
        every = f"every {duration(frequency(case))}"
        yield Evidence("channels last read", f"{duration(case.now - read)} ago, {every}", "log and environment")


def _changed(change: Change) -> Result:
    """A FastGPT whose config.json was edited after its start."""
    place, path = change.place, change.fact.path
    container = place.container
    form = "config-unreadable" if change.complaint else "config-changed"
    facts = {"name": place.subject, "path": path, "complaint": change.complaint or ""}
    title, because, fix = (text.format(**facts) for text in WORDS[form])
    rows = [Evidence("mounted at", change.found.mount.target, f"docker inspect {place.subject}")]
    if change.fact.mtime is not None and container and container.started_at is not None:
        late = change.fact.mtime - container.started_at
        words = f"{duration(late)} after FastGPT started" if late > 0 else "before FastGPT started"
        rows.append(Evidence("file written", words, path))
    if change.replaced:
        rows.append(Evidence("container holds", "the file that was there before", "mountinfo of its process"))
    safety = plan_change(change, _bare(place.subject, form, title)).safety
    return compose.finding(
        ID, place.subject, form, title, severity="warning", because=because, evidence=tuple(rows),
        fix=FixSummary(safety, fix),
    )  # fmt: skip


def _bare(subject: str, form: str, title: str) -> Result:
    return Result(ID, subject, "finding", title, form=form)


def _unknown(case: Case, because: str, evidence: tuple[Evidence, ...] | None = None) -> Result:
    title = f"Whether {case.name} needs a restart cannot be told"
    return Result(ID, case.name, "unknown", title, evidence=evidence or basics(case), because=because)


def plan(result: Result, snapshot: Snapshot, _settings: Settings, answers: Mapping[str, str]) -> Plan:
    """The repair of one finding, from the same Snapshot."""
    for place in placed(snapshot, "oneapi"):
        if place.subject == result.subject:
            case = case_of(place, snapshot)
            if boot_of(case) is not None:
                return plan_boot(case, result, snapshot)
            if stale_of(case) is not None:
                return plan_stale(case, result, snapshot, answers)
    for place in placed(snapshot, "fastgpt"):
        change = change_of(place, snapshot) if place.subject == result.subject else None
        if change is not None:
            return plan_change(change, result)
    return compose.manual(result, "There is nothing to repair any more.")


CHECK = Check(
    id=ID, title="One API is up and knows its channels", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
