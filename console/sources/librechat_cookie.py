"""What one login at a LibreChat shows of its session cookie: the attributes of ``refreshToken``, and nothing else.

Sends one POST each time it is called; who may call it, and how often, is decided elsewhere. The token in the answer is
not kept, and neither are names and passwords.
fact: librechat-stack 6.1 (the cookie), 6.3 (7 logins in 5 minutes, then 429; 404 or 422 for what is wrong; two
factors), 7 (ban).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from ..hosts import HttpActs, HttpFailed, HttpReply, ReadOnlyRefused
from ..model import Container, CookieProof
from ..stacks.gateways import environment
from ..text import clean_line

DEADLINE = 8.0
INSIDE = 3080
NAME = "refreshToken"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) stackops"
"""fact: librechat-stack 7, some routes take anything but a browser for an attack."""
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what the Engine calls every address of the machine
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
    if container.network_mode == "host":
        return f"http://127.0.0.1:{inside}"
    published = [one for one in container.ports if one.host_port and one.protocol == "tcp"]
    fitting = [one for one in published if one.container_port == inside]
    for one in fitting or (published if len({p.container_port for p in published}) == 1 else []):
        host = "127.0.0.1" if (one.host_ip or "") in _EVERYWHERE else one.host_ip or ""
        return f"http://[{host}]:{one.host_port}" if ":" in host else f"http://{host}:{one.host_port}"
    own = next((link.address for link in container.networks if link.address), None)
    return f"http://{own}:{inside}" if own else None


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
        return "rate-limited", "It has had too many logins from this address (429): try again in five minutes"
    if reply.status == 403 and _BANNED.encode() in reply.body:
        return "banned", "It has banned this account or address for a while (403)"
    if reply.status in (400, 401, 403, 404, 422) and "json" in reply.headers.get("content-type", ""):
        return "refused", f"It refuses the login ({reply.status}): e-mail address or password is wrong"
    if reply.status != 200:
        return "unexpected", f"It answers the login with {reply.status}"
    try:
        pending = msgspec.json.decode(reply.body, type=_Pending).pending
    except (msgspec.DecodeError, msgspec.ValidationError):
        return "unexpected", "It answers the login, but not as LibreChat does"
    if pending:
        return "two-factor", "The account asks for a second factor: name one without it"
    return "no-cookie", "It takes the login and sets no session cookie"
