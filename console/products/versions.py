"""Which version of a service runs, told from its image and what that carries; image references taken apart. Pure.

A tag can be moved and ``latest`` says nothing; the variables that official images set name the program itself, so they
come first. Labels come last: many are inherited from the distribution underneath.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..model import Role
from ..text import N_, _
from .registry import by_image, by_role

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


_VERSION_LABEL = "org.opencontainers.image.version"
_BASE_LABEL = "org.opencontainers.image.ref.name"
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def version_of(
    role: Role, image: str, *, labels: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> str | None:
    """The version without a leading ``v``, None when nothing tells it reliably."""
    parts = parts_of(image)
    product = by_image(parts.last)
    if product is None or product.role != role:
        product = by_role(role)
    for name in product.version_variables:
        match = _NUMBER.search((env or {}).get(name, "").partition(":")[2] or (env or {}).get(name, ""))
        if match:
            return match[0]
    if product.tag:
        if found := re.search(product.tag, parts.tag or ""):
            return found[1]
        name = f"{parts.repository}:{parts.tag or ('' if parts.digest else 'latest')}"
        return next((version for pattern, version in product.tagged if re.search(pattern, name)), None)
    return version_in(parts.tag) or _of_labels(labels or {})


def is_newest(image: str) -> bool:
    """Whether an image is named as the newest of its kind: by the tag ``latest``, or by none at all."""
    parts = parts_of(image)
    return bool(parts.last) and parts.digest is None and parts.tag in (None, "latest")


def _of_labels(labels: Mapping[str, str]) -> str | None:
    """The image's own label. fact: ubuntu sets both labels and every image made from it inherits them (22.04)."""
    if _BASE_LABEL in labels:
        return None
    return version_in(labels.get(_VERSION_LABEL))


_SIGNALS = {
    129: N_("ended by SIGHUP"),
    130: N_("interrupted by SIGINT (Ctrl-C)"),
    131: N_("ended by SIGQUIT"),
    132: N_("illegal instruction (SIGILL): the processor lacks something the program was built for"),
    133: N_("ended by a trap (SIGTRAP)"),
    134: N_("aborted itself (SIGABRT): an assertion failed or memory ran out inside it"),
    135: N_("bus error (SIGBUS): often a full disk behind a memory-mapped file, or too little /dev/shm"),
    136: N_("arithmetic error (SIGFPE)"),
    138: N_("ended by SIGUSR1"),
    139: N_("crashed (SIGSEGV): it touched memory that is not its own"),
    141: N_("broken pipe (SIGPIPE)"),
    143: N_("stopped as asked (SIGTERM)"),
}
_ORDINARY = {
    0: N_("ended by itself without an error"),
    1: N_("ended with an error of its own; its log says which"),
    2: N_("ended because of wrong usage or options; its log says which"),
    125: N_("Docker itself could not run it"),
    126: N_("its program was found but cannot be executed"),
    128: N_("Docker could not start it"),
    255: N_("ended with an unspecified error, or its host went down while it ran"),
}


def exit_meaning(
    code: int | None, oom: bool | None = None, error: str | None = None, role: Role | None = None
) -> str | None:
    """What the code means; None for an unknown code. ``error`` is the Engine's own reason (State.Error)."""
    if code is None:
        return None
    if oom:
        return _("killed because it used more memory than it may (out of memory)")
    if role is not None and code in by_role(role).exit_codes:
        return _(by_role(role).exit_codes[code])
    if code == 127 or (error and code in {126, 128}):
        return _not_started(code, error or "")
    if code == 137:
        return _(
            "killed (SIGKILL): by docker kill, after a stop that took too long, or by the kernel when memory ran out"
        )
    return _(_SIGNALS.get(code) or _ORDINARY.get(code) or "") or _other(code)


def _not_started(code: int, error: str) -> str:
    """Told apart by the Engine's reason. fact: a mount that fails at start gives 127 as a missing command does."""
    reason = error.lower()
    if "not a directory" in reason or "mount" in reason:
        return _("it could not start: a mount failed; a file is mounted where a folder is, or the other way round")
    if "port is already allocated" in reason or "address already in use" in reason:
        return _("it could not start: a port it publishes is taken")
    if "could not select device driver" in reason or "nvidia" in reason:
        return _("it could not start: the GPU it asks for is not available to Docker")
    if "permission denied" in reason or code == 126:
        return _("its program was found but cannot be executed")
    return _("its program was not found in the image") if code == 127 else _("Docker could not start it")


def _other(code: int) -> str | None:
    return _("ended by signal {number}", number=code - 128) if 128 < code < 193 else None
