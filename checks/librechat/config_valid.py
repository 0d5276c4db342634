"""librechat.yaml is read, but LibreChat does not accept it, or not all of it.

What it does
    Judges the file by the rules of the LibreChat release that runs (its start banner, its image tag, the tag in the
    compose file, else the newest release known here; ``librechat.release`` in the settings overrides it): the YAML with
    the line and column LibreChat logs, the schema with the reasons LibreChat lists, the Azure OpenAI groups, and the
    custom endpoints that are left out without a word because of ``baseUrl``, ``apikey`` or a missing ``models``. Of
    what is accepted it reports addresses (of endpoints, Azure groups, OCR, speech, MCP servers) without http:// or https://,
    with /v1 missing or doubled or a whole request appended, and ``${NAME}`` that nothing sets. All faults are told at
    once. Where an address leads is the matter of wiring.address.

Why it matters
    A syntax error makes LibreChat run on its defaults with one line in the log; an error of the schema does the same up
    to v0.8.1 and ends the server from v0.8.2 on, which looks like a restart loop; an invalid Azure group ends it in
    every release. An endpoint that is left out is not logged at all.

Fix
    Damage with exactly one right answer is repaired in the text, proven and shown as a diff: keys that slipped out from
    under ``models`` or ``interface``, list items indented too deep, a missing ``version``, ``baseUrl`` and ``apikey``,
    numbers and dates that must be in quotes, ``yes`` for ``true``. A container that reads the file is recreated. For
    everything else the plan says what to write and where; what can be repaired is, beside faults that are for you.

Sources
    LibreChat v0.7.2, v0.8.2 and v0.8.7: loadCustomConfig.js, data-provider config.ts and azure.ts, loadEndpoints;
    js-yaml 4.1; LibreChat issues 2352, 4736, 4939, 5386, 6281, 8507, 9561, 10733; 40 texts judged by the real schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import ComposeUp, EditFile, RepairConfig
from ...console.model import ConfigIssue, ConfigRepair, ConfigVerdict
from ...console.products.librechat.env import OLDEST, number
from ...console.text import N_, _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Placed, placed
from .process import api_of

SYNTAX = Form("syntax", "{path} is not valid YAML", "The YAML reader stops at the first fault. {boots}", "{repairs}")
SYNTAX_AT = replace(SYNTAX, variant="at", title="{path} is not valid YAML ({where})")
EMPTY = Form("empty", "{path} is empty", "There is nothing in the file but comments. {boots}", "{repairs}")
SCHEMA = Form(
    "schema", "LibreChat {release} refuses {path}", "A file with one fault is refused as a whole. {boots}", "{repairs}"
)
AZURE = Form(
    "azure",
    "The Azure OpenAI groups in {path} keep LibreChat from starting",
    "The groups are checked at the start, and the first fault ends it. {boots}",
    "{repairs}",
)
DROPPED = Form(
    "dropped",
    "{count} endpoints in {path} never appear in LibreChat",
    "An endpoint without name, apiKey, baseURL and models is left out, and nothing is logged. {boots}",
    "{repairs}",
    "warning",
)
DROPPED_ONE = replace(DROPPED, variant="one", title="1 endpoint in {path} never appears in LibreChat")
WIRING = Form(
    "wiring",
    "LibreChat accepts {path}, but not all of it can work",
    "What it names lacks a part of its address, or a variable that nothing sets. {boots}",
    "{repairs}",
    "warning",
)
FORMS = (SYNTAX, SYNTAX_AT, EMPTY, SCHEMA, AZURE, DROPPED, DROPPED_ONE, WIRING)
STAGES = {"yaml": SYNTAX, "empty": EMPTY, "schema": SCHEMA, "azure": AZURE, "dropped": DROPPED}
SHOWN = 20
"""Issues that are listed; more of them are counted."""
HOW = {
    "settings": N_("named in the settings"), "log": N_("from the start banner in its log"),
    "image": N_("from the image tag"), "package.json": N_("from package.json in the container"),
    "compose file": N_("from the image tag in the compose file"), "newest": N_("assumed, the newest known here"),
}  # fmt: skip
BOOTS = {
    "ok": N_("The server starts"),
    "defaults": N_("The server logs it and runs on its defaults, as if there were no file"),
    "exit 1": N_("The server logs it and exits with 1, so it restarts for ever"),
    "crash": N_("The server throws while starting and never comes up"),
}
"""What becomes of the server: loadCustomConfig.js of v0.7.2, v0.8.2 and v0.8.7."""
ENDS = ("exit 1", "crash")


@dataclass(frozen=True)
class Judged:
    """A LibreChat service, and the verdict on its file."""

    place: Placed
    verdict: ConfigVerdict

    @property
    def repairs(self) -> tuple[ConfigRepair, ...]:
        """Those that are offered: none where a server that runs would end over what they bring to light."""
        verdict = self.verdict
        worse = verdict.boot in ("ok", "defaults") and verdict.left_boot in ENDS
        return () if worse and verdict.container else verdict.repairs

    @property
    def recreate(self) -> ComposeUp | None:
        """What makes the server read the file again; nothing where no container has it, or it would end over it."""
        reads = self.verdict.mounted and self.verdict.left_boot not in ENDS
        return compose.bring_up(self.place, force=True) if reads else None


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat service that has a file to be judged."""
    for place in placed(snapshot, "librechat"):
        if not api_of(place, snapshot).config_url:
            yield from _judge(place, snapshot)


def _judge(place: Placed, snapshot: Snapshot) -> Iterator[Found]:
    verdict = _verdict_of(place, snapshot)
    if verdict is None:
        why = _("It has not been looked at yet, or it lies where it cannot be looked at from here")
        yield Unknown(place.subject, _("Whether librechat.yaml is valid cannot be told"), why)
    elif verdict.problem is not None:
        why = f"{verdict.path}: {verdict.problem}"
        yield Unknown(place.subject, _("Whether {path} is valid cannot be told", path=verdict.path), why)
    elif verdict.stage is not None and verdict.boot is not None:
        rows, form = _verdict_rows(verdict), _form(verdict)
        if form is None:
            yield Fine(
                place.subject, _("LibreChat {release} accepts {path}", release=verdict.release, path=verdict.path), rows
            )
            return
        log = compose.log_evidence(snapshot, place.container, ("librechat.config",))[-1:]
        rows, judged = (*rows, *_issue_rows(verdict), *log), Judged(place, verdict)
        # beside faults that stay, a repair is proven by those that go
        mended = [one.says for one in judged.repairs] if verdict.left else []
        yield Case(place.subject, form, judged, rows, _words(judged), about="; ".join(mended) or None)


def _verdict_of(place: Placed, snapshot: Snapshot) -> ConfigVerdict | None:
    """The verdict on a service's file: by its container, else by project and service."""
    if place.container is not None:
        own = (one for one in snapshot.config_verdicts if one.container == place.container.id)
    else:
        names = (place.project_name, place.service)
        own = (one for one in snapshot.config_verdicts if not one.container and (one.project, one.service) == names)
    return next(own, None)


def _form(verdict: ConfigVerdict) -> Form | None:
    if verdict.stage == "ok":
        return WIRING if verdict.issues else None
    form = STAGES[verdict.stage or ""]
    if form is SYNTAX and verdict.issues and _where(verdict.issues[0]):
        return SYNTAX_AT
    return DROPPED_ONE if form is DROPPED and len(verdict.dropped) == 1 else form


def _words(judged: Judged) -> dict[str, str]:
    verdict = judged.verdict
    says = [one.says for one in judged.repairs] or [_("say what to write, and where")]
    if judged.repairs and verdict.left:
        says = [*says[:1], _("the rest is for you to decide")] if len(says) == 1 else says
    return {
        "path": verdict.path, "release": verdict.release, "boots": _(BOOTS[verdict.boot or "ok"]),
        "where": _where(verdict.issues[0]) if verdict.issues else "", "count": str(len(verdict.dropped)),
        "repairs": "; ".join(says) if len(says) <= 2 else
                   _("{count} repairs of {path}", count=len(says), path=verdict.path),
    }  # fmt: skip


def _verdict_rows(verdict: ConfigVerdict) -> tuple[Evidence, ...]:
    """The vector file's own words. Whoever compares, compares these."""
    judged = _("{path}, judged as LibreChat {release} does", path=verdict.path, release=verdict.release)
    rows = [Evidence(_("stage"), verdict.stage or "", judged), Evidence(_("boot"), verdict.boot or "", judged)]
    if verdict.dropped:
        rows.append(Evidence(_("dropped"), ",".join(verdict.dropped), judged))
    how = _(HOW.get(verdict.release_from, "?"))
    if (number(verdict.release) or OLDEST) < OLDEST:
        how += _("; older than the rules known here, which begin at {map}", map=".".join(map(str, OLDEST)))
    return (*rows, Evidence(_("release"), f"{verdict.release} ({how})", judged))


def _issue_rows(verdict: ConfigVerdict) -> Iterator[Evidence]:
    for issue in verdict.issues[:SHOWN]:
        source = verdict.path if issue.line is None else f"{verdict.path}:{issue.line}:{issue.column}"
        yield Evidence(_where(issue) or "fault", _sentence(issue), source)
    more = len(verdict.issues) - SHOWN
    if more > 0:
        yield Evidence(_("further faults"), str(more), verdict.path)


def _where(issue: ConfigIssue) -> str:
    return "" if issue.line is None else _("line {line}, column {column}", line=issue.line, column=issue.column)


def _sentence(issue: ConfigIssue) -> str:
    """What is wrong, where in the data, and what to write. No colon: behind ``apiKey:`` stands a secret."""
    at = f" (at {issue.path})" if issue.path and issue.kind == "schema" else ""
    return f"{issue.message.rstrip('.')}{at}; {issue.advice}" if issue.advice else f"{issue.message}{at}"


def plan(case: Case[Judged], _answers: Answers) -> Plan:
    """The repairs that are known, and the service made anew; what to write where none is."""
    place, verdict, recreate = case.facts.place, case.facts.verdict, case.facts.recreate
    if not case.facts.repairs:
        return manual(*_by_hand(place, verdict))
    edits = tuple(RepairConfig(one, verdict.release) for one in case.facts.repairs)
    return repair(
        EditFile(path=verdict.path, edits=edits), *((recreate,) if recreate else ()), says=_says(case.facts),
        restarts=(place.subject,) if recreate else (), lock=place.directory,
        uncovers=tuple(form.id for form in FORMS) if verdict.left else (),
    )  # fmt: skip


def _says(judged: Judged) -> Iterator[str]:
    place, verdict = judged.place, judged.verdict
    yield _("Nothing else in {path} is touched; comments and blank lines stay as they are.", path=verdict.path)
    if verdict.left:
        yield _("What is left in {path} is for you to decide:", path=verdict.path)
        yield from map(_located, verdict.left[:SHOWN])
    if judged.recreate is not None:
        yield _(
            "{place} is recreated, so that it reads the file again; answers being written are cut off.",
            place=place.subject,
        )
        yield compose.NO_PULL
    elif place.container is None:
        yield _("Nothing of this service has been started: only the file is written.")
    elif verdict.left_boot in ENDS:
        yield _("{place} does not start before that is done, so it is left alone.", place=place.subject)
    elif verdict.mounted:
        yield _(
            "Restart {place} yourself afterwards: it was not made by Compose, or its files are gone.",
            place=place.subject,
        )
    else:
        yield _("{place} does not read this file at present: see librechat.config-mount.", place=place.subject)
    if verdict.release_from == "newest":
        yield _(
            "Judged as LibreChat {release}, because nothing tells the release; librechat.release names it.",
            release=verdict.release,
        )


def _by_hand(place: Placed, verdict: ConfigVerdict) -> Iterator[str]:
    yield _("Correct {path}; what is meant there is for you to decide:", path=verdict.path)
    yield from map(_located, verdict.issues[:SHOWN])
    if verdict.mounted and place.service:
        yield _("Then: docker compose up -d --force-recreate --no-deps {service}", service=place.service)


def _located(issue: ConfigIssue) -> str:
    where = _where(issue)
    return f"{where}: {_sentence(issue)}" if where else _sentence(issue)


CHECK = Check(
    "librechat.config-valid", "LibreChat accepts its librechat.yaml", __doc__ or "", FORMS, find, plan,
    reads=("containers", "projects", "services", "files", "log_marks", "config_verdicts"),
)  # fmt: skip
