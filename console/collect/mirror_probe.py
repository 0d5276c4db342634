"""Asks a registry mirror the way the Engine would: ``/v2/``, a token, the manifests of the stack's own images.

GET and HEAD only; HEAD of a manifest does not count against anybody's pull limit (docs.docker.com,
"Docker Hub pull usage and limits").
Sends no credentials and never downloads an image. A token server that a mirror names is asked where it is at the
mirror's own address or a public one, over the same scheme: a mirror must not make us ask a machine behind our door.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from ..hosts import Http, HttpFailed, HttpReply, HttpTrouble, origin
from ..model import DaemonConfig, EngineInfo, ImageProbe, MirrorProbe, MirrorSeed, MirrorState
from ..products.addresses import proxy_for, trusts
from ..products.dockerd import address_of, refusal
from ..products.versions import HUB, ImageOrigin, place_of
from ..text import _
from ..text.cleaning import clean_line

HUB_ADDRESS = "https://registry-1.docker.io"
EACH, TOTAL = 5.0, 12.0
"""Seconds for one request, and for all to one mirror."""
IMAGES = 3
"""Images of the stack that each mirror is asked for: at most seven requests with their tokens."""
AT_ONCE = 8
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
CONTAINERD_STORES = ("overlayfs", "native", "stargz", "fuse-overlayfs")
"""fact: names of containerd's snapshotters; with them the Engine adds ``?ns=docker.io`` to what it asks of a mirror."""
_STATES: dict[HttpTrouble, MirrorState] = {
    "private": "unknown", "dns": "dns", "refused": "refused", "timeout": "hangs", "tls": "tls", "reset": "broken",
    "unreachable": "unreachable", "redirects": "not-a-registry", "not-http": "not-a-registry",
    "address": "not-a-registry",
}  # fmt: skip
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class MirrorQuestion(Struct, frozen=True):
    """Whom to ask for what."""

    address: str
    what: Literal["mirror", "candidate", "registry"]
    images: tuple[ImageOrigin, ...]


class _Refused(Exception):
    """The mirror said no, or nothing; the class it falls into."""

    def __init__(self, state: MirrorState, says: str, status: int | None = None) -> None:
        super().__init__(says)
        self.state: MirrorState = state
        self.status = status


def seed(chosen: Sequence[str] = ()) -> MirrorSeed:
    """The list that comes with stackops, or with ``chosen`` in its place. Reads a file of the package."""
    import tomllib
    from importlib.resources import files

    data = tomllib.loads(files("stackops.console.collect").joinpath("mirrors_seed.toml").read_text("utf-8"))
    overrides = {name: tuple(hosts) for name, hosts in data["overrides"].items()}
    if chosen:
        usable = tuple(dict.fromkeys(address_of(one) for one in chosen if refusal(one) is None))
        return MirrorSeed(_("your settings"), usable, overrides)
    return MirrorSeed(data["dated"], tuple(data["mirrors"]), overrides)


def named(engine: EngineInfo, config: DaemonConfig | None) -> tuple[str, ...]:
    """Every mirror that is in effect or meant to be, once each; those the Engine would refuse left out."""
    meant = (*(config.mirrors or ()), *config.typo_mirrors, *config.flags.get("registry-mirrors", ())) if config else ()
    found = dict.fromkeys(address_of(one) for one in (*engine.registry_mirrors, *meant) if refusal(one) is None)
    return tuple(found)


def to_ask_for(needed: Iterable[str], absent: Iterable[str], registry: str = HUB) -> tuple[ImageOrigin, ...]:
    """The images to test with: those that are missing first, then some of ``library`` and some that are not."""
    first = [place for name in absent if (place := place_of(name)) and place.registry == registry]
    rest = sorted({place for name in needed if (place := place_of(name)) and place.registry == registry})
    others = [place for place in rest if not place.repository.startswith("library/")]
    library = [place for place in rest if place.repository.startswith("library/")]
    mixed = [place for pair in zip(library, others, strict=False) for place in pair]
    return tuple(dict.fromkeys((*first, *mixed, *library, *others)))[:IMAGES]


def registry_address(registry: str) -> str:
    """Where the Engine goes for images of a registry."""
    return HUB_ADDRESS if registry == HUB else f"https://{registry}"


async def probe_all(
    http: Http, questions: Sequence[MirrorQuestion], engine: EngineInfo, now: float
) -> tuple[MirrorProbe, ...]:
    """All of them at once, each within its deadline; in the order asked."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(question: MirrorQuestion) -> MirrorProbe:
        async with slots:
            return await _Prober(http, question, engine).probe(now)

    return tuple(await asyncio.gather(*(one(question) for question in questions)))


class _Prober:
    """One mirror, asked once."""

    def __init__(self, http: Http, question: MirrorQuestion, engine: EngineInfo) -> None:
        self._http = http
        self._question = question
        self._base = question.address.rstrip("/")
        self._scheme = urlsplit(self._base).scheme
        self._proxy = proxy_for(self._base, engine)
        self._ns = question.what != "registry" and engine.storage_driver in CONTAINERD_STORES
        self._headers = {"User-Agent": f"docker/{engine.version or '20.10'} (stackops)"}
        self._trusted = trusts(engine, self._base)
        self._spent = 0.0

    async def probe(self, now: float) -> MirrorProbe:
        state, says, images = await self._judged()
        if state == "tls" and self._trusted:
            state, says = "unknown", _("its certificate is unknown here; the Engine is told not to verify it")
        if self._proxy and "xxxxx" in self._proxy and state != "ok":
            state, says = "unknown", _("the Engine goes through a proxy with a password, which is not known here")
        return MirrorProbe(
            address=self._question.address, what=self._question.what, state=state, at=now,
            seconds=round(self._spent, 3), says=clean_line(says, 200), images=images,
        )  # fmt: skip

    async def _judged(self) -> tuple[MirrorState, str, tuple[ImageProbe, ...]]:
        images: list[ImageProbe] = []
        worst: _Refused | None = None
        try:
            async with asyncio.timeout(TOTAL):
                challenge = await self._ping()
                for place in self._question.images:
                    refused = await self._image(place, challenge)
                    state: MirrorState = refused.state if refused else "ok"
                    images.append(ImageProbe(shown(place), state, refused.status if refused else 200))
                    worst = worst or refused
                    if refused and refused.state in ("rate-limited", "hangs", "broken"):
                        break  # asking on would only make it worse
        except _Refused as refused:
            return refused.state, str(refused), tuple(images)
        except TimeoutError:
            self._spent = TOTAL
            return "hangs", _("not done within {total:g} s", total=TOTAL), tuple(images)
        return (worst.state, str(worst), tuple(images)) if worst else ("ok", "", tuple(images))

    async def _ping(self) -> str | None:
        """``GET /v2/``: the challenge of a registry that wants a token, None of one that wants nothing."""
        reply = await self._ask("GET", f"{self._base}/v2/")
        if reply.status == 200:
            _require_registry(reply)
            return None
        if reply.status != 401:
            raise _status(reply, "/v2/")
        challenge = reply.headers.get("www-authenticate", "")
        if not challenge.lower().startswith("bearer "):
            raise _Refused("needs-login", _("it wants a login"), 401)
        return challenge

    async def _image(self, place: ImageOrigin, challenge: str | None) -> _Refused | None:
        """What is wrong with having this image from it; None when nothing is."""
        try:
            headers = {"Accept": ACCEPT}
            if challenge is not None:
                headers["Authorization"] = f"Bearer {await self._token(place, challenge)}"
            query = f"?{urlencode({'ns': place.registry})}" if self._ns else ""
            address = f"{self._base}/v2/{place.repository}/manifests/{place.reference}{query}"
            reply = await self._ask("HEAD", address, headers)
            if reply.status != 200:
                raise _status(reply, shown(place))
            _require_manifest(reply)
        except _Refused as refused:
            return refused
        return None

    async def _token(self, place: ImageOrigin, challenge: str) -> str:
        told = dict(_PARAMETER.findall(challenge))
        realm = told.get("realm", "")
        there = origin(realm)
        if there is None or there[0] != self._scheme or "@" in realm:
            raise _Refused("needs-login", _("its token server is not at an address of the same kind"))
        query = {"scope": f"repository:{place.repository}:pull"}
        if told.get("service"):
            query["service"] = told["service"]
        elsewhere = there != origin(self._base)
        reply = await self._ask("GET", f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", public=elsewhere)
        if reply.status == 401:
            raise _Refused("needs-login", _("its token server wants a login"), 401)
        if reply.status != 200:
            raise _status(reply, "the token")
        try:
            given = msgspec.json.decode(reply.body, type=_Token)
        except msgspec.MsgspecError:
            raise _Refused("not-a-registry", _("its token server gives no token"), 200) from None
        token = given.token or given.access_token or ""
        if not token or not token.isascii() or not token.isprintable():
            raise _Refused("not-a-registry", _("its token server gives no token"), 200)
        return token

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, *, public: bool = False
    ) -> HttpReply:
        headers = {**self._headers, **(headers or {})}
        try:
            if method == "HEAD":
                reply = await self._http.head(url, headers=headers, deadline=EACH, proxy=self._proxy)
            else:
                reply = await self._http.get(
                    url, headers=headers, deadline=EACH, limit=1 << 18, proxy=self._proxy, public=public
                )
        except HttpFailed as failed:
            self._spent += EACH if failed.trouble == "timeout" else 0.0
            says = str(failed).removeprefix(self._base).lstrip(": ")
            raise _Refused(_STATES[failed.trouble], says) from failed
        self._spent += reply.seconds
        return reply


class _Token(Struct):
    token: str | None = None
    access_token: str | None = None


def _require_registry(reply: HttpReply) -> None:
    """Raises _Refused for a web page. fact: mirrors that were given up answer 200 with HTML."""
    body, kind = reply.body.lstrip()[:1], reply.headers.get("content-type", "")
    known = "docker-distribution-api-version" in reply.headers
    if "html" in kind or body == b"<" or not (known or body in (b"", b"{") or "json" in kind):
        raise _Refused("not-a-registry", _("a web page answers there, not a registry"), 200)


def _require_manifest(reply: HttpReply) -> None:
    kind = reply.headers.get("content-type", "")
    if "docker-content-digest" not in reply.headers and "manifest" not in kind and "image.index" not in kind:
        raise _Refused(
            "not-a-registry", _("it answers {kind} for an image", kind=clean_line(kind, 60) or "something"), 200
        )


def _status(reply: HttpReply, what: str) -> _Refused:
    status = reply.status
    if status == 403:
        return _Refused("not-allowed", _own_words(reply) or _("it refuses {what} (403)", what=what), 403)
    if status == 429:
        return _Refused("rate-limited", _("it asks for patience (429)"), 429)
    if status == 401:
        return _Refused("needs-login", _("it wants a login for {what}", what=what), 401)
    if status == 404:
        state: MirrorState = "not-a-registry" if what == "/v2/" else "missing"
        return _Refused(state, _("it does not have {what} (404)", what=what), 404)
    return _Refused(
        "broken" if status >= 500 else "not-a-registry",
        _("it answers {status} to {what}", status=status, what=what),
        status,
    )


def _own_words(reply: HttpReply) -> str:
    """The mirror's own reason, where it gives one in words."""
    text = reply.body[:600].decode("utf-8", "replace")
    found = re.search(r'"message"\s*:\s*"([^"]{1,200})', text)
    words = found[1] if found else text if text and not text.lstrip().startswith(("<", "{")) else ""
    return _("it refuses (403): {words}", words=clean_line(words, 120)) if words.strip() else ""


def shown(place: ImageOrigin) -> str:
    """``library/mongo:5.0.18``, as people read it."""
    separator = "@" if ":" in place.reference else ":"
    return f"{place.repository}{separator}{place.reference[:24]}"
