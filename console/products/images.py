"""Image references taken apart: ``registry:5000/team/mongo:5.0.18@sha256:…``. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"v?\d+(?:\.\d+)+(?:-(?:rc|alpha|beta|fix)[.-]?\w*)?|v?\d+(?=$|-)", re.IGNORECASE)


# no part begins with a dot: such a name would climb in the path of a request
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:-]*(?:/[a-zA-Z0-9][a-zA-Z0-9._-]*)*")
_REFERENCE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._:-]{0,200}")
HUB = "docker.io"


class ImageReference(NamedTuple):
    """The parts of a reference."""

    repository: str
    """Everything before tag and digest, with the registry."""
    last: str
    """Last path component in lower case: what an image is known by, whatever registry or mirror it came from."""
    tag: str | None
    digest: str | None


def parts_of(reference: str) -> ImageReference:
    """The parts of a reference; of an id without a name (``sha256:…``) the last component is empty."""
    if re.fullmatch(r"(?:sha256:)?[0-9a-f]{12,64}", reference):
        return ImageReference(reference, "", None, reference)
    name, _, digest = reference.partition("@")
    head, slash, tail = name.rpartition("/")
    last, _, tag = tail.partition(":")
    return ImageReference(f"{head}{slash}{last}", last.lower(), tag or None, digest or None)


class ImageOrigin(NamedTuple):
    """Where an image comes from, as the Engine takes its name."""

    registry: str
    """``docker.io``, ``ghcr.io``, ``registry.cn-hangzhou.aliyuncs.com``, ``localhost:5000``."""
    repository: str
    """``library/mongo``."""
    reference: str
    """Tag or digest."""


def place_of(name: str) -> ImageOrigin | None:
    """The registry a name leads to; None for an id, or what is no name.

    The first part is a registry when it has a dot or a colon, or is ``localhost``; else the image is Docker Hub's, and
    one without a slash belongs to ``library``. fact: distribution/reference normalize.go
    """
    image = parts_of(name)
    reference = image.digest or image.tag or "latest"
    if not image.last or not _NAME.fullmatch(image.repository) or not _REFERENCE.fullmatch(reference):
        return None
    first, slash, rest = image.repository.partition("/")
    elsewhere = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, repository = (first, rest) if elsewhere else (HUB, image.repository)
    if registry in ("index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"):
        registry = HUB
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageOrigin(registry, repository, reference)


def version_in(tag: str | None) -> str | None:
    """The version a tag begins with, without its ``v``: ``v4.9.14`` 4.9.14, ``7.2-alpine`` 7.2; None for ``latest``.

    A tag that is only a date or a word names no version.
    """
    match = _VERSION.match(tag or "")
    if match is None or len(match[0].partition(".")[0]) > 6:  # 20230315 is a date
        return None
    return match[0].lstrip("vV")
