"""Plans for One API: wait, restart it alone, recreate FastGPT alone, or say what only a person can do. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from ...console.findings import Result
from ...console.model import Container, Snapshot
from ...console.plan import Plan, Question
from ...console.stacks.gateways import environment, gateway_of, share_network
from ...console.steps import AnyStep, AskModel, ComposeUp, RestartContainer, WaitFor
from ...console.text import duration
from .. import compose
from ..compose import ENDED, Placed, placed
from .boot import boot_of, seconds_left
from .case import Case
from .channels import Stale, frequency, next_sync, stale_of
from .config import Change
from .words import ADVICE

Facts = dict[str, str]
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MODELS_SHOWN = 5
NOBODY = ("", "no", None)
"""Restart policies under which nobody starts a container again."""


def facts_of(case: Case, snapshot: Snapshot) -> Facts:
    """Everything the words may name. Never a user, a password or a key."""
    dsn, database = case.dsn, case.database
    others = [p.container for p in placed(snapshot, "mysql") if p.container]
    near = sorted(others, key=lambda c: case.container is None or share_network(case.container, c) is not True)
    names = [c.service or c.name for c in near]
    stale = stale_of(case) if case.up else None
    links = case.container.networks if case.container else ()
    called = database.container.name if database else (near[0].name if near else "mysql")
    schema = (dsn.name if dsn else "") or "oneapi"
    return {
        "name": case.name,
        "service": case.place.service or case.name,
        "database": called,
        "host": dsn.host if dsn else "",
        "address": dsn.address if dsn else "",
        "port": str(dsn.usual if dsn else 3306),
        "schema": schema,
        "me": shlex.quote(case.name),
        "db": shlex.quote(called),
        "create": shlex.quote(f"CREATE DATABASE `{schema}`"),
        "net": shlex.quote(links[0].network) if links else "NETWORK",
        "candidate": names[0] if names else "mysql",
        "candidates": f" (there is: {', '.join(names)})" if names else "",
        "policy": (case.container.restart_policy if case.container else None) or "no",
        "up": _up(case.place),
        "models": _models(stale),
        "every": duration(frequency(case)),
    }


def _models(stale: Stale | None) -> str:
    if stale is None:
        return ""
    more = len(stale.models) - MODELS_SHOWN
    return ", ".join(stale.models[:MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _up(place: Placed) -> str:
    """The command that makes the container anew, to be typed."""
    if not (place.project_name and place.service and place.directory and place.files):
        return "make the container anew with the corrected variable"
    argv = ["docker", "compose", "-p", place.project_name, "--project-directory", place.directory]
    argv += [part for path in place.files for part in ("-f", path)]
    return shlex.join([*argv, "up", "-d", place.service])


def plan_boot(case: Case, result: Result, snapshot: Snapshot) -> Plan:
    """For one that does not come up."""
    boot, container = boot_of(case), case.container
    if boot is None:
        return compose.manual(result, "There is nothing to repair any more.")
    if container is not None:
        if boot.form == "database-not-ready" and container.restart_policy not in NOBODY:
            return _wait(case, container, result, seconds_left(boot, case.now))
        if boot.form == "start-again":
            return _start(case, container, result)
        if boot.form == "database-down":
            return _start_database(case, result, snapshot)
    return _by_hand(boot.form, result, facts_of(case, snapshot))


def _by_hand(form: str, result: Result, facts: Mapping[str, str]) -> Plan:
    return compose.manual(result, *(text.format(**facts) for text in ADVICE[form]))


def _wait(case: Case, container: Container, result: Result, left: float) -> Plan:
    name = case.database.container.name if case.database else "its database"
    step = WaitFor(
        container=container.id, name=container.name, seconds=max(5.0, left),
        what=f"{name} takes connections and {container.name} stays up",
    )  # fmt: skip
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=(step,), safety="safe",
        says=(
            "Nothing is changed and nothing restarted by stackops: Docker starts One API again by itself.",
            "If it is still down when the time is over, look again: a restart is offered once the database is ready.",
        ),
        lock=case.place.directory, deadline=30.0,
    )  # fmt: skip


def _start(case: Case, container: Container, result: Result) -> Plan:
    restart = RestartContainer(container=container.id, name=container.name)
    step = (compose.bring_up(case.place) or restart) if container.state in ENDED else restart
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=(step,), safety="disruptive",
        restarts=(case.name,), says=("Only One API is started again; its database is left alone.",),
        lock=case.place.directory,
    )  # fmt: skip


def _start_database(case: Case, result: Result, snapshot: Snapshot) -> Plan:
    database = case.database.container if case.database else None
    found = next((p for p in _databases(snapshot) if database and p.container and p.container.id == database.id), None)
    step = compose.bring_up(found) if found else None
    if found is None or step is None:
        return _by_hand("database-down", result, facts_of(case, snapshot))
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=(step,), safety="disruptive",
        restarts=(found.subject,), lock=found.directory, deadline=180.0,
        says=(
            f"{found.subject} is started; Docker starts One API again by itself within a minute.",
            "No data is touched.",
        ),
    )  # fmt: skip


def _databases(snapshot: Snapshot) -> Iterator[Placed]:
    yield from placed(snapshot, "mysql")
    yield from placed(snapshot, "postgres")


def plan_stale(case: Case, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan:
    """For one that relays by an old list."""
    container, stale = case.container, stale_of(case)
    if container is None or stale is None:
        return compose.manual(result, "There is nothing to repair any more.")
    proof = _proof(case, stale, snapshot)
    steps: list[AnyStep] = [RestartContainer(container=container.id, name=container.name)]
    if proof is not None and answers.get("prove", "no").lower() == "yes":
        steps.append(proof)
    prompt = f"Prove it with one real request for {stale.models[0]}? It costs tokens"
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=tuple(steps), safety="disruptive",
        questions=(Question("prove", prompt, default="no", choices=("no", "yes")),) if proof else (),
        restarts=(case.name,), says=tuple(_says(case)), lock=case.place.directory,
    )  # fmt: skip


def _says(case: Case) -> Iterator[str]:
    yield "Only One API is restarted, for a second or two; answers that are being written then are cut off."
    left = next_sync(case)
    if left is not None:
        yield f"Without a restart it would know them in about {duration(left)}, when it reads its channels by itself."
    yield "Restart it after the last change to a channel, not before. SYNC_FREQUENCY=60 makes it read more often."
    if not case.env.get("SESSION_SECRET"):
        yield "SESSION_SECRET is not set: everybody who is logged in to One API's pages has to log in again."


def _proof(case: Case, stale: Stale, snapshot: Snapshot) -> AskModel | None:
    """One request for the first model, with FastGPT's key; None where key or address is not known."""
    state = case.state
    client = next((c for c in snapshot.containers if state and state.client and c.id == state.client), None)
    gateway = gateway_of(environment(client)) if client else None
    if state is None or state.address is None or client is None or gateway is None or gateway.key_variable is None:
        return None
    asked = next((one.route for one in stale.asked if one.model == stale.models[0] and one.route), None)
    return AskModel(
        url=state.address, model=stale.models[0], route=EMBEDDINGS if asked == EMBEDDINGS else CHAT, client=client.id,
        variable=gateway.key_variable, name=case.name,
    )  # fmt: skip


def plan_change(change: Change, result: Result) -> Plan:
    """For a FastGPT that has not read its new config.json."""
    place, container = change.place, change.place.container
    if change.complaint or container is None:
        return _by_hand("config-unreadable", result, {"name": place.subject})
    step: ComposeUp | RestartContainer | None = compose.bring_up(place, force=True)
    if step is None and not change.replaced:
        step = RestartContainer(container=container.id, name=container.name)
    if step is None:
        return _by_hand("config-changed", result, {"name": place.subject})
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=(step,), safety="disruptive",
        restarts=(place.subject,), says=tuple(_change_says(change)), lock=place.directory,
    )  # fmt: skip


def _change_says(change: Change) -> Iterator[str]:
    yield "Only FastGPT is recreated; One API does not read this file and is not restarted."
    if change.unsure:
        yield f"Whether this FastGPT can read the new {change.fact.path} could not be judged; if not, it is taken back."
    if change.lists_ignored:
        yield "The lists of models in it are ignored from v4.8.20 on: manage models on FastGPT's own pages."
