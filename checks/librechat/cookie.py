"""Whoever reloads the page of LibreChat is thrown back to the login.

What it does
    Decides whether LibreChat marks its session cookie ``Secure`` and whether people come over plain http from other
    machines. The first follows from the release (start banner in the log, else the image's tag, else the container's
    own package.json), from NODE_ENV as the start command leaves it, and from DOMAIN_SERVER and SESSION_COOKIE_SECURE
    in the container's environment and in ``.env``. The second follows from the published ports, from containers that
    publish 443, and from DOMAIN_CLIENT. Only both together are reported. A start with nodemon, the usual advice, is
    reported where the log shows that the image has none. Where releases differ and the release is not known, that is
    said instead. ``.env`` counts as it is on disk; whether LibreChat has read it since is for librechat.not-applied.

    It is proven by a login where the settings name the variables that hold an account, ``[librechat] email_env`` and
    ``password_env``: one is sent when the check is asked for by name, while it repairs, and when a look is asked for in
    the console; never by itself, at most three in five minutes, and never again with an account that was refused. Of
    the answer only the attributes of the Set-Cookie header are read, and they count more than the rules. The login
    leaves a session behind that ends by itself.

Why it matters
    Browsers drop a Secure cookie that arrives over plain http, except on localhost. The login works, but a reload, or
    15 minutes, lead back to /login. Nothing is logged, and on the server itself everything works.

Fix
    The better way is https: a reverse proxy with a certificate, and DOMAIN_CLIENT and DOMAIN_SERVER set to its address.
    Without it: from v0.8.6 on ``SESSION_COOKIE_SECURE=false`` in ``.env``; before, node started directly with
    NODE_ENV=development through the override file; from v0.8.3 on, on request, ``DOMAIN_SERVER=http://localhost:3080``.
    With each of them the cookie can be read by whoever can read the network, and the plan says so. ``npm run
    backend:dev`` is never proposed: images built since May 2024 contain no nodemon.

Sources
    LibreChat AuthService.js of v0.7.2 and v0.8.2, shouldUseSecureCookie since pull requests 11782 and 13189,
    package.json and Dockerfiles of v0.7.2 to v0.8.7; LibreChat issues 1384, 1605, 4237, 13188; 1439 and 2150 (nodemon);
    Express measured: Secure is sent over http regardless of the connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...console.findings import Evidence, FixSummary, Result, Severity, Status
from ...console.model import CookieProof, Snapshot
from ...console.plan import Plan, Question
from ...console.settings import Settings
from ...console.stacks import librechat_env as rules
from .. import Check, compose
from ..compose import placed
from . import cookie_repair as repair
from .api import Api, Front, Given, api_of, front_of
from .cookie_examples import EXAMPLES

ID = "librechat.cookie"
LOGIN = "librechat-login"
"""What the sources are asked for when this check is asked for by name."""
NODEMON = ("librechat.nodemon-failed", "librechat.nodemon-fetched")
_GUESSES: tuple[Mapping[str, str], ...] = (
    {}, {"DOMAIN_SERVER": "http://localhost"}, {"SESSION_COOKIE_SECURE": "true"}, {"SESSION_COOKIE_SECURE": "false"},
)  # fmt: skip
"""What a ``.env`` that cannot be read may hold, as far as the rules tell it apart."""


@dataclass(frozen=True)
class Case:
    """One LibreChat service, judged."""

    api: Api
    front: Front
    status: Status = "ok"
    form: str | None = None
    title: str = ""
    because: str | None = None
    severity: Severity = "warning"
    proof: CookieProof | None = None
    """What a login has shown of the running process, or why it did not."""

    @property
    def seen(self) -> bool | None:
        """Whether the cookie of the running process is Secure; None where nobody has seen it."""
        return self.proof.secure if self.proof and self.proof.outcome == "cookie" else None


_DROPPED = "browsers drop a Secure cookie that comes over http, so that a reload of the page leads back to the login"
WORDS: dict[str, tuple[str, str]] = {
    "production": (
        "LibreChat's session cookie is Secure: over plain http from another machine, a reload logs people out",
        f"Releases up to v0.8.2 mark the cookie Secure whenever NODE_ENV is production; {_DROPPED}",
    ),
    "domain": (
        "The session cookie is Secure because DOMAIN_SERVER is {domain}: over plain http, a reload logs people out",
        f"From v0.8.3 on it is Secure unless DOMAIN_SERVER names localhost, and before always; {_DROPPED}",
    ),
    "forced": (
        "SESSION_COOKIE_SECURE=true makes the session cookie Secure: over plain http, a reload logs people out",
        f"The setting decides, whatever NODE_ENV and DOMAIN_SERVER say; {_DROPPED}",
    ),
    "running": (
        "The running LibreChat marks its session cookie Secure, which its settings no longer ask for",
        f"It reads its settings when it starts, and they were changed since; {_DROPPED}",
    ),
    "nodemon": (
        "LibreChat is started with nodemon, which its image does not contain",
        "Images since May 2024 have no nodemon: npx fetches it from the internet at every start, or fails to",
    ),
}
"""By form: title, cause."""


def examine(snapshot: Snapshot, settings: Settings) -> Iterator[Result]:
    """One result per LibreChat service."""
    for place in placed(snapshot, "librechat"):
        api = api_of(place, snapshot, settings)
        yield _result(_diagnose(api, front_of(api, snapshot), snapshot), snapshot)


def _diagnose(api: Api, front: Front, snapshot: Snapshot) -> Case:
    container = api.place.container
    case = Case(api, front, proof=_proof(snapshot, api))
    if container and not container.detailed:
        return _untold(case, "the container has not been inspected yet")
    broken = api.place.broken_file
    if container is None and broken:
        return _untold(case, f"{broken.path}: {broken.error}")
    nodemon = _nodemon(case, snapshot)
    if nodemon:
        return nodemon
    secure = _secure(api) if case.seen is None else case.seen
    if secure is False:
        told = "A login shows that the session" if case.seen is False else "The session"
        return replace(case, title=f"{told} cookie is not Secure: logins survive a reload over plain http")
    if not front.plain:
        return replace(case, title="No other machine reaches LibreChat over plain http")
    if front.https or front.tls:
        return replace(case, title="People come to LibreChat over https, as its Secure session cookie wants it")
    return _exposed(case, secure)


def _exposed(case: Case, secure: bool | None) -> Case:
    """The port answers plain http to other machines, and nothing speaks https."""
    api = case.api
    if case.seen is None and isinstance(api.node_env(), str):
        return _untold(case, f"it is not known what NODE_ENV the command `{' '.join(api.words) or 'unknown'}` sets")
    if not isinstance(api.given("DOMAIN_CLIENT"), Given):
        return _untold(case, f"{api.dotenv_path or 'its .env'} cannot be read from here")
    if secure is None:
        return _untold(case, _differs(api))
    if case.front.maybe and not case.front.stated:
        who = case.front.maybe[0].value
        return _untold(case, f"{who} on this machine may speak https for it: DOMAIN_CLIENT can say so, or the contrary")
    severity: Severity = "error" if case.front.stated else "warning"
    return replace(case, status="finding", form=_form(case), severity=severity)


def _proof(snapshot: Snapshot, api: Api) -> CookieProof | None:
    container = api.place.container
    return next((one for one in snapshot.cookie_proofs if container and one.container == container.id), None)


def _untold(case: Case, because: str) -> Case:
    return replace(
        case, status="unknown", title="Whether logins survive a reload of the page cannot be told", because=because
    )


def _secure(api: Api) -> bool | None:
    """Whether the cookie is Secure, under all that is possible; None where that differs."""
    node_env = api.node_env()
    values = [node_env.value] if isinstance(node_env, Given) else [None, "production"]
    env = api.env()
    guesses = [env] if env is not None else [{**guess, **api.inside} for guess in _GUESSES]
    found = {rules.verdict(api.release, value, guess) for value in values for guess in guesses}
    return found.pop() if len(found) == 1 else None


def _form(case: Case) -> str:
    """Why it is Secure: of the rules that may hold, the newest one's reason; of a cookie seen, one that explains it."""
    api, env = case.api, case.api.env() or {}
    found = rules.rules(api.release)
    node_env = api.node_env()
    if case.seen and isinstance(node_env, Given) and api.env() is not None:
        found = tuple(rule for rule in found if rules.secure(rule, node_env.value, env))
        if not found:
            return "running"
    newest = found[-1]
    if newest == "setting" and rules.setting(env.get("SESSION_COOKIE_SECURE")):
        return "forced"
    return "production" if newest == "production" else "domain"


def _differs(api: Api) -> str:
    """What would be under which release."""
    node_env, env = api.node_env(), api.env() or {}
    value = node_env.value if isinstance(node_env, Given) else None
    found = {rule: rules.secure(rule, value, env) for rule in rules.rules(api.release)}
    breaks = ", ".join(rules.span(rule) for rule, secure in found.items() if secure)
    works = ", ".join(rules.span(rule) for rule, secure in found.items() if not secure)
    return (
        f"the release is not known ({api.release_source} does not tell): a reload over http loses the login with "
        f"{breaks}, and keeps it with {works}. Name it as librechat.release in the settings"
    )


def _nodemon(case: Case, snapshot: Snapshot) -> Case | None:
    api, container = case.api, case.api.place.container
    if api.launch != "backend-dev":
        return None
    if container is None:
        gone = api.release is not None and api.release > rules.NODEMON_UNTIL
        return replace(case, status="finding", form="nodemon") if gone else None
    marks = {mark.mark for mark in compose.marks_since_start(snapshot, container)}
    if not marks & set(NODEMON):
        return None
    up = "librechat.listening" in marks and container.state == "running"
    return replace(case, status="finding", form="nodemon", severity="warning" if up else "error")


def _result(case: Case, snapshot: Snapshot) -> Result:
    api = case.api
    subject, evidence = api.place.subject, tuple(_evidence(case, snapshot))
    if case.form is None:
        return Result(ID, subject, case.status, case.title, evidence=evidence, because=case.because)
    title, because = _words(case)
    bare = Result(ID, subject, "finding", title, form=case.form)
    plan_now = _plan_for(case, bare, {})
    choice = repair.options(api, case.form)
    summary = repair.SUMMARY[choice[0]] if choice and plan_now.steps else "put https in front of it"
    return compose.finding(
        ID, subject, case.form, title, severity=case.severity, because=because, evidence=evidence,
        fix=FixSummary(plan_now.safety, summary),
    )  # fmt: skip


def _words(case: Case) -> tuple[str, str]:
    title, because = WORDS[case.form or ""]
    domain = (case.api.env() or {}).get("DOMAIN_SERVER")
    return title.format(domain=domain or "not set"), because


def _evidence(case: Case, snapshot: Snapshot) -> Iterator[Evidence]:
    api, front = case.api, case.front
    yield Evidence("release", str(api.release) if api.release else "not known", api.release_source)
    for name, given in (("NODE_ENV", api.node_env()), *((one, api.given(one)) for one in _looked_at(api))):
        if isinstance(given, Given):
            yield Evidence(name, "not set" if given.value is None else given.value or "empty", given.source)
        else:
            yield Evidence(name, "not known", api.dotenv_path or api.inspected)
    yield from _seen_evidence(case)
    yield from (*front.plain, *front.tls, *front.maybe)
    if case.form == "nodemon":
        yield from compose.log_evidence(snapshot, api.place.container, NODEMON)[-1:]


def _seen_evidence(case: Case) -> Iterator[Evidence]:
    proof = case.proof
    if proof is None:
        return
    source = f"POST {proof.address}/api/auth/login" if proof.address else "settings"
    if proof.outcome != "cookie":
        yield Evidence("login", proof.sentence or proof.outcome, source)
        return
    words = ("Secure" if proof.secure else "not Secure", "HttpOnly" if proof.http_only else "", proof.same_site)
    same = f"SameSite={words[2]}" if words[2] else ""
    yield Evidence("seen at a login", ", ".join(filter(None, (*words[:2], same))), source)


def _looked_at(api: Api) -> tuple[str, ...]:
    """The variables that the rules of this release look at, and the address that people are given."""
    found = rules.rules(api.release)
    names = ("DOMAIN_SERVER",) if found != ("production",) else ()
    return ("DOMAIN_CLIENT", *names, *(("SESSION_COOKIE_SECURE",) if "setting" in found else ()))


def plan(result: Result, snapshot: Snapshot, settings: Settings, answers: Mapping[str, str]) -> Plan:
    """The repair of one finding, from the same Snapshot."""
    for place in placed(snapshot, "librechat"):
        if place.subject == result.subject:
            api = api_of(place, snapshot, settings)
            case = _diagnose(api, front_of(api, snapshot), snapshot)
            if case.form is not None:
                return _plan_for(case, result, answers)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan_for(case: Case, result: Result, answers: Mapping[str, str]) -> Plan:
    api, form = case.api, case.form or ""
    choices = repair.options(api, form)
    refused = repair.refusal(api, choices)
    if refused:
        return compose.manual(result, refused, repair.BETTER)
    chosen = answers.get("repair", choices[0])
    if chosen not in choices:
        return compose.manual(result, f"There is no repair {chosen} here; choose one of: {', '.join(choices)}.")
    steps, ends = repair.steps(api, chosen, form)
    asked = Question("repair", repair.PROMPT, default=choices[0], choices=choices)
    return Plan(
        check=ID, subject=api.place.subject, title=result.title, steps=steps, safety="disruptive" if ends else "safe",
        questions=(asked,) if len(choices) > 1 else (), restarts=(api.place.subject,) if ends else (),
        says=tuple(repair.says(api, chosen, ends=ends)), lock=api.place.directory, settle=5.0,
    )  # fmt: skip


CHECK = Check(
    id=ID, title="Logins survive a reload of the page", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES, proves=(LOGIN,),
)  # fmt: skip
