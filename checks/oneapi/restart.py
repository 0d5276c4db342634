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

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.steps import ComposeUp, RestartContainer
from ...console.model import FileFact, JsonFact
from ...console.products.gateways import release
from ...console.products.offers import IN_MONGODB, JSON5
from ...console.text import _
from ...console.text.cleaning import duration
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Placed, placed
from ..subjects import Reach, fact_of, reach
from .boot import FORMS, Down, bring_up, down_case, down_of
from .one_api import (
    STALE,
    OneApi,
    Stale,
    basics,
    caches,
    complaints,
    frequency,
    last_sync,
    one_api,
    restart,
    stale_case,
    stale_of,
    undecided,
    version_of,
)

TARGET = "/app/data/config.json"
SLACK = 1.0
"""Seconds: file systems and the Engine do not agree to the last digit."""
LISTS = frozenset({"llmModels", "vectorModels", "chatModels", "qaModels", "reRankModels", "audioSpeechModels"})
CONFIG_CHANGED = Form(
    "config-changed",
    "{subject} still runs on the config.json from before {path} was changed",
    "FastGPT reads the file once, when it starts",
    "recreate FastGPT",
    "warning",
    advice="The container was not made by Compose: make it anew, so that it gets the new file.",
)
CONFIG_UNREADABLE = Form(
    "config-unreadable",
    "{path} was changed, and {subject} could not read it: {complaint}",
    "The running FastGPT still has the old one; at its next start it would end and be started again for ever",
    "correct the file first",
    "warning",
    advice="Correct it at the place named, then look again. Do not restart {subject} before.",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each One API, and each FastGPT whose config.json has changed."""
    for place in placed(snapshot, "oneapi"):
        yield _judge(one_api(place, snapshot), snapshot)
    for place in placed(snapshot, "fastgpt"):
        change = change_of(place, snapshot)
        if change is not None:
            yield _changed(change)


def _judge(one: OneApi, snapshot: Snapshot) -> Found:
    container = one.container
    down = down_of(one)
    if down is not None:
        return down_case(down, snapshot)
    if not one.running:
        state = _("has not been started") if container is None else _("is {state}", state=container.state)
        return Fine(one.name, f"{one.name} {state}", basics(one))
    if one.early:
        return _unknown(one, _("it has only just been started and does not answer yet"))
    if not one.up:
        why = one.state.sentence if one.state and one.state.sentence else _("nobody answers")
        return _unknown(one, _("it runs, but does not answer: {why}", why=why))
    return _running(one, snapshot)


def _running(one: OneApi, snapshot: Snapshot) -> Found:
    """It is up: whether it relays by an old list."""
    rows, stale = (*basics(one), *_http(one)), stale_of(one, snapshot)
    if stale is not None:
        return stale_case(stale, rows)
    doubtful = ", ".join(each.model for each in undecided(one))
    if doubtful:
        return _unknown(
            one,
            _(
                "the relay has no channel for {doubtful}, and {why_not_told}",
                doubtful=doubtful,
                why_not_told=_why_not_told(one),
            ),
            rows,
        )
    return Fine(one.name, _fine(one), rows)


def _unknown(one: OneApi, why: str, rows: tuple[Evidence, ...] = ()) -> Unknown:
    return Unknown(one.name, _("Whether {one} needs a restart cannot be told", one=one.name), why, rows or basics(one))


def _fine(one: OneApi) -> str:
    without = ", ".join(each.model for each in complaints(one))
    if without and caches(one):
        return _("{one} runs; no restart helps with {without}: no channel offers it", one=one.name, without=without)
    if without:
        return _("{one} keeps no list of channels, so no restart helps with {without}", one=one.name, without=without)
    return _("{one} runs and knows its channels", one=one.name) if one.answers else _("{one} runs", one=one.name)


def _why_not_told(one: OneApi) -> str:
    """Why nobody can tell whether the database has a channel for it."""
    state = one.state
    if state is None or state.trouble:
        return _("One API could not be asked over HTTP")
    if state.models_trouble == "no-key":
        return _("no FastGPT here has a key for this One API")
    if state.models_trouble == "wrong-key":
        return _("One API refuses the key that FastGPT uses")
    if state.models is None:
        return _("its list of models could not be read")
    return _("this release lists every model whether or not there is a channel; an access token would tell")


def _http(one: OneApi) -> Iterator[Evidence]:
    state = one.state
    if state is None or state.address is None:
        return
    if state.start_time is not None:
        ago = max(0.0, one.now - state.start_time)
        yield Evidence(_("process started"), _("{ago} ago", ago=duration(ago)), f"GET {state.address}/api/status")
    if state.models is not None:
        shown = ", ".join(state.models[:8]) + (
            _(" and {count} more", count=len(state.models) - 8) if len(state.models) > 8 else ""
        )
        yield Evidence(_("models listed"), shown or "none", f"GET {state.address}/v1/models with FastGPT's key")
    read = last_sync(one)
    if read is not None:
        every = _("every {frequency}", frequency=duration(frequency(one)))
        yield Evidence(
            _("channels last read"),
            _("{now} ago, {every}", now=duration(one.now - read), every=every),
            _("log and environment"),
        )


@dataclass(frozen=True)
class UnreadEdit:
    """An edit that the running FastGPT has not read."""

    place: Placed
    found: Reach
    fact: FileFact
    replaced: bool
    """The container still holds the file that was there before: its editor wrote a new one."""
    complaint: str | None
    """What this release would say of the new content and end; None when it would read it, as far as can be told."""
    unsure: bool
    """Whether it would read it could not be judged."""
    lists_ignored: bool
    """The file lists models, which this release does not read any more."""


def change_of(place: Placed, snapshot: Snapshot) -> UnreadEdit | None:
    """What changed since this FastGPT started; None when nothing did, or it does not run."""
    container = place.container
    if container is None or not container.detailed or container.state != "running" or container.started_at is None:
        return None
    found = reach(TARGET, container.mounts)
    fact = fact_of(snapshot, found.source) if found and found.kind == "bind" else None
    if found is None or fact is None or fact.kind != "file":
        return None
    replaced = getattr(found.mount, "stale", None) is True
    newer = fact.mtime is not None and fact.mtime > container.started_at + SLACK
    if not (newer or replaced):
        return None
    json = next((j for j in snapshot.json_files if j.path == fact.path), None)
    return UnreadEdit(place, found, fact, replaced, *as_read(json, release(version_of(snapshot, container))))


def as_read(json: JsonFact | None, version: tuple[int, ...] | None) -> tuple[str | None, bool, bool]:
    """What this release would complain of, whether that is unsure, and whether it ignores lists of models there."""
    if json is None:
        return None, True, False
    strict = version is not None and version < JSON5
    ignored = version is not None and version >= IN_MONGODB and bool(LISTS & set(json.keys))
    return json.strict if strict else json.relaxed, json.unsure and not strict, ignored


def _changed(change: UnreadEdit) -> Case[UnreadEdit]:
    place, path, container = change.place, change.fact.path, change.place.container
    rows = [Evidence(_("mounted at"), change.found.mount.target, f"docker inspect {place.subject}")]
    if change.fact.mtime is not None and container and container.started_at is not None:
        late = change.fact.mtime - container.started_at
        words = _("{late} after FastGPT started", late=duration(late)) if late > 0 else _("before FastGPT started")
        rows.append(Evidence(_("file written"), words, path))
    if change.replaced:
        rows.append(Evidence(_("container holds"), _("the file that was there before"), _("mountinfo of its process")))
    return Case(
        place.subject, CONFIG_UNREADABLE if change.complaint else CONFIG_CHANGED, change, tuple(rows),
        {"path": path, "complaint": change.complaint or ""},
    )  # fmt: skip


def plan(case: Case[Down | Stale | UnreadEdit], answers: Answers) -> Plan:
    """Wait, restart One API alone, recreate FastGPT alone, or say what only a person can do."""
    if isinstance(case.facts, Down):
        return bring_up(case.facts, case.advice)
    return restart(case.facts, answers) if isinstance(case.facts, Stale) else _recreate(case.facts, case.advice)


def _recreate(change: UnreadEdit, advice: tuple[str, ...]) -> Plan:
    place, container = change.place, change.place.container
    step: ComposeUp | RestartContainer | None = compose.bring_up(place, force=True)
    if step is None and container is not None and not change.replaced:
        step = RestartContainer(container=container.id, name=container.name)
    if step is None or change.complaint:
        return manual(*advice)
    return repair(step, says=_says(change), restarts=(place.subject,), lock=place.directory)


def _says(change: UnreadEdit) -> Iterator[str]:
    yield _("Only FastGPT is recreated; One API does not read this file and is not restarted.")
    if change.unsure:
        yield _(
            "Whether this FastGPT can read the new {path} could not be judged; if not, it is taken back.",
            path=change.fact.path,
        )
    if change.lists_ignored:
        yield _("The lists of models in it are ignored from v4.8.20 on: manage models on FastGPT's own pages.")


CHECK = Check(
    "oneapi.restart", "One API is up and knows its channels", __doc__ or "",
    (*FORMS, STALE, CONFIG_CHANGED, CONFIG_UNREADABLE), find, plan,
    reads=("containers", "projects", "services", "oneapis", "files", "json_files", "log_marks"),
)  # fmt: skip
