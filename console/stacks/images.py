"""Image references taken apart: ``registry:5000/team/mongo:5.0.18@sha256:…``. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"v?\d+(?:\.\d+)+(?:-(?:rc|alpha|beta|fix)[.-]?\w*)?|v?\d+(?=$|-)", re.IGNORECASE)


class Image(NamedTuple):
    """The parts of a reference."""

    repository: str
    """Everything before tag and digest, with the registry."""
    last: str
    """Last path component in lower case: what an image is known by, whatever registry or mirror it came from."""
    tag: str | None
    digest: str | None


def parts_of(reference: str) -> Image:
    """The parts of a reference; of an id without a name (``sha256:…``) the last component is empty."""
    if re.fullmatch(r"(?:sha256:)?[0-9a-f]{12,64}", reference):
        return Image(reference, "", None, reference)
    name, _, digest = reference.partition("@")
    head, slash, tail = name.rpartition("/")
    last, _, tag = tail.partition(":")
    return Image(f"{head}{slash}{last}", last.lower(), tag or None, digest or None)


def version_in(tag: str | None) -> str | None:
    """The version a tag begins with, without its ``v``: ``v4.9.14`` 4.9.14, ``7.2-alpine`` 7.2; None for ``latest``.

    A tag that is only a date or a word names no version.
    """
    match = _VERSION.match(tag or "")
    if match is None or len(match[0].partition(".")[0]) > 6:  # 20230315 is a date
        return None
    return match[0].lstrip("vV")
