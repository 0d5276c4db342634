"""The key of a model server is ignored, or its users send another one: 401, although "the key is right".

What it does
    For m3e-large-api and the servers of FastGPT's distributed guide, compares the name of the variable that holds the
    operator's key with the one the program reads: ``sk-key`` for m3e-large-api, ``SK-KEY`` for the guide's first
    generation (images ``:v1``), ``SK_KEY`` for the second (``:v2``), ``ACCESS_TOKEN`` for the rerankers. For every
    model server whose key is in its own environment or command, compares it with the key that containers send that
    have its address in a variable. Keys are compared by their hashes and never shown.

Why it matters
    A misspelt variable is ignored without a word. The operator's key gets 401 (``Invalid authorization code``), and a
    public default that stands in the image stays valid for everybody. FastGPT shows neither: a knowledge base that
    never gets ready, a channel whose test fails.

Fix
    Gives the variable its right name, in the very line of the compose file, and recreates that one service. Where two
    keys differ it shows both places: only the operator knows which one is meant.

Sources
    The guide's scripts and compose files of both generations; FastGPT issues 1865 and 3603; docs of m3e-large-api.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import EditFile, RenameVariable
from ...console.text import clean_line
from .. import Check, compose
from ..compose import bring_up, put_away
from .companion import Companion, companions, given, is_public, same, users
from .sent_keys import Mismatch, mismatches
from .wrong_key_examples import EXAMPLES

ID = "server.wrong-key"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each of the guides' servers, and one for each other server whose users send another key."""
    differing = {one.subject: one for one in mismatches(snapshot)}
    told = set()
    for companion in companions(snapshot):
        told.add(companion.name)
        yield _judge(companion, differing.get(companion.name))
    for subject, one in differing.items():
        if subject not in told:
            yield _differs(one)


def _judge(companion: Companion, differing: Mismatch | None) -> Result:
    name = companion.name
    if companion.place.container is not None and not companion.place.container.detailed:
        return Result(ID, name, "unknown", f"Which key {name} takes is not known", because="not inspected yet")
    wrong = misspelt(companion)
    if wrong is not None:
        return _misspelt(companion, wrong)
    if differing is not None:
        return _differs(differing)
    names = given(companion.env)
    if companion.variable is None and names and not all(is_public(key) for key in names.values()):
        because = (
            "the guide's first generation reads SK-KEY and the second SK_KEY; the image's tag tells neither, "
            f"and only {' and '.join(names)} is set"
        )
        return Result(ID, name, "unknown", f"Whether {name} reads its key is not known", because=because)
    where = f"from {companion.variable}" if companion.variable in names else "by its default"
    return Result(ID, name, "ok", f"{name} has its key {where}", evidence=users(companion.server))


def misspelt(companion: Companion) -> str | None:
    """The variable whose key is ignored; None where none is, or it does not matter, or nothing tells."""
    right, names = companion.variable, given(companion.env)
    if right is None or (right in names and not is_public(names[right])):
        return None
    ignored = [name for name in names if name != right and not same(names[name], companion.key)]
    return ignored[0] if ignored else None


def _misspelt(companion: Companion, wrong: str) -> Result:
    name, right = companion.name, companion.variable or ""
    image = clean_line(companion.image, 200)
    rows = [
        Evidence("set", f"{wrong}, which it does not read", companion.source),
        Evidence("read", right, f"image {image}"),
        Evidence("key in force", _in_force(companion), f"image {image}"),
    ]
    if companion.server is not None and companion.server.state == "wrong_key":
        rows.append(Evidence("server says", companion.server.reason or "the key is wrong", companion.server.address))
    because = (
        f"{name} reads its key from {right} and from nothing else. {wrong} is ignored without a word, so every request "
        "with the operator's key gets 401"
    )
    if companion.default or right in given(companion.env):
        because += ", while the public default is valid for whoever knows it"
    safety = _plan(companion, wrong, _bare(name, "misspelt")).safety
    summary = f"rename {wrong} to {right}" + (" and recreate the service" if safety == "disruptive" else "")
    return compose.finding(
        ID, name, "misspelt", f"{name} ignores its key: the variable is called {right}, not {wrong}",
        severity="info" if put_away(companion.place.container) else "error",
        because=f"{because}.", evidence=(*rows, *users(companion.server)),
        fix=FixSummary(safety, summary),
    )  # fmt: skip


def _in_force(companion: Companion) -> str:
    if companion.key is None:
        return "whatever the image has"
    return "a public default" if is_public(companion.key) else "another one"


def _differs(one: Mismatch) -> Result:
    rows = [
        Evidence("its own key", f"stands in {one.own}", f"docker inspect {one.subject}"),
        *(Evidence("sent", f"another key, from {user.variable} of {user.name}, to {user.address}",
                   f"docker inspect {user.name}") for user in one.users),
    ]  # fmt: skip
    who = ", ".join(user.name for user in one.users)
    return compose.finding(
        ID, one.subject, "user-key", f"{who} sends {one.subject} another key than it takes", severity="error",
        because="Every request with that key is refused with 401, whatever the model.", evidence=tuple(rows),
        fix=FixSummary("manual", "write the same key in both places"),
    )  # fmt: skip


def _bare(subject: str, form: str) -> Result:
    return Result(ID, subject, "finding", f"{subject} ignores its key", form=form)


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Rename the variable where it stands and recreate the service; for differing keys only words."""
    for companion in companions(snapshot):
        wrong = misspelt(companion)
        if companion.name == result.subject and wrong is not None:
            return _plan(companion, wrong, result)
    for one in mismatches(snapshot):
        if one.subject == result.subject:
            return _by_hand(one, result)
    return compose.manual(result, "There is nothing to repair any more.")


def _plan(companion: Companion, wrong: str, result: Result) -> Plan:
    place, right = companion.place, companion.variable or ""
    why = _refusal(companion, wrong)
    if why is not None:
        return compose.manual(result, f"Rename {wrong} to {right}, the value stays, and recreate the container.", why)
    edit = RenameVariable(place.service or "", wrong, right)
    resting = put_away(place.container)
    end = bring_up(place, start=not resting)
    says = [
        "Only the name of the variable changes; the key stays as it is.",
        f"From then on {place.subject} takes this key and no longer the public default: who used that gets 401.",
    ]
    if end is not None and resting:
        says.append(f"{place.subject} lies stopped: it is made anew and left so.")
    elif end is not None:
        says.append(f"{place.subject} starts anew and loads its model again: requests fail meanwhile.")
    if end is not None:
        says.append("Undo puts the old name back and recreates the service.")
    return Plan(
        ID, place.subject, result.title, steps=(*(EditFile(path, (edit,)) for path in place.files),
                                                *((end,) if end else ())),
        safety="disruptive" if end else "safe", restarts=(place.service or "",) if end else (), says=tuple(says),
        lock=place.directory, deadline=90.0,
    )  # fmt: skip


def _refusal(companion: Companion, wrong: str) -> str | None:
    """Why this is left to the operator."""
    place, right = companion.place, companion.variable or ""
    if place.broken_file:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if place.declared is None or not place.files or place.service is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the right name."
    if place.container is not None and bring_up(place) is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the right name."
    if wrong not in place.declared.named:
        files = ", ".join(place.declared.env_files) or "the image itself"
        return f"No compose file names {wrong}; it comes from {files}, which other services may use too."
    if right in place.declared.named:
        return f"{right} stands in the compose file too, with another value: decide which of the two is meant."
    return None


def _by_hand(one: Mismatch, result: Result) -> Plan:
    places = [f"{user.variable} of {user.name}" for user in one.users]
    return compose.manual(
        result, f"Two places must hold the same key: {one.own}, and {', '.join(places)}.",
        "Which of them is meant only you know. Changing the user's is the smaller change: nothing else uses it.",
        "Recreate the service whose variable was changed; a restart does not read it anew.",
    )  # fmt: skip


CHECK = Check(
    id=ID, title="Model servers read their key, and their users send it", severity="error", doc=__doc__ or "",
    examine=examine, plan=plan, examples=EXAMPLES,
)  # fmt: skip
