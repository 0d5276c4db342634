"""Docker will not start with its own daemon.json: no JSON, a value of another kind, a key it does not know.

What it does
    Judges the file that this Engine reads as its next start would: one JSON object, the kind of value that each key
    takes (a list of texts, a text, a whole number, ...), keys that some release knows, no key that is a flag as well.
    Names of flags (insecure-registry for insecure-registries) pass and do nothing, which is said too.

Why it matters
    The Engine goes on with what it read before, so that nothing seems to be wrong. At its next start, after an update
    or a reboot, it does not come up, and every container is down. A reload with such a file changes nothing either.

Fix
    Explained: stackops does not guess what was meant.

Sources
    moby daemon/config/config.go and config_linux.go (keys, kinds, the check for unknown keys); moby issue 44905; ollama
    issue 4604; observed with Engine 20.10.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...console.model import DaemonConfig, EngineInfo, MirrorProbe, MirrorSeed, MirrorState, PullFailure
from ...console.products.dockerd import (
    BOTH_ALLOWED,
    MIRRORS,
    OF_FILE,
    Objection,
    address_of,
    objections,
    refusal,
    repaired,
)
from ...console.products.versions import HUB, ImageOrigin, place_of
from ...console.text import _
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand

HUB_ADDRESS = "https://registry-1.docker.io"
NEXT_START = "The Engine still runs on what it read before. Its next start, after an update or a reboot, fails"
"""Why a file is wrong although all seems well."""
FAULTS: dict[MirrorState, str] = {
    "hangs": "hangs", "dns": "dead", "refused": "dead", "unreachable": "dead", "broken": "dead", "tls": "tls",
    "not-a-registry": "not-a-registry", "needs-login": "needs-login", "not-allowed": "not-allowed",
}  # fmt: skip
"""The form of a mirror that answers so. Others are let pass: ``missing`` costs nothing, 429 goes by."""


@dataclass(frozen=True)
class MirrorCase:
    """One Engine."""

    engine: EngineInfo
    config: DaemonConfig | None
    probes: tuple[MirrorProbe, ...]
    seed: MirrorSeed | None
    foreign: dict[str, ImageOrigin]
    """Registries other than Docker Hub that the stacks need, each with one of its images."""
    absent: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The Engine's file, where one is known."""
        return self.config.path if self.config else "dockerd"

    @property
    def desktop(self) -> bool:
        """Whether the Engine's settings are those of Docker Desktop."""
        return self.engine.os == "Docker Desktop"

    @cached_property
    def effective(self) -> tuple[str, ...]:
        """Mirrors the Engine uses."""
        return tuple(address_of(one) for one in self.engine.registry_mirrors)

    @cached_property
    def declared(self) -> tuple[str, ...] | None:
        """Mirrors of the file; None without the key."""
        listed = self.config.mirrors if self.config else None
        return None if listed is None else tuple(address_of(one) for one in listed)

    @cached_property
    def meant(self) -> tuple[str, ...]:
        """Mirrors the operator wants, mistakes in writing repaired; what is in effect where the file says nothing."""
        config = self.config
        if config is None:
            return self.effective
        listed = config.mirrors if config.mirrors is not None else config.typo_mirrors
        if not listed and config.mirrors is None and not config.typo and not config.mirrors_wrong:
            return self.effective
        fixed = (one if refusal(one, self.engine.version) is None else repaired(one) for one in listed)
        return tuple(dict.fromkeys(address_of(one) for one in fixed if one))

    @cached_property
    def objections(self) -> tuple[Objection, ...]:
        """Why the Engine would not start with its file."""
        return objections(self.config, self.engine.version, self.effective) if self.config else ()

    @property
    def spoilt(self) -> bool:
        """Whether the file would be refused for something that is no matter of mirrors: docker.daemon-json says it."""
        return any(one.form in OF_FILE for one in self.objections)

    @property
    def not_effective(self) -> bool:
        """Whether the file has another list than the Engine, which would have it after a reload."""
        seen = self.config is not None and self.config.pid is not None
        return seen and self.declared is not None and self.declared != self.effective and not self.by_flag

    @property
    def by_flag(self) -> tuple[str, ...]:
        """Mirrors that dockerd was started with."""
        return self.config.flags.get(MIRRORS, ()) if self.config else ()

    @cached_property
    def named(self) -> tuple[str, ...]:
        """Every mirror that is in effect or wanted."""
        return tuple(dict.fromkeys((*self.effective, *self.meant)))

    @cached_property
    def answers(self) -> dict[str, MirrorProbe]:
        """What each mirror answered, those to choose from among them."""
        return {one.address: one for one in reversed(self.probes) if one.what != "registry"}

    @property
    def asked(self) -> list[MirrorProbe]:
        """The answers of those that are in effect or wanted."""
        return [self.answers[one] for one in self.named if one in self.answers]

    def state(self, address: str) -> MirrorState | None:
        """None for one that was not asked."""
        return self.answers[address].state if address in self.answers else None

    @cached_property
    def trouble(self) -> dict[str, list[str]]:
        """Form -> mirrors it is true of."""
        found: dict[str, list[str]] = {}
        for probe in self.asked:
            if probe.state in FAULTS:
                found.setdefault(FAULTS[probe.state], []).append(probe.address)
        return found

    @cached_property
    def candidates(self) -> tuple[MirrorProbe, ...]:
        """Mirrors to choose from that have all that was asked for, the quickest first."""
        good = [one for one in self.probes if one.what == "candidate" and one.state == "ok"]
        return tuple(sorted(good, key=lambda one: (one.seconds is None, one.seconds or 0.0)))

    def out_of_reach(self, name: str) -> bool:
        """Whether the registry is known not to give the images that are missing."""
        address = HUB_ADDRESS if name == HUB else f"https://{name}"
        probe = next((one for one in self.probes if one.what == "registry" and one.address == address), None)
        return probe is not None and probe.state in (*FAULTS, "rate-limited")

    @cached_property
    def failed(self) -> dict[str, PullFailure]:
        """Registry -> the last pull from it that failed lately."""
        return {one.registry: one for one in (self.config.failed_pulls if self.config else ())}

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """Registries of images that are missing, or whose pull failed lately."""
        missing = [place.registry for one in self.absent if (place := place_of(one))]
        return tuple(dict.fromkeys((*missing, *self.failed)))

    @cached_property
    def pulls_fail(self) -> bool:
        """Whether images of Docker Hub are wanted, and neither it nor any mirror gives them."""
        helped = any(self.state(one) == "ok" for one in self.effective)
        return HUB in self.wanted and self.out_of_reach(HUB) and not helped

    @cached_property
    def cut_off(self) -> tuple[str, ...]:
        """Other registries that do not give the images that are wanted."""
        return tuple(name for name in self.wanted if name != HUB and self.out_of_reach(name))


def case_of(snapshot: Snapshot) -> MirrorCase | None:
    """The Engine of the Snapshot; None without one."""
    if snapshot.engine is None:
        return None
    images = [service.image for project in snapshot.projects for service in project.services if service.image]
    images += [container.image for container in snapshot.containers]
    foreign: dict[str, ImageOrigin] = {}
    for image in (*snapshot.absent_images, *images):
        place = place_of(image)
        if place is not None and place.registry != HUB:
            foreign.setdefault(place.registry, place)
    return MirrorCase(
        snapshot.engine, snapshot.daemon, snapshot.mirror_probes, snapshot.mirror_seed, foreign, snapshot.absent_images
    )


_NO_RESTART = "Until then do not restart Docker, and do not reboot: it would not come up again."
INVALID = Form(
    "invalid-json", "{subject} is not valid, and Docker will not start with it", NEXT_START, "repair the file by hand",
    advice="Open {subject} and repair this: {says}.\n"
    "JSON has no comments, and no comma behind the last entry; what is not valid is not rewritten by stackops.\n"
    "See whether it is right: python3 -m json.tool {quoted}\n"
    f"{_NO_RESTART}",
)  # fmt: skip
REFUSED = Form(
    "refused-value", "Docker will not start with {subject}: {says}", NEXT_START, "correct the value by hand",
    advice="Open {subject} and correct this: {all}.\n"
    "A list of texts is written with brackets, even with one entry: [\"10.0.0.1:5000\"]; numbers of log-opts are texts:"
    " \"3\".\n"
    "Docker 23 and later tells whether it is right: dockerd --validate --config-file {quoted}\n"
    f"{_NO_RESTART}",
)  # fmt: skip
UNKNOWN = Form(
    "unknown-key", "Docker will not start with {subject}: {says}", NEXT_START, "correct or remove the key by hand",
    advice="Open {subject}: {all}.\n"
    "Settings of the client (proxies.default, credsStore) belong into ~/.docker/config.json.\n"
    f"{_NO_RESTART}",
)  # fmt: skip
TWICE = Form(
    "flag-conflict", "{subject} sets what is a flag of dockerd too, and Docker will not start with both", NEXT_START,
    "keep it in one place, by hand",
    advice="Keep {twice} in one place: take it out of {subject}, or the flag out of the unit.\n"
    "The unit: systemctl edit docker, an empty ExecStart= first, then the command without the flag.\n"
    f"{_NO_RESTART}",
)  # fmt: skip
IDLE = Form(
    "idle-key", "{subject} has a key that does nothing: {idle}",
    "It is the name of a flag, so that the Engine lets it pass without a word. The key that was meant stands behind it",
    "give the key its name, by hand", "warning",
    advice="Open {subject} and write the key in brackets in place of the other: {idle}.",
)  # fmt: skip
FORMS = (INVALID, REFUSED, UNKNOWN, TWICE, IDLE)
"""Worst first."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """One answer for the Engine's file; none where only a mirror's address is wrong: registry-mirrors tells it."""
    config, engine = snapshot.daemon, snapshot.engine
    if config is None or engine is None or config.kind != "file":
        return
    everything = objections(config, engine.version, tuple(map(address_of, engine.registry_mirrors)))
    against = [one for one in everything if one.form in OF_FILE]
    form = next((each for each in FORMS if any(each.id == one.form for one in against)), IDLE if config.idle else None)
    if form is None:
        yield from () if everything else (Fine(config.path, _("Docker starts with {path}", path=config.path)),)
        return
    told = [one for one in against if one.form == form.id]
    rows = tuple(Evidence(_("at the next start"), one.says, config.path) for one in against)
    rows += tuple(Evidence(_("does nothing"), one, config.path) for one in config.idle)
    yield Case(config.path, form, None, rows, _words(config, told))


def _words(config: DaemonConfig, told: list[Objection]) -> dict[str, str]:
    more = _(", and {count} more", count=len(told) - 1) if len(told) > 1 else ""
    both = [key for key in config.keys if key in config.flags and key not in BOTH_ALLOWED]
    return {
        "says": f"{told[0].says}{more}" if told else "", "all": "; ".join(one.says for one in told),
        "twice": ", ".join(both), "idle": ", ".join(config.idle), "quoted": shlex.quote(config.path),
    }  # fmt: skip


CHECK = Check(
    "docker.daemon-json", "Docker starts with its daemon.json", __doc__ or "", FORMS, find, by_hand,
    reads=("engine", "daemon"),
)  # fmt: skip
