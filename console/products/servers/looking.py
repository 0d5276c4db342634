"""One look at one candidate: recognise where needed, read what the product tells, and keep what was known before."""

from __future__ import annotations

import asyncio

from msgspec import UNSET

from ...hosts import Http
from ...model import Product, Server, ServerFigures
from ...text import N_, told
from ..descriptor import (
    LISTED,
    Counted,
    FirstAnswer,
    ModelServer,
    ReaderContext,
    Reading,
    Recognised,
    ServerVerdict,
    Sign,
    figures,
    health,
    is_confirmed,
    silence,
)
from ..registry import RECOGNISING, SERVERS
from .asking import TOTAL, Ask, Candidate, Said, ServerAnswer, Silence
from .replies import ModelCard, cards

_NOBODYS_WORK = frozenset({*RECOGNISING, "/api/ps", "/readyz", "/health/readiness"})
HARMLESS: frozenset[Product] = frozenset(
    product for product, server in SERVERS.items() if server.allowed.keys() <= _NOBODYS_WORK
)
"""Of whom nothing is asked that would be work for anybody else who answers in his place."""

SHUT = "shut to everybody"
"""Evidence of one whom only his image names: nothing but the list is asked of him, as he may be another after all."""


async def recognise(ask: Ask, likely: Product | None) -> Recognised | None:
    """Who it is; None when nothing at all came back. ``likely`` is who it was at the last look.

    Servers imitate one another: SGLang and LocalAI serve Ollama's routes, gateways pass on the ``owned_by`` of whom
    they stand before, and Open WebUI has an ``/api/version`` too; so signs are looked for in an order.
    """
    first = await ask.answer("/v1/models")
    if first is None:
        return None
    listed, candidate = cards(first), ask.candidate
    found = _at_once(first, listed)
    if found is None and not first.cut:  # no list of models is as long as that: whoever it is, he is left alone
        for sign in _order(first, _kind_of(first, listed), likely, candidate.hint):
            found = await sign(ask)
            if found is not None:
                break
    found = found or _unnamed(first, listed is not None, candidate)
    if candidate.hint == found.product and candidate.hint_reason and candidate.hint_reason not in found.evidence:
        found = Recognised(found.product, (*found.evidence, candidate.hint_reason))
    return found


def _kind_of(first: ServerAnswer, listed: list[ModelCard] | None) -> FirstAnswer:
    if listed is not None:
        return "list"
    if first.refused:
        return "wall"
    if first.status == 200 and first.words[:1] == "<":
        return "page"
    return "broken" if first.status >= 500 else "other"


def _at_once(first: ServerAnswer, listed: list[ModelCard] | None) -> Recognised | None:
    """Who names himself in the first answer, so that nothing else need be asked."""
    if any(server.speaks(first) for server in SERVERS.values() if server.speaks):
        return None  # a gateway, whose lists may name others as owners
    owners = {card.owned_by for card in listed or ()}
    owner = owners.pop() if len(owners) == 1 else None
    for product, server in SERVERS.items():
        evidence = server.names_itself(first) if server.names_itself else None
        if evidence:
            return Recognised(product, (evidence,))
    named = next((product for product, server in SERVERS.items() if server.owner and server.owner == owner), None)
    return Recognised(named, (f'{LISTED}: owned_by "{owner}"',)) if named else None


def _order(first: ServerAnswer, kind: FirstAnswer, *likely: Product | None) -> tuple[Sign, ...]:
    """Signs in the order they are looked for: words in the answer, what it was, what the image says, the rest."""
    told = [server for server in SERVERS.values() if server.speaks and server.speaks(first)]
    after = sorted((one for one in SERVERS.values() if kind in one.sign_after), key=lambda one: one.sign_after[kind])
    known: list[ModelServer] = []
    for server in (SERVERS[one] for one in likely if one):
        known += [one for one in after if server.product in one.imitates]
        known.append(server)
    known = [one for one in known if not any(one.product in later.imitates for later in known[known.index(one) :])]
    return tuple(dict.fromkeys(one.sign for one in (*told, *known, *after) if one.sign))


def _unnamed(first: ServerAnswer, listed: bool, candidate: Candidate) -> Recognised:
    evidence = (f"{LISTED}: {first.status}",)
    if listed:
        hint = candidate.hint  # one with no sign of its own can be told from others by its image alone
        plain = hint is not None and SERVERS[hint].sign is None and SERVERS[hint].names_itself is None
        named = hint if plain and hint not in NAMELESS else None
        return Recognised(named or "openai-compatible", (f"{LISTED}: a list of models",))
    if candidate.hint and first.status in SERVERS[candidate.hint].shut:
        return Recognised(candidate.hint, (f"{SHUT} ({LISTED}: {first.status})",))
    return Recognised("unknown", evidence)


NAMELESS: frozenset[Product] = frozenset({"unknown", "openai-compatible"})


async def look(http: Http, candidate: Candidate, before: Server | None, now: float, *, slow: bool) -> Server:
    """One bounded look: health and figures every time, versions and lists when ``slow`` or not yet known.

    ``before`` is what the last look at the same key gave, ``now`` Unix seconds. Never raises for a failing server.
    Takes 10 s at the most. Does not fill ``users``: it keeps those of ``before``.
    """
    known = before if before is not None and _same(before, candidate) else None
    if known is not None and not slow and _left_alone(known, candidate):
        return known
    resting = known is not None and known.state == "wrong_key" and not slow
    ask = Ask(http, candidate, RECOGNISING, show_key=not resting)
    label = _label(known, candidate)
    if not candidate.running:
        reading = Reading().says(ServerVerdict("down", N_("its container does not run"), N_("start it")))
        return _server(candidate, before, known, label, reading, now)
    try:
        async with asyncio.timeout(TOTAL + 1):
            found, reading = await _looked(
                ask, ReaderContext(SERVERS[label.product], candidate, known, now, slow), label
            )
    except TimeoutError:
        found, reading = (
            label,
            Reading().says(ServerVerdict("busy", N_(f"did not answer within {TOTAL:g} s"), N_("look at its GPU"))),
        )
    same = known if known is not None and known.product == found.product else None
    _judge_key(ask, candidate, same, reading, resting=resting)
    return _server(candidate, before, same, found, reading, now)


async def _looked(ask: Ask, look: ReaderContext, label: Recognised) -> tuple[Recognised, Reading]:
    """Who it is now, and what it says."""
    known = look.before
    if known is not None and not look.slow and _confirmed(known, look.candidate):
        reading = await _read(ask, look)
        if not reading.mistaken:
            return label, reading
    ask.within(None)
    if known is not None and not look.slow and _is_shut(known.recognised):
        said = await ask.get("/v1/models")
        if isinstance(said, Silence) or said.refused:
            return label, _of_shut(said, look)
    found = await recognise(ask, known.product if known else None)
    if found is None:
        silent = ask.silent or Silence("/v1/models", "unreachable", N_("nothing came back"))
        return label, Reading().says(silence(silent, look))
    if found.product in NAMELESS and ask.silent is not None and label.product not in NAMELESS:
        # it stopped answering in the middle of being recognised: whoever it was, it still is
        return label, Reading().says(silence(ask.silent, look))
    same = known if known and known.product == found.product else None
    mine = ReaderContext(SERVERS[found.product], look.candidate, same, look.now, look.slow)
    if _is_shut(found.evidence):
        return found, _of_shut(await ask.get("/v1/models"), mine)
    reading = await _read(ask, mine)
    if reading.mistaken:
        reading = Reading().says(
            ServerVerdict("unknown", N_(f"answers, but not as {found.product} does"), N_("look what listens there"))
        )
    return found, reading


def _is_shut(evidence: tuple[str, ...]) -> bool:
    return bool(evidence) and evidence[0].startswith(SHUT)


def _of_shut(said: Said, look: ReaderContext) -> Reading:
    """Of one who refuses everything, and whom only his image names."""
    if isinstance(said, Silence):
        return Reading().says(silence(said, look))
    reading = Reading(latency=round(said.seconds, 4))
    return reading.says(look.server.shut_verdict) if look.server.shut_verdict else reading


async def _read(ask: Ask, look: ReaderContext) -> Reading:
    """What a product tells of itself, and whether it answers as that product does."""
    server, reading = look.server, Reading()
    ask.within(server.allowed)
    alive = server.alive if isinstance(server.alive, str) else server.alive(look)
    answer = await health(ask, alive, look, reading)
    if answer is not None:
        reading.mistaken = not await server.read(ask, look, reading, answer)
    return reading


def _same(before: Server, candidate: Candidate) -> bool:
    """Whether the last look was at the same program, as far as can be told from outside."""
    return (before.key, before.address, before.container, before.pid) == (
        candidate.key, candidate.address, candidate.container, candidate.pid,
    )  # fmt: skip


def _left_alone(known: Server, candidate: Candidate) -> bool:
    """Nobody known: between slow looks he is not asked again, unless somebody says who he should be."""
    anchored = candidate.container is not None or candidate.pid is not None
    nobody = known.product == "unknown" and known.state == "unknown" and candidate.hint is None
    return nobody or (known.product == "openai-compatible" and known.state == "up" and not anchored)


def _confirmed(known: Server, candidate: Candidate) -> bool:
    """Its own answers said who it is, and the same container or process, made for that product, still stands there.

    Behind an address alone anybody may stand by now, and so in a container of a general image, in which somebody ends
    one server and starts another: paths that are harmless for one product are work for another (``/health`` makes
    SGLang generate), so such a one is recognised anew at each look, unless all that is asked of it is harmless.
    """
    anchored = candidate.container is not None or candidate.pid is not None
    fixed = anchored and (candidate.hint == known.product or known.product in HARMLESS)
    return fixed and known.product != "unknown" and is_confirmed(known)


def _label(known: Server | None, candidate: Candidate) -> Recognised:
    """What to call it while it does not answer."""
    if known is not None and known.product != "unknown":
        return Recognised(known.product, known.recognised)
    return Recognised(candidate.hint or "unknown", (candidate.hint_reason,) if candidate.hint_reason else ())


def _judge_key(ask: Ask, candidate: Candidate, known: Server | None, reading: Reading, *, resting: bool) -> None:
    """A key that is refused, or one that is wanted and not known."""
    if reading.state != "up":
        return
    if resting and known is not None:
        reading.says(ServerVerdict("wrong_key", known.reason, known.remedy))
    elif ask.key_refused:
        name = N_(f"the key in {candidate.token_name}") if candidate.token_name else N_("the key known here")
        reading.says(
            ServerVerdict(
                "wrong_key", N_(f"answers, but refuses {name}"), N_("correct the key; it is tried once a minute")
            )
        )
    elif ask.key_wanted and reading.reason is None:
        reading.reason = N_("wants a key, and none is known here: what it serves cannot be read")
        reading.remedy = N_("name its key in stackops.toml")
    elif reading.reason is None and known is not None and known.state == "up" and not _asked_lists(reading):
        reading.reason, reading.remedy = known.reason, known.remedy


def _asked_lists(reading: Reading) -> bool:
    return reading.models is not None


def _server(
    candidate: Candidate,
    before: Server | None,
    known: Server | None,
    found: Recognised,
    reading: Reading,
    now: float,
) -> Server:
    """The reading, over what was known of the same product before."""
    loaded = reading.loaded
    if loaded is UNSET:
        loaded = known.loaded if known and reading.state not in ("down", "loading", "engine_dead") else None
    return Server(
        candidate.key, found.product, candidate.address, reading.state,
        told(reading.reason or "") or None, told(reading.remedy or "") or None,
        version=reading.version or (known.version if known else None),
        container=candidate.container, pid=candidate.pid, service=candidate.service,
        models=reading.models if reading.models is not None else known.models if known else (),
        loaded=loaded, figures=_figures(known, reading, now), latency=reading.latency,
        recognised=found.evidence,
        users=before.users if before else (), read_at=now,
    )  # fmt: skip


def _figures(known: Server | None, reading: Reading, now: float) -> ServerFigures | None:
    if isinstance(reading.counted, Counted):
        return figures(reading.counted, known, now)
    if reading.counted is UNSET and reading.state in ("up", "busy", "wrong_key", "engine_dead") and known is not None:
        return known.figures
    return None
