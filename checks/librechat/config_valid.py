"""librechat.yaml is read, but LibreChat does not accept it, or not all of it.

What it does
    Judges the file by the rules of the LibreChat release that runs (its start banner, its image tag, the tag in the
    compose file, else the newest release known here; ``librechat.release`` in the settings overrides it): the YAML with
    the line and column LibreChat logs, the schema with the reasons LibreChat lists, the Azure OpenAI groups, and the
    custom endpoints that are left out without a word because of ``baseUrl``, ``apikey`` or a missing ``models``. Of
    endpoints that appear it reports those that lead nowhere: localhost inside a container, /v1 missing or doubled.

Why it matters
    A syntax error makes LibreChat run on its defaults with one line in the log; an error of the schema does the same up
    to v0.8.1 and ends the server from v0.8.2 on, which looks like a restart loop; an invalid Azure group ends it in
    every release. An endpoint that is left out is not logged at all.

Fix
    Damage with exactly one right answer is repaired in the text, proven and shown as a diff: keys that slipped out from
    under ``models`` or ``interface``, list items indented too deep, a missing ``version``, ``baseUrl`` and ``apikey``,
    numbers and dates that must be in quotes, ``yes`` for ``true``. A container that reads the file is recreated. For
    everything else the plan says what to write and where.

Sources
    LibreChat v0.7.2, v0.8.2 and v0.8.7: loadCustomConfig.js, data-provider config.ts and azure.ts, loadEndpoints;
    js-yaml 4.1; LibreChat issues 2352, 4736, 4939, 5386, 6281, 8507, 9561, 10733; 40 texts judged by the real schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Safety, Severity
from ...console.model import ConfigIssue, ConfigVerdict, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import AnyStep, EditFile, RepairConfig
from .. import Check, compose
from ..compose import Placed, placed
from .config_valid_examples import EXAMPLES

ID = "librechat.config-valid"
SHOWN = 8
"""Issues that are listed; more of them are counted."""
HOW = {
    "settings": "named in the settings", "log": "from the start banner in its log", "image": "from the image tag",
    "package.json": "from package.json in the container",
    "compose file": "from the image tag in the compose file", "newest": "assumed, the newest known here",
}  # fmt: skip
BOOTS = {
    "ok": "The server starts",
    "defaults": "The server logs it and runs on its defaults, as if there were no file",
    "exit 1": "The server logs it and exits with 1, so it restarts for ever",
    "crash": "The server throws while starting and never comes up",
}
"""fact: librechat-stack 5.1"""
TITLES = {
    "syntax": "{path} is not valid YAML",
    "empty": "{path} is empty",
    "schema": "LibreChat {release} refuses {path}",
    "azure": "The Azure OpenAI groups in {path} keep LibreChat from starting",
    "dropped": "{count} in {path} never appear{s} in LibreChat",
    "wiring": "An endpoint in {path} leads nowhere",
}
BECAUSE = {
    "syntax": "The YAML reader stops at the first fault",
    "empty": "There is nothing in the file but comments",
    "schema": "A file with one fault is refused as a whole",
    "azure": "The groups are checked at the start, and the first fault ends it",
    "dropped": "An endpoint without name, apiKey, baseURL and models is left out, and nothing is logged",
    "wiring": "The file is accepted, but requests to the address cannot arrive",
}


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per LibreChat service."""
    for place in placed(snapshot, "librechat"):
        yield _result(place, snapshot)


def verdict_of(place: Placed, snapshot: Snapshot) -> ConfigVerdict | None:
    """The verdict on a service's file: by its container, else by project and service."""
    if place.container is not None:
        own = [one for one in snapshot.config_verdicts if one.container == place.container.id]
    else:
        names = (place.project_name, place.service)
        own = [one for one in snapshot.config_verdicts if not one.container and (one.project, one.service) == names]
    return own[0] if own else None


def _result(place: Placed, snapshot: Snapshot) -> Result:
    setting = compose.variable("CONFIG_PATH", place)
    if setting and setting.startswith(("http://", "https://")):
        title = "CONFIG_PATH is a URL: LibreChat fetches its configuration itself"
        return Result(ID, place.subject, "not_applicable", title)
    verdict = verdict_of(place, snapshot)
    if verdict is None:
        because = "It has not been looked at yet, or it lies where it cannot be looked at from here"
        return Result(ID, place.subject, "unknown", "Whether librechat.yaml is valid cannot be told", because=because)
    if verdict.problem is not None:
        title = f"Whether {verdict.path} is valid cannot be told"
        return Result(ID, place.subject, "unknown", title, because=f"{verdict.path}: {verdict.problem}")
    if verdict.stage is None or verdict.boot is None:
        return Result(ID, place.subject, "not_applicable", "There is no librechat.yaml to judge")
    form = _form(verdict)
    if form is None:
        title = f"LibreChat {verdict.release} accepts {verdict.path}"
        return Result(ID, place.subject, "ok", title, evidence=_verdict_rows(verdict))
    return _finding(place, snapshot, verdict, form)


def _form(verdict: ConfigVerdict) -> str | None:
    if verdict.stage == "ok":
        return "wiring" if verdict.issues else None
    return {"yaml": "syntax"}.get(verdict.stage or "", verdict.stage)


def _finding(place: Placed, snapshot: Snapshot, verdict: ConfigVerdict, form: str) -> Result:
    count = len(verdict.dropped)
    title = TITLES[form].format(
        path=verdict.path, release=verdict.release, s="s" if count == 1 else "",
        count=f"{count} endpoint{'' if count == 1 else 's'}",
    )  # fmt: skip
    where = _where(verdict.issues[0]) if verdict.issues else ""
    if form == "syntax" and where:
        title = f"{title} ({where})"
    severity: Severity = "warning" if form in {"dropped", "wiring"} else "error"
    safety = _safety(place, verdict)
    steps = [repair.says for repair in verdict.repairs]
    summary = "; ".join(steps) if 0 < len(steps) <= 2 else f"{len(steps)} repairs of {verdict.path}"
    return compose.finding(
        ID, place.subject, form, title, severity=severity,
        because=f"{BECAUSE[form]}. {BOOTS[verdict.boot or 'ok']}",
        evidence=(*_verdict_rows(verdict), *_issue_rows(verdict), *_log_rows(place, snapshot)),
        fix=FixSummary(safety, summary if steps else "say what to write, and where"),
    )  # fmt: skip


def _verdict_rows(verdict: ConfigVerdict) -> tuple[Evidence, ...]:
    """The vector file's own words. Whoever compares, compares these."""
    judged = f"{verdict.path}, judged as LibreChat {verdict.release} does"
    rows = [Evidence("stage", verdict.stage or "", judged), Evidence("boot", verdict.boot or "", judged)]
    if verdict.dropped:
        rows.append(Evidence("dropped", ",".join(verdict.dropped), judged))
    return (*rows, Evidence("release", f"{verdict.release} ({HOW.get(verdict.release_from, '?')})", judged))


def _issue_rows(verdict: ConfigVerdict) -> Iterator[Evidence]:
    for issue in verdict.issues[:SHOWN]:
        yield Evidence(_where(issue) or "fault", _sentence(issue), _source(verdict, issue))
    more = len(verdict.issues) - SHOWN
    if more > 0:
        yield Evidence("further faults", str(more), verdict.path)


def _log_rows(place: Placed, snapshot: Snapshot) -> tuple[Evidence, ...]:
    return compose.log_evidence(snapshot, place.container, ("librechat.config",))[-1:]


def _where(issue: ConfigIssue) -> str:
    return "" if issue.line is None else f"line {issue.line}, column {issue.column}"


def _source(verdict: ConfigVerdict, issue: ConfigIssue) -> str:
    return verdict.path if issue.line is None else f"{verdict.path}:{issue.line}:{issue.column}"


def _sentence(issue: ConfigIssue) -> str:
    """What is wrong, where in the data, and what to write. No colon: behind ``apiKey:`` stands a secret."""
    at = f" (at {issue.path})" if issue.path and issue.kind == "schema" else ""
    return f"{issue.message}{at}" + (f"; {issue.advice}" if issue.advice else "")


def _safety(place: Placed, verdict: ConfigVerdict) -> Safety:
    if not verdict.repairs:
        return "manual"
    return "disruptive" if _restart(place, verdict) else "safe"


def _restart(place: Placed, verdict: ConfigVerdict) -> AnyStep | None:
    """What makes the server read the file again; nothing where no container has it."""
    return compose.bring_up(place, force=True) if place.container is not None and verdict.mounted else None


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The repair of one finding, from the same Snapshot."""
    place = next((p for p in placed(snapshot, "librechat") if p.subject == result.subject), None)
    verdict = verdict_of(place, snapshot) if place else None
    if place is None or verdict is None or verdict.problem is not None or _form(verdict) is None:
        return compose.manual(result, "There is nothing to repair any more.")
    if not verdict.repairs:
        return compose.manual(result, *_by_hand(place, verdict))
    edits = tuple(RepairConfig(repair, verdict.release) for repair in verdict.repairs)
    steps: list[AnyStep] = [EditFile(path=verdict.path, edits=edits)]
    restart = _restart(place, verdict)
    steps += [restart] if restart else []
    return Plan(
        check=ID, subject=place.subject, title=result.title, steps=tuple(steps), safety=_safety(place, verdict),
        restarts=(place.subject,) if restart else (), says=tuple(_says(place, verdict, restart)), lock=place.directory,
    )  # fmt: skip


def _says(place: Placed, verdict: ConfigVerdict, restart: AnyStep | None) -> Iterator[str]:
    yield f"Nothing else in {verdict.path} is touched; comments and blank lines stay as they are."
    if restart is not None:
        yield f"{place.subject} is recreated, so that it reads the file again; answers being written are cut off."
        yield "No image is pulled: a newer `latest` stays where it is."
    elif place.container is None:
        yield "Nothing of this service has been started: only the file is written."
    elif verdict.mounted:
        yield f"Restart {place.subject} yourself afterwards: it was not made by Compose, or its files are gone."
    else:
        yield f"{place.subject} does not read this file at present: see librechat.config-mount."
    if verdict.release_from == "newest":
        yield f"Judged as LibreChat {verdict.release}, because nothing tells the release; librechat.release names it."


def _by_hand(place: Placed, verdict: ConfigVerdict) -> Iterator[str]:
    yield f"Correct {verdict.path}; what is meant there is for you to decide:"
    for issue in verdict.issues[:SHOWN]:
        where = _where(issue)
        yield f"{where}: {_sentence(issue)}" if where else _sentence(issue)
    if verdict.mounted and place.service:
        yield f"Then: docker compose up -d --force-recreate --no-deps {place.service}"


CHECK = Check(
    id=ID, title="LibreChat accepts its librechat.yaml", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
