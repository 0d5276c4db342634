"""Which LibreChat release judges a configuration: told, running, tagged, or else the newest that is known. Pure.

fact: librechat-stack 3.4: the start banner of the running container is what counts; a checkout says nothing, since
every release's compose file names a rolling image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from .notation import Version

NEWEST = "0.8.7"
"""fact: the newest release whose schema was measured."""
OLDEST: Version = (0, 7, 2)
"""fact: the oldest whose schema was measured."""
_NUMBER = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?![\d.])")
_BANNER = re.compile(r"> LibreChat@v?(\d+\.\d+\.\d+\S*)")
# fact: librechat-stack 2.1, Constants.CONFIG_VERSION of each release
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
    match = _NUMBER.match(text or "")
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def release(
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
