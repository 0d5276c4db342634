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
from dataclasses import dataclass

from msgspec.structs import replace

from ...console.fix.steps import AnyStep, ComposeUp, EditFile, EnvLine, RestartContainer, SetServiceKeys
from ...console.model import CookieProof
from ...console.model.findings import Evidence, Severity
from ...console.products.librechat import env as rules
from ...console.text import N_, _
from .. import compose
from ..api import Answers, Case, Check, Fine, Form, Found, Plan, Question, Settings, Snapshot, Unknown, manual, repair
from ..compose import placed
from .process import ApiProcess, Front, api_of, front_of, with_release

_DROPPED = "browsers drop a Secure cookie that comes over http, so that a reload of the page leads back to the login"
PRODUCTION = Form(
    "production",
    "LibreChat's session cookie is Secure: over plain http from another machine, a reload logs people out",
    f"Releases up to v0.8.2 mark the cookie Secure whenever NODE_ENV is production; {_DROPPED}",
    "{remedy}",
)
DOMAIN = Form(
    "domain",
    "The session cookie is Secure because DOMAIN_SERVER is {domain}: over plain http, a reload logs people out",
    f"From v0.8.3 on it is Secure unless DOMAIN_SERVER names localhost, and before always; {_DROPPED}",
    "{remedy}",
)
FORCED = Form(
    "forced",
    "SESSION_COOKIE_SECURE=true makes the session cookie Secure: over plain http, a reload logs people out",
    f"The setting decides, whatever NODE_ENV and DOMAIN_SERVER say; {_DROPPED}",
    "{remedy}",
)
RUNNING = Form(
    "running",
    "The running LibreChat marks its session cookie Secure, which its settings no longer ask for",
    f"It reads its settings when it starts, and they were changed since; {_DROPPED}",
    "{remedy}",
)
NODEMON = Form(
    "nodemon",
    "LibreChat is started with nodemon, which its image does not contain",
    "Images since May 2024 have no nodemon: npx fetches it from the internet at every start, or fails to",
    "{remedy}",
)
FORMS = (PRODUCTION, DOMAIN, FORCED, RUNNING, NODEMON)
SETTING, LOCALHOST, DEVELOPMENT, RESTART = "setting", "localhost", "development", "restart"
PROMPT = N_(
    "How to keep logins over http: setting (SESSION_COOKIE_SECURE=false), "
    "localhost (DOMAIN_SERVER names localhost), development (node started with NODE_ENV=development)"
)
SUMMARY = {
    SETTING: N_("set SESSION_COOKIE_SECURE=false and restart LibreChat; https is the better way"),
    LOCALHOST: N_("let DOMAIN_SERVER name localhost and restart LibreChat; https is the better way"),
    DEVELOPMENT: N_("start node directly with NODE_ENV=development; https is the better way"),
    RESTART: N_("restart LibreChat, so that it reads its settings; https is the better way"),
}
BETTER = N_(
    "The better way is https: a reverse proxy (Caddy, nginx, Traefik) with a certificate, and DOMAIN_CLIENT and "
    "DOMAIN_SERVER set to its https address. It is the only way fit for the internet."
)
UNTOLD = N_("Whether logins survive a reload of the page cannot be told")
NODEMON_MARKS = ("librechat.nodemon-failed", "librechat.nodemon-fetched")
_GUESSES: tuple[Mapping[str, str], ...] = (
    {}, {"DOMAIN_SERVER": "http://localhost"}, {"SESSION_COOKIE_SECURE": "true"}, {"SESSION_COOKIE_SECURE": "false"},
)  # fmt: skip
"""What a ``.env`` that cannot be read may hold, as far as the rules tell it apart."""


@dataclass(frozen=True)
class Sight:
    """One LibreChat service, and what is known of its cookie."""

    api: ApiProcess
    front: Front
    proof: CookieProof | None = None
    """What a login has shown of the running process, or why it did not."""

    @property
    def seen(self) -> bool | None:
        """Whether the cookie of the running process is Secure; None where nobody has seen it."""
        return self.proof.secure if self.proof and self.proof.outcome == "cookie" else None


def find(snapshot: Snapshot, settings: Settings) -> Iterator[Found]:
    """Each LibreChat service."""
    for place in placed(snapshot, "librechat"):
        api = with_release(api_of(place, snapshot), snapshot, settings)
        proofs = (one for one in snapshot.cookie_proofs if place.container and one.container == place.container.id)
        yield _judge(Sight(api, front_of(api, snapshot), next(proofs, None)), snapshot)


def _judge(sight: Sight, snapshot: Snapshot) -> Found:
    api, subject, rows = sight.api, sight.api.place.subject, tuple(_rows(sight))
    form, severity = _nodemon(api, snapshot)
    why = _why_unread(api)
    if why is None and form is None:
        good = _why_good(sight)
        if good is not None:
            return Fine(subject, good, rows)
        why = _why_untold(sight)
    if why is not None:
        return Unknown(subject, UNTOLD, why, rows)
    if form is NODEMON:
        rows = (*rows, *compose.log_evidence(snapshot, api.place.container, NODEMON_MARKS)[-1:])
    else:
        form, severity = _form(sight), "error" if sight.front.stated else "warning"
    choices = _options(api, form)
    refused = not choices or _refusal(api) is not None
    words = {
        "domain": (api.env() or {}).get("DOMAIN_SERVER") or _("not set"),
        "remedy": _("put https in front of it") if refused else _(SUMMARY[choices[0]]),
    }
    return Case(subject, form, api, rows, words, severity)


def _why_unread(api: ApiProcess) -> str | None:
    container, broken = api.place.container, api.place.broken_file
    return f"{broken.path}: {broken.error}" if broken and container is None else None


def _nodemon(api: ApiProcess, snapshot: Snapshot) -> tuple[Form | None, Severity]:
    container = api.place.container
    if api.launch != "backend-dev":
        return None, "warning"
    if container is None:
        gone = api.release is not None and api.release > rules.NODEMON_UNTIL
        return NODEMON if gone else None, "warning"
    marks = {mark.mark for mark in compose.marks_since_start(snapshot, container)}
    up = "librechat.listening" in marks and container.state == "running"
    return NODEMON if marks & set(NODEMON_MARKS) else None, "warning" if up else "error"


def _why_good(sight: Sight) -> str | None:
    secure = _secure(sight.api) if sight.seen is None else sight.seen
    if secure is False:
        told = _("A login shows that the session") if sight.seen is False else _("The session")
        return _("{told} cookie is not Secure: logins survive a reload over plain http", told=told)
    if not sight.front.plain:
        return _("No other machine reaches LibreChat over plain http")
    return (
        _("People come to LibreChat over https, as its Secure session cookie wants it") if sight.front.https else None
    )


def _why_untold(sight: Sight) -> str | None:
    """The port answers plain http to other machines, and nothing speaks https: what else has to be known."""
    api, maybe = sight.api, sight.front.maybe
    if sight.seen is None and api.node_env() is None:
        return _("it is not known what NODE_ENV the command `{words}` sets", words=" ".join(api.words) or _("unknown"))
    if api.given("DOMAIN_CLIENT") is None:
        return _("{dotenv_path} cannot be read from here", dotenv_path=api.dotenv_path or _("its .env"))
    if sight.seen is None and _secure(api) is None:
        return _differs(api)
    if maybe and not sight.front.stated:
        return _(
            "{maybe} on this machine may speak https for it: DOMAIN_CLIENT can say so, or the contrary",
            maybe=maybe[0].value,
        )
    return None


def _secure(api: ApiProcess) -> bool | None:
    """Whether the cookie is Secure, under all that is possible; None where that differs."""
    node_env, env = api.node_env(), api.env()
    values = [node_env.value] if node_env else [None, "production"]
    guesses = [env] if env is not None else [{**guess, **api.inside} for guess in _GUESSES]
    found = {rules.verdict(api.release, value, guess) for value in values for guess in guesses}
    return found.pop() if len(found) == 1 else None


def _form(sight: Sight) -> Form:
    """Why it is Secure: of the rules that may hold, the newest one's reason; of a cookie seen, one that explains it."""
    api, env = sight.api, sight.api.env() or {}
    found, node_env = rules.rules(api.release), api.node_env()
    if sight.seen and node_env and api.env() is not None:
        found = tuple(rule for rule in found if rules.secure(rule, node_env.value, env))
        if not found:
            return RUNNING
    if found[-1] == "setting" and rules.setting(env.get("SESSION_COOKIE_SECURE")):
        return FORCED
    return PRODUCTION if found[-1] == "production" else DOMAIN


def _differs(api: ApiProcess) -> str:
    """What would be under which release."""
    node_env, env = api.node_env(), api.env() or {}
    value = node_env.value if node_env else None
    found = {rule: rules.secure(rule, value, env) for rule in rules.rules(api.release)}
    breaks = ", ".join(rules.span(rule) for rule, secure in found.items() if secure)
    works = ", ".join(rules.span(rule) for rule, secure in found.items() if not secure)
    return _(
        "the release is not known ({release_source} does not tell): a reload over http loses the login with "
        "{breaks}, and keeps it with {works}. Name it as librechat.release in the settings",
        release_source=api.release_source,
        breaks=breaks,
        works=works,
    )


def _rows(sight: Sight) -> Iterator[Evidence]:
    api, front, found = sight.api, sight.front, rules.rules(sight.api.release)
    yield Evidence(_("release"), str(api.release) if api.release else _("not known"), api.release_source)
    names = ["DOMAIN_CLIENT", *(["DOMAIN_SERVER"] if found != ("production",) else [])]
    names += ["SESSION_COOKIE_SECURE"] if "setting" in found else []
    for name, given in (("NODE_ENV", api.node_env()), *((one, api.given(one)) for one in names)):
        if given is not None:
            yield Evidence(name, _("not set") if given.value is None else given.value or "empty", given.source)
        else:
            yield Evidence(name, _("not known"), api.dotenv_path or api.inspected)
    if sight.proof is not None:
        yield _seen(sight.proof)
    yield from (*front.plain, *front.tls, *front.maybe)


def _seen(proof: CookieProof) -> Evidence:
    source = f"POST {proof.address}/api/auth/login" if proof.address else "settings"
    if proof.outcome != "cookie":
        return Evidence(_("login"), proof.sentence or proof.outcome, source)
    same = f"SameSite={proof.same_site}" if proof.same_site else ""
    shown = ("Secure" if proof.secure else _("not Secure"), "HttpOnly" if proof.http_only else "", same)
    return Evidence(_("seen at a login"), ", ".join(filter(None, shown)), source)


def _options(api: ApiProcess, form: Form) -> tuple[str, ...]:
    """What can be done, the best first. What a release may not have is not offered while it is not known."""
    found = rules.rules(api.release)
    if form is RUNNING:
        return (RESTART,)
    return (
        *((SETTING,) if found == ("setting",) else ()),
        *((DEVELOPMENT,) if form is not FORCED and _direct(api) is not None else ()),
        *((LOCALHOST,) if form is DOMAIN and "production" not in found else ()),
    )


def _direct(api: ApiProcess) -> tuple[str, ...] | None:
    """The command that starts node without npm: empty where it is started so already, None where that is not known."""
    if api.launch == "node":
        return () if rules.given_node_env(api.words) is None else None
    told = api.place.told_by
    npm_in_entrypoint = told is not None and rules.launch(told.entrypoint) != "unknown"
    if api.launch in ("backend", "backend-dev") and not npm_in_entrypoint:
        return rules.DIRECT if api.kind != "api" else rules.COMMANDS["api"]
    return None


def _refusal(api: ApiProcess) -> str | None:
    return compose.refusal(api.place, _(": make it anew with the setting."))


def plan(case: Case[ApiProcess], answers: Answers) -> Plan:
    """What keeps logins over http in this release; https is named as the better way and never done by a key."""
    api, choices = case.facts, _options(case.facts, case.form)
    refused = _refusal(api)
    if not choices and not api.place.broken_file:
        refused = _("It is not known how this image is started, so no other start can be proposed.")
    if refused:
        return manual(refused, BETTER)
    chosen = answers.get("repair", choices[0])
    if chosen not in choices:
        return manual(
            _(
                "There is no repair {chosen} here; choose one of: {choices}.",
                chosen=chosen,
                choices=", ".join(choices),
            )
        )
    steps = _steps(api, chosen, case.form)
    ends = any(step.is_service_step for step in steps)
    asked = Question("repair", _(PROMPT), default=choices[0], choices=choices)
    return repair(
        *steps, says=_says(api, chosen, ends=ends), restarts=(api.place.subject,) if ends else (),
        questions=(asked,) if len(choices) > 1 else (), lock=api.place.directory, settle=5.0,
    )  # fmt: skip


def _steps(api: ApiProcess, chosen: str, form: Form) -> tuple[AnyStep, ...]:
    """What is written, then what makes LibreChat follow it, where it has been started."""
    override, written = compose.override_for(api.place), list[AnyStep]()
    keys = SetServiceKeys(api.place.service or "")
    if chosen == DEVELOPMENT:
        keys = replace(keys, command=_direct(api) or (), environment=(("NODE_ENV", "development"),))
    elif chosen != RESTART:
        name, value = ("SESSION_COOKIE_SECURE", "false") if chosen == SETTING else ("DOMAIN_SERVER", api.local_address)
        if api.in_dotenv(name):
            written.append(EditFile(path=api.env_file or "", edits=(EnvLine(name, value),)))
        else:
            keys = replace(keys, environment=((name, value),))
        if form is NODEMON:
            keys = replace(keys, command=rules.COMMANDS[api.kind or "main"])
    extra: tuple[str, ...] = ()
    if override and (keys.command or keys.environment):
        written.append(EditFile(path=override.path, edits=(keys,), create=not override.exists))
        extra = (override.path,)
    end = _end(api, extra)
    return (*written, *((end,) if end else ()))


def _end(api: ApiProcess, extra: tuple[str, ...]) -> ComposeUp | RestartContainer | None:
    """A restart is enough for what the process reads from ``.env`` itself."""
    container = api.place.container
    if container and not extra and not api.from_env_file and container.state not in compose.ENDED:
        return RestartContainer(container=container.id, name=container.name)
    return compose.bring_up(api.place, extra=extra, force=True)


def _says(api: ApiProcess, chosen: str, *, ends: bool) -> Iterator[str]:
    """What the operator should know before he agrees."""
    yield _("The session cookie then travels in clear: whoever can read the network can take over a login.")
    yield BETTER
    if chosen == SETTING:
        yield _("Take SESSION_COOKIE_SECURE=false out again when https is there.")
    if chosen == LOCALHOST:
        built = _("Whatever is built from DOMAIN_SERVER (links in mails, OAuth callbacks)")
        yield _("{built} points to {local_address} then.", built=built, local_address=api.local_address)
    if chosen == DEVELOPMENT:
        yield _("In development LibreChat logs more and lets browsers keep no static files.")
        override = compose.override_for(api.place)
        yield from compose.not_in_use(api.place, override) if override else ()
    if ends:
        yield _(
            "{place} starts anew: answers being written are cut off, and everybody logs in once more.",
            place=api.place.subject,
        )
        yield compose.NO_PULL
    else:
        yield _("Nothing of this service has been started: only files are written.")
    yield _("Undo puts the files back and starts LibreChat as it was.")


CHECK = Check(
    "librechat.cookie", "Logins survive a reload of the page", __doc__ or "", FORMS, find, plan,
    reads=(
        "containers", "projects", "services", "processes", "files", "log_marks", "package_releases", "cookie_proofs",
    ),
    proves=("librechat-login",),
)  # fmt: skip
