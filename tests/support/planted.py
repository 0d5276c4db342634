"""A machine with a secret in every text that comes from outside, each one another, in the forms of the wild.

``Garden.form`` gives a text that holds a new secret; nothing else knows it, so that only its shape can tell it.
``Garden.known`` gives a sentence around a secret that stands in the environment of a container under a secret name.
"""

from __future__ import annotations

from itertools import count, cycle
from typing import Any

from msgspec.structs import replace
from stackops.console.fix.journal import Journal
from stackops.console.fix.records import About, Did, End, Failed, Intent, JournalStep, Stopped
from stackops.console.fix.steps import Chmod
from stackops.console.hosts.local.locking import Who
from stackops.console.model import (
    EnvVar,
    Fault,
    GpuDriver,
    GpuProcess,
    Health,
    HealthProbe,
    NativeProcess,
    ServerUser,
    Service,
    Snapshot,
)
from stackops.console.model.findings import Evidence, FixSummary, Result
from support import gpu_stage, server_stage, stage
from support.secret_forms import FORMS

KINDS = (
    "h{0:05d}unterIsTheSecret{0:05d}",
    "P{0:05d}-Pl4nted-S3cr3t-{0:05d}",
    "q{0:05d}Uartz!F{0:05d}n",
    "b{0:05d}lue{0:05d}d",
)
"""Each is told from the others by its beginning and by its end."""
NUMBERS = count(1)
"""No secret comes twice in a process, or one test would be helped by what another taught."""
LINES = tuple(form for form in FORMS if "\n" not in form)
TEXTS = tuple(form for form in FORMS if "\n" in form)
NAME = "bluebox"
"""A secret that is a piece of the names of its own project."""


class Garden:
    """Plants secrets and knows all of them."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.learned: list[EnvVar] = []
        self._lines, self._texts = cycle(LINES), cycle(TEXTS)

    def _new(self) -> str:
        number = next(NUMBERS)
        self.secrets.append(KINDS[number % len(KINDS)].format(number))
        return self.secrets[-1]

    def form(self) -> str:
        """One line with a secret that only its shape tells."""
        return next(self._lines).format(self._new())

    def text(self) -> str:
        """Several lines, the same."""
        return next(self._texts).format(self._new())

    def known(self) -> str:
        """A sentence around a secret that some environment gives away."""
        secret = self._new()
        self.learned.append(EnvVar(f"APP_{len(self.learned)}_PASSWORD", secret))
        return f"The login with {secret} was refused by the database."

    def leaked(self, shown: str) -> list[str]:
        """Where the beginning or the end of a secret is to be seen, with the letters before it."""
        parts = {part for secret in self.secrets for part in (secret[:9], secret[-9:])}
        places = ((part, shown.find(part)) for part in parts)
        return sorted(shown[max(0, at - 60) : at + len(part)] for part, at in places if at >= 0)


def results(garden: Garden, many: int = 18) -> tuple[Result, ...]:
    """Findings whose every word comes from outside."""
    return tuple(
        Result(
            check="server.wrong-key",
            subject=f"librechat/api{number}",
            status="finding",
            severity="error",
            title=garden.form() if number % 3 else garden.known(),
            because=garden.form() if number % 2 else garden.known(),
            evidence=(
                Evidence("log", garden.form(), "docker logs"),
                Evidence("seen", garden.form(), garden.form()),
                Evidence("JWT_SECRET", garden.known().split()[3], "docker inspect"),
            ),
            fix=FixSummary("safe", garden.form()),
            also=(stage.LIBRECHAT.name,),
        )
        for number in range(many)
    )


def snapshot(garden: Garden) -> Snapshot:
    """Containers, processes, servers, GPUs and faults, secrets in all of them."""
    full, servers, gpus = stage.full(), server_stage.full(), gpu_stage.two()
    probes = tuple(HealthProbe(stage.NOW - n, 1, garden.text() if n % 2 else garden.form()) for n in range(8))
    form, known = garden.form, garden.known
    box = replace(
        stage.LIBRECHAT,
        state="exited",
        exit_code=1,
        error=f"{form()}; {known()}",
        health=Health("unhealthy", 1, probes),
        env=tuple(EnvVar(f"UNKNOWN_{n}", form()) for n in range(30)),
        command=("sh", "-c", form(), "--api-key", known().split()[3]),
        entrypoint=("/bin/sh", form()),
        labels={"traefik.basicauth": form(), "app.secret": known().split()[3]},
    )
    named = stage.container(
        77,
        "bluebox-chat-bluebox-web-1",
        image="bluebox/web:1",
        project="bluebox-chat",
        service="bluebox-web",
        env=(EnvVar("SESSION_SECRET", NAME),),
    )
    process = NativeProcess(
        4242, "python3", ("python3", "-m", "vllm", "--api-key", known().split()[3], form()), stage.NOW
    )
    held = tuple(
        replace(each, command=("vllm", "serve", "--api-key", known().split()[3], form()), orphan=form())
        for each in (*gpus.gpu_processes[:2], GpuProcess("GPU-0", 4242, 1 << 30))
    )
    told = tuple(
        replace(
            server,
            reason=form(),
            remedy=known(),
            recognised=(form(), known()),
            users=(ServerUser(form(), "app", form()),),
        )
        for server in servers.servers
    )
    faults = (
        Fault("engine", form(), known()),
        Fault("servers", known(), form()),
        Fault("compose:/srv/x", form(), form()),
    )
    cards = tuple(replace(card, health="stale", trouble=form(), remedy=known()) for card in gpus.gpus)
    box = replace(box, env=(*box.env, *garden.learned))
    return replace(
        full,
        containers=(box, named, *full.containers[1:]),
        processes=(process,),
        servers=told,
        faults=faults,
        gpus=cards,
        gpu_processes=held,
        gpu_driver=GpuDriver("stalled", "550", cards=2, sentence=form(), remedy=form()),
        services=(*full.services, Service("unknown", "vllm", pid=4242)),
        ages={"engine": stage.NOW},
    )


def journal(folder: Any, garden: Garden) -> Journal:
    """Entries with secrets in all they say."""
    made = Journal(folder)
    for number, ending in enumerate(
        (End("done", stage.NOW, (garden.form(), garden.text())), Failed(0, stage.NOW, garden.form()))
    ):
        steps = tuple(
            JournalStep(
                Chmod("/srv/k", 0o400, 0o644), Chmod("/srv/k", 0o644, 0o400), garden.form(), f"+ {garden.form()}"
            )
            for _ in range(4)
        )
        intent = Intent(
            id=f"2025100{number}-080000-aaaaaa",
            kind="fix",
            check="server.default-key",
            subject="librechat/api",
            host="other",
            safety="safe",
            at=stage.NOW,
            who=Who("ops", 1000, 4_000_000, 1, None, None),
            title=garden.form(),
            version="0.1",
            plan_hash="0" * 64,
            steps=steps,
            was=(),
            will=(),
        )
        made.begin(intent, ())
        for record in (About(0, stage.NOW), Did(0, stage.NOW), Stopped(stage.NOW, garden.form()), ending):
            made.append(intent.id, record)
    return made
