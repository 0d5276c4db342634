"""The session cookie of a LibreChat, seen by a login of the operator's own: on request only, never by itself.

Nothing is sent unless the settings name an account and somebody asked for it in this very look. What was heard is
remembered for the life of the container, so that the many looks of a fix being verified cost one login; a life has at
most three in five minutes (LibreChat allows seven), and an account that was refused is not tried again.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from msgspec import Struct

from ...hosts import HttpActs, HttpFailed, HttpReply, ReadOnlyRefused
from ...model import Container, CookieProof
from ...products.addresses import place, reached
from ...products.gateways import environment
from ...products.services import role_of_container
from ...text import _
from ...text.cleaning import clean_line
from ..board import NOTHING, NewParts
from ..source import Site, Source

DEADLINE = 8.0
INSIDE = 3080
NAME = "refreshToken"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) stackops"
"""fact: LibreChat api/server/middleware/uaParser.js takes anything but a browser for an attack."""
_NEXT_COOKIE = re.compile(r",\s*(?=[\w!#$%&'*.^`|~+-]+=)")
"""Where one Set-Cookie ends and the next begins; the comma in a date is followed by a number and a blank."""
_BANNED = "temporarily banned"
Outcome = Literal["cookie", "no-cookie", "two-factor", "refused", "rate-limited", "banned", "unexpected"]


class _Pending(Struct, rename={"pending": "twoFAPending"}):
    pending: bool = False


def address_of(container: Container, port: str | None = None) -> str | None:
    """Where this machine reaches the server over plain http; ``port`` is what ``.env`` says. None: nowhere."""
    given = environment(container).get("PORT") or port or ""
    inside = int(given) if given.isdecimal() else INSIDE
    published = {one.container_port for one in container.ports if one.host_port and one.protocol == "tcp"}
    only = min(published) if len(published) == 1 and container.network_mode != "host" else inside
    at = reached(container, only, (), local=True)
    return f"http://{place(*at)}" if at else None


async def prove(acts: HttpActs, container: str, address: str, email: str, password: str, *, now: float) -> CookieProof:
    """One login. Never raises for what the server does."""
    try:
        reply = await acts.post(
            f"{address}/api/auth/login", {"email": email, "password": password},
            headers={"User-Agent": AGENT, "Accept": "application/json"}, deadline=DEADLINE, limit=1 << 16,
        )  # fmt: skip
    except ReadOnlyRefused as error:
        return CookieProof(container, now, "withheld", address, sentence=clean_line(str(error)))
    except HttpFailed as error:
        return CookieProof(container, now, "unreachable", address, sentence=clean_line(str(error)))
    return told(reply, container, address, now)


def told(reply: HttpReply, container: str, address: str, now: float) -> CookieProof:
    """What an answer to a login says of the cookie."""
    found = attributes(reply.headers.get("set-cookie", ""))
    if reply.status == 200 and found is not None:
        return CookieProof(
            container, now, "cookie", address, secure="secure" in found, http_only="httponly" in found,
            same_site=clean_line(found["samesite"], 20) if found.get("samesite") else None,
        )  # fmt: skip
    outcome, sentence = _without_cookie(reply)
    return CookieProof(container, now, outcome, address, sentence=sentence)


def attributes(header: str) -> dict[str, str] | None:
    """The attributes of the session cookie, names in lower case; None where it is not set. Its value is left out."""
    for cookie in _NEXT_COOKIE.split(header):
        first, *rest = cookie.split(";")
        if first.partition("=")[0].strip() == NAME and first.partition("=")[2].strip():
            pairs = (part.strip().partition("=") for part in rest)
            return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
    return None


def _without_cookie(reply: HttpReply) -> tuple[Outcome, str]:
    if reply.status == 429:
        return "rate-limited", _("It has had too many logins from this address (429): try again in five minutes")
    if reply.status == 403 and _BANNED.encode() in reply.body:
        return "banned", _("It has banned this account or address for a while (403)")
    if reply.status in (400, 401, 403, 404, 422) and "json" in reply.headers.get("content-type", ""):
        return "refused", _("It refuses the login ({status}): e-mail address or password is wrong", status=reply.status)
    if reply.status != 200:
        return "unexpected", _("It answers the login with {status}", status=reply.status)
    try:
        pending = msgspec.json.decode(reply.body, type=_Pending).pending
    except (msgspec.DecodeError, msgspec.ValidationError):
        return "unexpected", _("It answers the login, but not as LibreChat does")
    if pending:
        return "two-factor", _("The account asks for a second factor: name one without it")
    return "no-cookie", _("It takes the login and sets no session cookie")


LOGIN = "librechat-login"
"""What has to be named in ``on_request`` for a login to be sent."""
WINDOW, MOST = 300.0, 3
"""Seconds, and logins in them at most. fact: LibreChat's LOGIN_WINDOW and LOGIN_MAX allow 7."""
PASSING = frozenset({"unreachable", "rate-limited", "withheld", "unexpected"})
"""Answers that may be different next time."""


@dataclass
class _Known:
    """What was heard of one container."""

    life: float | None = None
    proof: CookieProof | None = None
    sent: list[float] = field(default_factory=list)
    """When a login went out, by the monotonic clock."""
    refused: tuple[str, str] | None = None
    """The account that was refused; it is not tried again, whatever life the container has."""


class Cookies(Source):
    """What a login shows, kept while the process lives."""

    name = "librechat-login"
    gives = ("cookie_proofs",)
    wakes_on = ("containers",)
    after = ("engine", "compose")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        settings = site.settings.librechat
        self._names = (settings.email_env, settings.password_env)
        self._asked_for = False
        self._memory: dict[str, _Known] = {}

    @property
    def interval(self) -> float:
        """Only when somebody asks."""
        return float("inf")

    @property
    def least(self) -> float:
        """At once then."""
        return 0.0

    def anew(self, *, by_key: bool) -> None:
        """Somebody asks for a look: it may log in once."""
        self._asked_for = self._asked_for or by_key or LOGIN in self.site.on_request

    def worthwhile(self) -> bool:
        """What was seen of a process is worth nothing once it has ended."""
        return bool(self.parts.cookie_proofs)

    async def read(self) -> NewParts:
        """Show what is known of the running containers; log in where that was asked for and is allowed."""
        asked, self._asked_for = self._asked_for, False
        if not any(self._names):
            return NOTHING
        wanted = self._wanted()
        if asked:
            await self._ask(wanted)
        lives = {one.id: one.started_at for one in wanted}
        self._memory = {ident: known for ident, known in self._memory.items() if ident in lives}
        known = [self._memory[ident] for ident, life in lives.items() if self._life(ident) == life]
        return NewParts({"cookie_proofs": tuple(one.proof for one in known if one.proof is not None)}, read=())

    def _life(self, ident: str) -> float | None:
        return self._memory[ident].life if ident in self._memory else -1.0

    def _wanted(self) -> list[Container]:
        parts = self.parts.containers
        return [c for c in parts if c.detailed and c.state == "running" and role_of_container(c) == "librechat"]

    async def _ask(self, wanted: list[Container]) -> None:
        account, why = self._account()
        if account is not None and len(wanted) > 1:
            why = _(
                "There are {wanted} LibreChats here: name the one that the login belongs to with --project",
                wanted=len(wanted),
            )
        for container in wanted:
            known = self._known(container)
            if account is None or len(wanted) > 1:
                known.proof = self._withheld(container, why)
            elif known.proof is None or known.proof.outcome in PASSING:
                known.proof = await self._log_in(container, known, account) or known.proof

    def _known(self, container: Container) -> _Known:
        known = self._memory.setdefault(container.id, _Known())
        if known.life != container.started_at:
            known.life, known.proof = container.started_at, None
        return known

    def _account(self) -> tuple[tuple[str, str] | None, str]:
        """E-mail address and password; else why there are none."""
        from ...text.cleaning import SECRETS

        email, password = self._names
        if not (email and password):
            missing = "password_env" if email else "email_env"
            return None, _("The settings name no [librechat] {missing}, and a login needs both", missing=missing)
        found = (os.environ.get(email, ""), os.environ.get(password, ""))
        unset = next((name for name, value in zip((email, password), found, strict=True) if not value), None)
        if unset:
            return None, _("The environment variable {unset}, named in the settings, is not set", unset=unset)
        SECRETS.learn("PASSWORD", found[1])
        return found, ""

    async def _log_in(self, container: Container, known: _Known, account: tuple[str, str]) -> CookieProof | None:
        """What one login shows; None where none can be sent at all."""
        now = self.host.clock.monotonic()
        known.sent = [at for at in known.sent if now - at < WINDOW]
        acts, address = self.host.http_acts, self._address(container)
        if acts is None or address is None:
            return None
        if known.refused == account:
            return self._withheld(container, _("This account was refused before, and is not tried again"), address)
        if len(known.sent) >= MOST:
            why = _("{most} logins have been sent in the last five minutes, and LibreChat counts them", most=MOST)
            return self._withheld(container, why, address)
        proof = await prove(acts, container.id, address, *account, now=self.host.clock.now())
        if proof.outcome not in ("unreachable", "withheld"):
            known.sent.append(now)
        known.refused = account if proof.outcome in ("refused", "banned") else None
        return proof

    def _withheld(self, container: Container, why: str, address: str | None = None) -> CookieProof:
        return CookieProof(container.id, self.host.clock.now(), "withheld", address, sentence=why)

    def _address(self, container: Container) -> str | None:
        """Nothing is sent where the Engine is another machine's: its addresses are not ours."""
        engine = self.host.engine
        if engine is None or not engine.local:
            return None
        project = next((one for one in self.parts.projects if one.name == container.project), None)
        port = next((var.value for var in project.env if var.name == "PORT"), None) if project else None
        return address_of(container, port)
