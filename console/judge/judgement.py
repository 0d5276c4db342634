"""One judgement from a Snapshot and what the checks found in it. Pure.

Every service gets one state. Findings about one service become one trouble: what a check of its own knows replaces
what the container's facts alone tell. A service that is ill because of another one is folded under that one. Troubles
are ordered by what they take down, then by severity, then by age: the oldest first, as a cause is older than what comes
of it, and so that a new trouble does not push away the one that somebody reads.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from ..model import Container, Fault, Snapshot
from ..model.findings import Judgement, Result, ServiceJudgement, ServiceState, Trouble
from ..text import N_, _, n_
from ..text.cleaning import duration
from .better import ARROW, ASKED, GENERIC, LATER, SEVERITY, better_than, is_specific
from .needs import Needs, behind, needs_of, owners_of

ESSENTIAL = ("engine", "engine-info", "container")
"""Sources without which nothing can be said of any container."""
SECONDS = 120.0
"""Up to which a silence is told in seconds."""
_SILENT = re.compile(r"not answer(?:ing|ed)?\b|没有响应")
LOADING = 600.0
"""Seconds in which a model may load without an answer of its server. fact: vLLM and SGLang listen only afterwards."""
_WORDS = {
    "container.crash-loop": N_("crash loop"), "container.unhealthy": N_("unhealthy"), "container.ended": N_("ended"),
    "container.not-started": N_("never started"),
}  # fmt: skip


@dataclass
class _Whole:
    """What is known while it is being judged."""

    snapshot: Snapshot
    needs: Needs
    results: Mapping[str, list[Result]]
    """By container id."""
    homeless: list[Result]
    """Findings about no container: the machine, a GPU, a folder."""
    owners: Mapping[str, str]
    """Container id by every name that a result may have for it."""
    under: Mapping[tuple[str, str, str | None], list[Result]]
    """Arrows of which a finding knows more, by check, subject and fault of that finding."""
    causes: dict[str, str] = field(default_factory=dict)
    """Ill container -> the one that its illness comes from; itself where it is the cause."""
    after: defaultdict[str, list[Result]] = field(default_factory=lambda: defaultdict(list))
    """Container -> arrows to it that are broken because it is ill, and do not make whoever asks it ill."""

    def found(self, container: str) -> list[Result]:
        """Findings about it, the one that counts first."""
        found = [each for each in self.results.get(container, ()) if each.status == "finding"]
        return sorted(found, key=_weight)

    def ill(self, container: str) -> bool:
        """Whether an error was found about it."""
        return any(each.severity == "error" for each in self.found(container))

    def own_cause(self, container: str) -> bool:
        """Whether a check knows what is wrong with this very service, so that nobody else need be the cause."""
        found = (each for each in self.found(container) if each.severity == "error" and is_specific(each))
        return any(not self.follows(each) for each in found)

    def follows(self, result: Result) -> bool:
        """Whether it blames a container of which something is found that explains it."""
        blamed = next((each.id for each in self.snapshot.containers if each.name == result.blames), None)
        found = self.found(blamed) if blamed is not None else ()
        told = (each for each in found if not each.check.startswith(LATER) or each.check.endswith(ASKED))
        return any(each.severity == "error" for each in told)


def judge(snapshot: Snapshot, results: Sequence[Result]) -> Judgement:
    """What is down, why, and what to do first."""
    whole = _gather(snapshot, results)
    for container in snapshot.containers:
        if whole.ill(container.id):
            whole.causes[container.id] = _cause(container.id, whole)
    _put_aside(whole)
    troubles = tuple(sorted((_placed(each, whole) for each in _troubles(whole)), key=_order))
    services = tuple(ServiceJudgement(c.id, _name(c), c.project, *_state(c, whole)) for c in snapshot.containers)
    doubts = tuple(_doubts(snapshot, services, results))
    bad = [trouble for trouble in troubles if trouble.result.severity != "info"]
    aside = sum(each.status == "ignored" for each in results)
    more = "; " + n_("{count} finding is ignored", "{count} findings are ignored", aside) if aside and not bad else ""
    return Judgement(
        _verdict(snapshot, bad, services, doubts) + more, not bad and not doubts, troubles, services, doubts
    )


def _gather(snapshot: Snapshot, results: Sequence[Result]) -> _Whole:
    owners = owners_of(snapshot)
    by_container: defaultdict[str, list[Result]] = defaultdict(list)
    homeless = []
    under: defaultdict[tuple[str, str, str | None], list[Result]] = defaultdict(list)
    for result in results:
        if (better := better_than(result, results, snapshot, owners)) is not None:
            under[_key(better)].append(result)
            continue
        whose = dict.fromkeys(owners[name] for name in (result.subject, *result.also) if name in owners)
        for container in whose:
            by_container[container].append(result)
        if not whose and result.status == "finding":
            homeless.append(result)
    return _Whole(snapshot, needs_of(snapshot), by_container, homeless, owners, under)


def _key(result: Result) -> tuple[str, str, str | None]:
    return result.check, result.subject, result.fault


def _put_aside(whole: _Whole) -> None:
    """Arrows that are broken because their target is ill, where whoever asks has a trouble of its own or works on."""
    names = {each.name: each.id for each in whole.snapshot.containers}
    for container, results in whole.results.items():
        own = whole.causes.get(container) == container
        for each in [one for one in results if one.check == ARROW and whole.follows(one)]:
            blamed = names[each.blames or ""]
            if (own or each.severity != "error") and whole.causes.get(blamed) != container:
                results.remove(each)
                whole.after[blamed].append(each)


def _began(container: Container) -> float | None:
    """Its end, or the start of the run; of one that goes round the time it was made, which stays the same."""
    if container.state in ("exited", "dead") and container.finished_at:
        return container.finished_at
    return container.created_at if container.restart_count else container.started_at or container.created_at


def _cause(container: str, whole: _Whole) -> str:
    """The nearest needed one of which a check knows what is wrong, else the deepest that is ill; often itself."""
    if whole.own_cause(container):
        return container
    below = _ill_behind(container, whole)
    known = next((other for other in below if whole.own_cause(other)), None)
    if known is not None:
        return known
    # the deepest: whatever it needs that is ill needs it as well, so that one of a circle stands for all of it
    for other in sorted((container, *below)):
        if all(other in _ill_behind(each, whole) for each in _ill_behind(other, whole)):
            return other
    return container


def _ill_behind(container: str, whole: _Whole) -> list[str]:
    return [other for other in behind(container, whole.needs) if whole.ill(other)]


def _troubles(whole: _Whole) -> list[Trouble]:
    folded: defaultdict[str, list[str]] = defaultdict(list)
    for victim, cause in whole.causes.items():
        if victim != cause:
            folded[cause].append(victim)
    names = {container.id: _name(container) for container in whole.snapshot.containers}
    told: dict[tuple[str, str, str | None], Trouble] = {}
    for container in whole.snapshot.containers:
        found = whole.found(container.id)
        if whole.causes.get(container.id, container.id) != container.id:
            found = [each for each in found if each.severity != "error"]  # the error is a consequence
        first = [each for each in found if each.severity == "error"]
        followers = folded.get(container.id, [])
        consequences = [each for other in followers for each in whole.found(other) if each.severity == "error"]
        consequences += [each for one in (container.id, *followers) for each in whole.after[one]]
        own = _without_generic(found)
        for index, result in enumerate(own):
            trouble = told.setdefault(_key(result), Trouble(result, (), tuple(whole.under.get(_key(result), ()))))
            if index == 0 and first:  # of several containers: what follows from each of them
                down = (*trouble.takes_down, *(names[each] for each in followers))
                more = [x for x in [*first, *consequences] if not any(x is each for each in own)]
                after = (*trouble.consequences, *more, *(x for each in more for x in whole.under.get(_key(each), ())))
                told[_key(result)] = Trouble(
                    trouble.result, tuple(dict.fromkeys(down)),
                    tuple(each for i, each in enumerate(after) if each != result and each not in after[:i]),
                )  # fmt: skip
    troubles = told.values()
    return [*troubles, *(Trouble(each, (), tuple(whole.under.get(_key(each), ()))) for each in whole.homeless)]


def _without_generic(found: list[Result]) -> list[Result]:
    """What a check of its own found in error replaces what the container's facts tell."""
    known = any(each.severity == "error" and is_specific(each) for each in found)
    generic = [each for each in found if not is_specific(each)]
    return [each for each in found if is_specific(each)] if known else [
        *generic[:1], *(each for each in found if is_specific(each))
    ]  # fmt: skip


def _weight(result: Result) -> tuple[int, bool, bool]:
    return (SEVERITY[result.severity or "error"], not is_specific(result), result.check.startswith(GENERIC))


def _placed(trouble: Trouble, whole: _Whole) -> Trouble:
    """With its container, how that one is, and since when the oldest of those concerned is so."""
    names = (trouble.result.subject, *trouble.result.also)
    about = list(dict.fromkeys(whole.owners[name] for name in names if name in whole.owners))
    meant = {each.id: each for each in whole.snapshot.containers if each.id in about}
    since = min((at for each in meant.values() if (at := _began(each)) is not None), default=None)
    words = _how(meant[about[0]], whole.found(about[0])) if about else ""
    return replace(trouble, container=about[0] if about else None, words=words, since=since)


def _how(container: Container, found: Sequence[Result]) -> str:
    """How a container is in a word or two; empty where it simply runs."""
    generic = next((_WORDS[each.check] for each in found if each.check in _WORDS), "ended")
    if container.state in ("exited", "dead") and generic != "crash loop":
        stopped = container.exit_code in (None, 0, 143)
        return _("stopped") if stopped else _("exited {code}", code=container.exit_code)
    by_state = {"paused": N_("paused"), "created": N_("never started"), "restarting": N_("restarting")}
    return _(by_state.get(container.state, "") if generic == "ended" else generic)


def _order(trouble: Trouble) -> tuple[int, int, float, str, str]:
    """What takes down most comes first, then severity, then age; what is of unknown age comes last."""
    result, since = trouble.result, float("inf") if trouble.since is None else trouble.since
    return (-len(trouble.takes_down), SEVERITY[result.severity or "error"], since, result.check, result.subject)


def _state(container: Container, whole: _Whole) -> tuple[ServiceState, str]:
    found = whole.found(container.id)
    if whole.ill(container.id):
        generic = next((_WORDS[each.check] for each in found if each.check in _WORDS), None)
        return "ill", _(generic) if generic else found[0].title
    put_aside = (each.check for each in whole.results.get(container.id, ()) if each.status == "ignored")
    if any(check.startswith(GENERIC) for check in put_aside):
        return "stopped", _("ignored")
    if container.state in ("exited", "dead", "paused", "created"):
        return "stopped", _("paused") if container.state == "paused" else _("stopped")
    doubtful = [each for each in whole.results.get(container.id, ()) if each.status in ("unknown", "crashed")]
    if container.health is not None and container.health.status == "starting":
        return "starting", _("starting")
    if any(each.check.startswith(GENERIC) for each in doubtful):
        return "starting", _("not settled yet")
    if _loads(container, whole.snapshot):
        return "starting", _("does not answer yet")
    if not container.detailed or container.state == "unknown":
        return "unknown", _("not inspected yet")
    return ("unknown", doubtful[0].title) if doubtful else ("well", "")


def _loads(container: Container, snapshot: Snapshot) -> bool:
    """Whether it is a model server that says that it loads, or was started a while ago and has not answered yet."""
    young = container.started_at is not None and snapshot.taken_at - container.started_at < LOADING
    silent = ("loading", "down") if young else ("loading",)
    return any(one.container == container.id and one.state in silent for one in snapshot.servers)


def essential(fault: Fault) -> bool:
    """Whether nothing can be said of any container because of it."""
    return fault.hides and fault.source.partition(":")[0] in ESSENTIAL


def _doubts(snapshot: Snapshot, services: Sequence[ServiceJudgement], results: Sequence[Result]) -> list[str]:
    """What keeps green away although nothing wrong was found."""
    said = _stale(snapshot)
    doubtful = (each for each in services if each.state in ("unknown", "starting"))
    said += [
        each.words if each.state == "unknown" and each.name in each.words.split() else f"{each.name}: {each.words}"
        for each in doubtful
    ]
    said += [result.title for result in results if result.status == "crashed"]
    return list(dict.fromkeys(said))


def _stale(snapshot: Snapshot) -> list[str]:
    """What the Engine does not tell at present, since when, and of what time is what is shown instead."""
    said = []
    for fault in snapshot.faults:
        if not essential(fault):
            continue
        read, sentence = snapshot.ages.get(fault.source), fault.sentence.rstrip(".")
        if read is not None and _SILENT.search(sentence):
            for_so_long = max(0.0, snapshot.taken_at - read)
            length = duration(for_so_long) if for_so_long >= SECONDS else f"{for_so_long:.0f} s"
            sentence = _("The Engine has not answered for {length}", length=length)
        if read is not None:
            at = time.strftime("%H:%M:%S", time.localtime(read))
            sentence += _("; what is shown is of {time}", time=at)
        elif any(container.detailed for container in snapshot.containers):
            sentence += _("; what is shown was read before")
        said.append(sentence)
    return said


def _verdict(
    snapshot: Snapshot, bad: Sequence[Trouble], services: Sequence[ServiceJudgement], doubts: Sequence[str]
) -> str:
    if bad:
        first, rest = bad[0], len(bad) - 1
        title = first.result.title.rstrip(".")
        said = f"{_listed(first.takes_down)}: {title}" if first.takes_down else title
        stale = [each[:1].lower() + each[1:] if each[1:2].islower() else each for each in _stale(snapshot)[:1]]
        return "; ".join([_("{said}, and {count} more", said=said, count=rest) if rest else said, *stale])
    if doubts:
        return (
            doubts[0]
            if len(doubts) == 1
            else _("{doubt}, and {count} more that cannot be told", doubt=doubts[0], count=len(doubts) - 1)
        )
    wanted = [each for each in services if each.state != "stopped"]
    if not wanted:
        return _("No container runs here") if snapshot.containers else _("There is no container here")
    return n_("{name} is well", "All {count} services are well", len(wanted), name=wanted[0].name)


def _listed(names: Sequence[str]) -> str:
    """``fastgpt is down``, ``fastgpt and oneapi are down``."""
    if len(names) == 1:
        return _("{names} is down", names=names[0])
    if len(names) == 2:
        return _("{one} and {other} are down", one=names[0], other=names[1])
    return _("{one}, {other} and {count} more are down", one=names[0], other=names[1], count=len(names) - 2)


def _name(container: Container) -> str:
    return container.service if container.project and container.service else container.name
