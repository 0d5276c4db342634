"""One look at one candidate: recognise where needed, read what the product tells, and keep what was known before."""

from __future__ import annotations

import asyncio

from msgspec import UNSET

from ...hosts import Http
from ...model import Product, Server, ServerFigures
from .allowed import HARMLESS
from .asking import TOTAL, Ask, Said, Silence
from .candidate import Candidate
from .ollama import WRONG_NAME
from .reading import Counted, Look, Reading, Verdict, figures, is_confirmed, silence
from .recognising import SHUT, recognise
from .signs import Found

NAMELESS: frozenset[Product] = frozenset({"unknown", "openai-compatible"})


async def look_at(http: Http, candidate: Candidate, before: Server | None, now: float, *, slow: bool) -> Server:
    """See ``servers.look``."""
    known = before if before is not None and _same(before, candidate) else None
    if known is not None and not slow and _left_alone(known, candidate):
        return known
    resting = known is not None and known.state == "wrong_key" and not slow
    ask = Ask(http, candidate, show_key=not resting)
    label = _label(known, candidate)
    if not candidate.running:
        reading = Reading().says(Verdict("down", "its container does not run", "start it"))
        return _server(candidate, before, known, label, reading, now)
    try:
        async with asyncio.timeout(TOTAL + 1):
            found, reading = await _looked(ask, Look(candidate, known, now, slow), label)
    except TimeoutError:
        found, reading = label, Reading().says(Verdict("busy", f"did not answer within {TOTAL:g} s", "look at its GPU"))
    same = known if known is not None and known.product == found.product else None
    _judge_key(ask, candidate, same, reading, resting=resting)
    return _server(candidate, before, same, found, reading, now)


async def _looked(ask: Ask, look: Look, label: Found) -> tuple[Found, Reading]:
    """Who it is now, and what it says."""
    known = look.before
    if known is not None and not look.slow and _confirmed(known, look.candidate):
        reading = await _read(ask, look, label.product)
        if not reading.mistaken:
            return label, reading
    ask.product = None
    if known is not None and not look.slow and _is_shut(known.recognised):
        said = await ask.get("/v1/models")
        if isinstance(said, Silence) or said.refused:
            return label, _of_shut(said, label.product, look)
    found = await recognise(ask, look.candidate, known.product if known else None)
    if found is None:
        silent = ask.silent or Silence("/v1/models", "unreachable", "nothing came back")
        return label, Reading().says(silence(silent, label.product, look))
    if found.product in NAMELESS and ask.silent is not None and label.product not in NAMELESS:
        # it stopped answering in the middle of being recognised: whoever it was, it still is
        return label, Reading().says(silence(ask.silent, label.product, look))
    if _is_shut(found.evidence):
        return found, _of_shut(await ask.get("/v1/models"), found.product, look)
    mine = Look(look.candidate, known if known and known.product == found.product else None, look.now, look.slow)
    reading = await _read(ask, mine, found.product)
    if reading.mistaken:
        reading = Reading().says(
            Verdict("unknown", f"answers, but not as {found.product} does", "look what listens there")
        )
    return found, reading


def _is_shut(evidence: tuple[str, ...]) -> bool:
    return bool(evidence) and evidence[0].startswith(SHUT)


def _of_shut(said: Said, product: Product, look: Look) -> Reading:
    """Of one who refuses everything, and whom only his image names."""
    if isinstance(said, Silence):
        return Reading().says(silence(said, product, look))
    reading = Reading(latency=round(said.seconds, 4))
    return reading.says(WRONG_NAME) if product == "ollama" else reading


async def _read(ask: Ask, look: Look, product: Product) -> Reading:
    from .readers import READERS

    ask.within(product)
    return await READERS[product](ask, look)


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


def _label(known: Server | None, candidate: Candidate) -> Found:
    """What to call it while it does not answer."""
    if known is not None and known.product != "unknown":
        return Found(known.product, known.recognised)
    return Found(candidate.hint or "unknown", (candidate.hint_reason,) if candidate.hint_reason else ())


def _judge_key(ask: Ask, candidate: Candidate, known: Server | None, reading: Reading, *, resting: bool) -> None:
    """A key that is refused, or one that is wanted and not known."""
    if reading.state != "up":
        return
    if resting and known is not None:
        reading.says(Verdict("wrong_key", known.reason, known.remedy))
    elif ask.key_refused:
        name = candidate.token_name or "the key known here"
        reading.says(Verdict("wrong_key", f"answers, but refuses {name}", "correct the key; it is tried once a minute"))
    elif ask.key_wanted and reading.reason is None:
        reading.reason = "wants a key, and none is known here: what it serves cannot be read"
        reading.remedy = "name its key in stackops.toml"
    elif reading.reason is None and known is not None and known.state == "up" and not _asked_lists(reading):
        reading.reason, reading.remedy = known.reason, known.remedy


def _asked_lists(reading: Reading) -> bool:
    return reading.models is not None


def _server(
    candidate: Candidate,
    before: Server | None,
    known: Server | None,
    found: Found,
    reading: Reading,
    now: float,
) -> Server:
    """The reading, over what was known of the same product before."""
    loaded = reading.loaded
    if loaded is UNSET:
        loaded = known.loaded if known and reading.state not in ("down", "loading", "engine_dead") else None
    return Server(
        candidate.key, found.product, candidate.address, reading.state, reading.reason, reading.remedy,
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
