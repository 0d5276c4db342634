"""Pulls that failed, as dockerd's own log tells them. Pure: bytes in, facts out.

fact: mongo-docker-db 4.2 and 4.3, observed with 20.10: the reason names the registry itself, never a mirror.
"""

from __future__ import annotations

import re

from ..model import PullFailure
from ..stacks.images import HUB
from ..text import clean_line
from .docker_status import moment

KEPT = 3
_LINE = re.compile(
    r'^time="(?P<time>[^"]+)" level=error msg="'
    r"(?:Handler for POST [^ ]*/images/create returned error|Not continuing with pull after error): (?P<why>.*)$",
    re.MULTILINE,
)
_END = re.compile(r'(?<!\\)"(?:\s|$)')
_HOST = re.compile(r"https?://([A-Za-z0-9.:-]+)/")
_HUB_HOSTS = frozenset({"registry-1.docker.io", "index.docker.io", "auth.docker.io", "docker.io", HUB})
_NETWORK = re.compile(
    r"Client\.Timeout|deadline exceeded|i/o timeout|TLS handshake|connection refused|connection reset|no such host|"
    r"server misbehaving|network is unreachable|no route to host|: EOF|toomanyrequests|x509:|bad gateway|"
    r"service unavailable|request canceled",
    re.IGNORECASE,
)
"""Reasons that lie on the way; a name that does not exist, or a login, is another matter."""


def failures(log: bytes, since: float) -> tuple[PullFailure, ...]:
    """The last pulls that failed for want of a way to the registry, from ``since`` on, newest last."""
    found: list[PullFailure] = []
    for line in _LINE.finditer(log.decode("utf-8", "replace")):
        at = moment(line["time"])
        end = _END.search(line["why"])
        why = line["why"][: end.start() if end else None].replace('\\"', '"').replace("\\\\", "\\")
        host = _HOST.search(why)
        if at is None or at < since or host is None or not _NETWORK.search(why):
            continue
        registry = HUB if host[1] in _HUB_HOSTS else host[1]
        found.append(PullFailure(at, clean_line(registry, 100), clean_line(why, 300)))
    return tuple(found[-KEPT:])
