"""Of two findings about the same arrow, setting or address the one that says better what is wrong. Pure.

What was seen of one connection and what is concluded of one setting are folded under what a check of its own knows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from ..model import Snapshot
from ..model.findings import Result
from ..products.gateways import share_network

ARROW = "wiring.broken"
"""What was seen of one arrow alone: what else is found of that arrow, or of its target, says better what is wrong."""
SETTINGS = ("wiring.address", "wiring.login")
"""What is concluded of one setting alone: what the program's own check finds of that setting says it better."""
OF_ALL = ("apart", "nobody")
"""Forms of the first of them that may lie at whoever is meant: of several who meet it their arrows tell it once."""
LATER = (
    "wiring.login", "docker.exposed-databases", "docker.default-secrets", "mysql.auth-plugin", "postgres.",
    "librechat.meilisearch",
)  # fmt: skip
"""How checks of what comes after a connection begin: they do not explain one that fails."""
OTHER_KIND = ("wiring.login", "other-kind")
"""The one of them that does: a database of another kind speaks another protocol."""
ASKED = ".credentials"
"""How checks end that asked a database itself: the same error in the app's log is told under what those say."""
UNEXPLAINED = frozenset({("oneapi.restart", "dies"), ("server.unreachable", "silent")})
"""Forms that say what is seen from outside and no cause: any other error of that service tells more."""
ABSENT = "server.unreachable"
"""Says what was seen at an address, whoever asks: who cannot resolve the name, or asks itself, never gets there."""
SEVERITY = {"error": 0, "warning": 1, "info": 2}
GENERIC = "container."
"""Area of the checks that know a container's facts and nothing of its program."""
_NUMBER = re.compile(r"[(（]\w+ (\d+)[)）]$")
"""MySQL's number of an error at the end of a title, in any language."""
CAUSES = ("container.needed", "container.permission", "container.cpu", "container.dead-inside")
"""Those of them that know a cause."""


def is_specific(result: Result) -> bool:
    """Whether it knows the program, or a cause."""
    known = not result.check.startswith(GENERIC) or result.check in CAUSES
    return known and (result.check, result.form) not in UNEXPLAINED


def better_than(
    result: Result, results: Sequence[Result], snapshot: Snapshot, owners: Mapping[str, str]
) -> Result | None:  # fmt: skip
    """The finding under which this one is told, and which is told itself; ``owners``: ids by names in results."""
    others = [one for one in results if one.check != ABSENT or _cause(one, results, snapshot) is None]
    told = [result]
    while told[-1].status == "finding":
        last = told[-1]
        if last.check == ABSENT:
            better = _cause(last, results, snapshot)
        else:
            better = _said_better(last, others, _strangers(last, snapshot, owners))
        if better is None or any(better is each for each in told):
            break
        told.append(better)
    return told[-1] if len(told) > 1 else None


def _cause(absent: Result, results: Sequence[Result], snapshot: Snapshot) -> Result | None:
    return _unresolved(absent, results, snapshot) or _at_itself(absent, results)


def _strangers(result: Result, snapshot: Snapshot, owners: Mapping[str, str]) -> frozenset[str]:
    """What names containers that whoever asks has nothing to do with: of theirs, the same address is another one."""
    if result.check != ARROW:
        return frozenset()
    asking = [each for each in snapshot.containers if each.name in result.also]
    near = {
        each.id for each in snapshot.containers for one in asking
        if each.name == result.blames or (each.project and each.project == one.project)
        or share_network(each, one) is not False
    }  # fmt: skip
    return frozenset(name for name, container in owners.items() if container not in near)


def _said_better(result: Result, results: Sequence[Result], strangers: Collection[str]) -> Result | None:
    """Of a broken arrow the finding that names its address, or is about who asks and names setting or host."""
    if number := _NUMBER.search(result.title):
        asked = (each for each in results if each.check.endswith(ASKED) and each.status == "finding")
        return next((each for each in asked if each.subject == result.subject and number[1] in _words(each)), None)
    if not result.about:
        return None
    if result.check != ARROW:
        shared = next((each for each in results if _is_of_all(result, each)), None)
        return shared or (_of_the_same_setting(result, results) if result.check in SETTINGS else None)
    if ", " in result.subject:  # several who meet one fault: what says it better has to say so of each
        results = [one for one in results if not _is_of_all(one, result)]
        told = zip(result.subject.split(", "), result.about.split("; "), strict=True)
        each = (replace(result, subject=one, also=(one.partition(" -> ")[0],), about=about) for one, about in told)
        better = [_said_better(one, results, strangers) for one in each]
        return better[0] if all(better) else None
    *settings, address = result.about.replace(",", " ").split()
    host = address.rpartition(":")[0]
    own = {each for each in (*settings, host) if _is_name(each)}
    for other in sorted(results, key=lambda each: each.check in SETTINGS):
        if other.status != "finding" or other.severity == "info" or other.check == ARROW:
            continue
        if other.check.startswith(LATER) and (other.check, other.form) != OTHER_KIND:
            continue
        if other.subject in strangers:
            continue
        whose = {other.subject, *other.also} & set(result.also)
        words = _words(other)
        if is_specific(other) and (address in words or (whose and not words.isdisjoint(own))):
            return other
    return None


def _is_of_all(address: Result, arrows: Result) -> bool:
    """Whether what is concluded of one address is the fault that several have met."""
    several = arrows.check == ARROW and ", " in arrows.subject and arrows.status == "finding"
    own = address.check == SETTINGS[0] and address.form in OF_ALL and address.subject in arrows.also
    return several and own and address.about in (arrows.about or "").split("; ")


def _of_the_same_setting(result: Result, results: Sequence[Result]) -> Result | None:
    """The finding of a program's own check about the same service, as serious, that names variable or address."""
    variable, *more = (result.about or "").split()
    if not _is_name(variable) or "," in (result.about or "") or (not more and result.check != "wiring.login"):
        return None  # several settings, of which another finding may know one
    for other in results:
        own = other.status == "finding" and not other.check.startswith(("wiring.", "docker.", GENERIC))
        serious = SEVERITY[other.severity or "error"] <= SEVERITY[result.severity or "error"]
        whose = (other.subject, *other.also, *(other.about or "").replace(",", " ").split())
        if own and serious and result.subject in whose and not _words(other).isdisjoint((variable, *more)):
            return other
    return None


def _unresolved(result: Result, results: Sequence[Result], snapshot: Snapshot) -> Result | None:
    """Of an address of this machine at which nobody listens: the arrow of who does not even resolve its name."""
    port = result.subject.removeprefix("host:")
    asking = [edge for edge in snapshot.edges if edge.where == "machine" and str(edge.port) == port]
    if port == result.subject or any(edge.broken is None or edge.broken.name != "name" for edge in asking):
        return None
    abouts = {f"{edge.origin} {edge.host}:{edge.port}" for edge in asking}
    return next((each for each in results if each.check == ARROW and each.about in abouts), None)


def _at_itself(result: Result, results: Sequence[Result]) -> Result | None:
    """Of an address that leads to whoever asks, ``localhost:11434 from api``, the finding of where it is written."""
    address, _, asks = (result.about or "").partition(" from ")
    own = (each for each in results if each.subject == asks and each.check not in (ARROW, ABSENT))
    told = (each for each in own if each.status == "finding" and each.severity != "info")
    return next((each for each in told if address in _words(each)), None)


def _is_name(word: str) -> bool:
    """Whether it is a variable or an address: ``of`` in ``baseURL of endpoint Ollama`` stands in any finding."""
    return "_" in word or "." in word


def _words(result: Result) -> set[str]:
    rows = (part for row in result.evidence for part in (row.label, row.value))
    cure = result.fix.summary if result.fix else ""
    said = " ".join((result.title, result.because or "", result.about or "", cure, *rows))
    return set(re.split(r"[\s,;()/@]+", said.replace(". ", " ")))
