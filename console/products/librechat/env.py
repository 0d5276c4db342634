"""What LibreChat's api process has for an environment, which release it is, and when its session cookie is Secure.

Pure: texts in, verdicts out. Where the texts come from (the Engine, ``.env``, compose files) is the caller's business,
and so is what follows from the verdict. A configuration is judged by the release that is told, that runs, that the tag
names, or else by the newest that is known. The start banner of the running container is what counts: a checkout says
nothing, since every release's compose file names a rolling image (danny-avila/LibreChat, docker-compose.yml).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import total_ordering
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from ..versions import parts_of
from .notation import Version

ImageKind = Literal["main", "api"]
Rule = Literal["production", "domain", "setting"]
"""How a release decides: each later rule looks at one thing more before the earlier one.

fact: LibreChat api/server/services/AuthService.js at v0.7.2, v0.8.2, v0.8.3 (#11782), v0.8.6 (#13189)
"""
Launch = Literal["backend", "backend-dev", "node", "unknown"]
WORKING_DIR: dict[ImageKind, str] = {"main": "/app", "api": "/app/api"}
"""fact: LibreChat Dockerfile and Dockerfile.multi"""
COMMANDS: dict[ImageKind, tuple[str, ...]] = {"main": ("npm", "run", "backend"), "api": ("node", "server/index.js")}
DIRECT = ("node", "api/server/index.js")
"""The main image's server without npm and its fixed NODE_ENV. fact: LibreChat package.json"""
_KINDS: dict[str, ImageKind] = {
    "librechat": "main", "librechat-dev": "main", "librechat-api": "api", "librechat-dev-api": "api",
}  # fmt: skip
_RELEASE = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-(rc|alpha|beta)\.?(\d*))?", re.IGNORECASE)
_SCRIPT_DEV = re.compile(r"(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?backend:dev\b")
_DEV = re.compile(rf"{_SCRIPT_DEV.pattern}|\bnodemon\b")
_NPM = re.compile(r"(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?backend(?![:\w-])")
_NODE = re.compile(r"(?:^|[\s/;&])node\s(?:\S+\s+)*?\S*server/index\.js\b")
_GIVEN = re.compile(r"\bNODE_ENV=[\"']?(\w*)")
_LOCAL = ("localhost", "127.0.0.1", "::1")


@total_ordering
class Release(Struct, frozen=True, eq=True):
    """A release of LibreChat."""

    numbers: tuple[int, int, int]
    candidate: bool = False
    """A release candidate: it may or may not have what its release has."""

    def __lt__(self, other: Release) -> bool:
        return (self.numbers, not self.candidate) < (other.numbers, not other.candidate)

    def __str__(self) -> str:
        return "v" + ".".join(map(str, self.numbers)) + ("-rc" if self.candidate else "")


DOMAIN_SINCE = Release((0, 8, 3))
SETTING_SINCE = Release((0, 8, 6))
NODEMON_UNTIL = Release((0, 7, 2))
"""Later images have no nodemon any more. fact: LibreChat Dockerfile, pruned since 2024-05-13"""
_SPANS: tuple[tuple[Rule, str], ...] = (
    ("production", "up to v0.8.2"), ("domain", "v0.8.3 to v0.8.5"), ("setting", "v0.8.6 and later"),
)  # fmt: skip


def release(text: str | None) -> Release | None:
    """``v0.8.7``, ``0.7.7-rc1``; None for a text that names no release."""
    match = _RELEASE.match(text or "")
    if match is None:
        return None
    return Release((int(match[1]), int(match[2]), int(match[3])), candidate=match[4] is not None)


def rules(of: Release | None) -> tuple[Rule, ...]:
    """The rules that a release may follow: one, two for a candidate of the release that changed it, else all."""
    if of is None:
        return tuple(rule for rule, _ in _SPANS)
    if of.numbers >= SETTING_SINCE.numbers:
        return ("domain", "setting") if of.candidate and of.numbers == SETTING_SINCE.numbers else ("setting",)
    if of.numbers >= DOMAIN_SINCE.numbers:
        return ("production", "domain") if of.candidate and of.numbers == DOMAIN_SINCE.numbers else ("domain",)
    return ("production",)


def span(rule: Rule) -> str:
    """The releases that follow a rule, for people."""
    return dict(_SPANS)[rule]


def image_kind(image: str | None) -> ImageKind | None:
    """Which of the two kinds of image this is; None for a name that is not upstream's."""
    return _KINDS.get(parts_of(image or "").last)


def working_dir(told: str | None, image: str | None) -> str:
    """Where the process starts, which is where it looks for ``.env`` and for what ``CONFIG_PATH`` names."""
    return told or WORKING_DIR[image_kind(image) or "main"]


def launch(words: Sequence[str]) -> Launch:
    """How the server is started. ``words`` are entry point and command together."""
    text = " ".join(words)
    for how, pattern in (("backend-dev", _DEV), ("backend", _NPM), ("node", _NODE)):
        if pattern.search(text):
            return how  # type: ignore[return-value]
    return "unknown"


def given_node_env(words: Sequence[str]) -> str | None:
    """The NODE_ENV that the command itself sets; None when it sets none.

    fact: LibreChat package.json, the npm scripts replace whatever the environment said
    """
    how = launch(words)
    if how == "backend":
        return "production"
    text = " ".join(words)
    if _SCRIPT_DEV.search(text):
        return "development"
    match = _GIVEN.search(text)
    return match[1] if match else None


def is_local(address: str | None) -> bool:
    """Whether an address (``DOMAIN_SERVER``) names this very machine.

    fact: LibreChat v0.8.3 (#11782), unset is not local
    """
    host = host_of(address)
    return host in _LOCAL or host.endswith(".localhost")


def host_of(address: str | None) -> str:
    """The host of a URL with or without scheme, in lower case, as the server itself takes it apart."""
    text = (address or "").strip()
    if not text:
        return ""
    try:
        host = urlsplit(text if re.match(r"https?://", text, re.IGNORECASE) else f"http://{text}").hostname
    except ValueError:
        host = None
    if text in _LOCAL:
        return text
    return (host or text).lower()


def is_https(address: str | None) -> bool:
    """Whether a URL is one of https."""
    return bool(re.match(r"https://", (address or "").strip(), re.IGNORECASE))


def setting(value: str | None) -> bool | None:
    """``SESSION_COOKIE_SECURE``: True, False, or None where it says neither and the older rule decides."""
    return {"true": True, "false": False}.get((value or "").strip().lower())


def secure(rule: Rule, node_env: str | None, env: Mapping[str, str]) -> bool:
    """Whether the session cookie is Secure. ``node_env`` None: unset."""
    if rule == "setting":
        said = setting(env.get("SESSION_COOKIE_SECURE"))
        if said is not None:
            return said
    if node_env != "production":
        return False
    return rule == "production" or not is_local(env.get("DOMAIN_SERVER"))


def verdict(of: Release | None, node_env: str | None, env: Mapping[str, str]) -> bool | None:
    """Whether it is Secure under every rule the release may follow; None where they disagree."""
    found = {secure(rule, node_env, env) for rule in rules(of)}
    return found.pop() if len(found) == 1 else None


NEWEST = "0.8.7"
"""fact: the newest release whose schema was measured."""
OLDEST: Version = (0, 7, 2)
"""fact: the oldest whose schema was measured."""
_NUMBERS = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?![\d.])")
_BANNER = re.compile(r"> LibreChat@v?(\d+\.\d+\.\d+\S*)")
# fact: LibreChat packages/data-provider/src/config.ts, Constants.CONFIG_VERSION of each release
_CONFIG_VERSIONS = {
    (0, 7, 2): "1.0.9", (0, 7, 3): "1.1.4", (0, 7, 5): "1.1.7", (0, 7, 7): "1.2.1", (0, 8, 0): "1.3.0",
    (0, 8, 1): "1.3.1", (0, 8, 2): "1.3.3", (0, 8, 3): "1.3.6", (0, 8, 5): "1.3.9", (0, 8, 6): "1.3.12",
    (0, 8, 7): "1.3.13",
}  # fmt: skip


class KnownRelease(Struct, frozen=True):
    """A release, and how it is known."""

    text: str
    how: str
    """``settings``, ``log``, ``package.json``, ``image``, ``compose file``, ``newest``."""

    @property
    def number(self) -> Version:
        """For comparing; a release candidate counts as its release."""
        return number(self.text) or number(NEWEST) or (0, 8, 7)


def number(text: str | None) -> Version | None:
    """``v0.8.7-rc1`` as numbers, None for what is no release."""
    match = _NUMBERS.match(text or "")
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def known_release(
    told: str | None, banners: Iterable[str], image: str | None, declared: str | None, package: str | None = None
) -> KnownRelease:
    """The first known of: the operator's word, start banner, the container's package.json and tag, the declared tag."""
    found = [match[1] for line in banners if (match := _BANNER.search(line))]
    sources = (
        ("settings", told), ("log", found[-1] if found else None), ("package.json", package), ("image", image),
        ("compose file", declared),
    )  # fmt: skip
    for how, text in sources:
        if text and number(text):
            return KnownRelease(text.removeprefix("v"), how)
    return KnownRelease(NEWEST, "newest")


def config_version(release: Version) -> str:
    """What the ``version`` key of that release's own example says."""
    known = [found for found in _CONFIG_VERSIONS if found <= release]
    return _CONFIG_VERSIONS[max(known)] if known else "1.0.9"
