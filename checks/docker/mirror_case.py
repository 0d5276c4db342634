"""The Engine's mirrors as they are: what is in effect, what the file says, what each mirror answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...console.model import (
    DaemonConfig,
    EngineInfo,
    MirrorProbe,
    MirrorSeed,
    MirrorState,
    PullFailure,
    Snapshot,
)
from ...console.stacks.daemon_rules import Objection, objections
from ...console.stacks.dockerd import MIRRORS, address_of, refusal, repaired
from ...console.stacks.images import HUB, Place, place_of

HUB_ADDRESS = "https://registry-1.docker.io"
DESKTOP = "Docker Desktop"
FORMS: dict[MirrorState, str] = {
    "hangs": "hangs", "dns": "dead", "refused": "dead", "unreachable": "dead", "broken": "dead", "tls": "tls",
    "not-a-registry": "not-a-registry", "needs-login": "needs-login", "not-allowed": "not-allowed",
}  # fmt: skip
"""What is wrong with a mirror that answers so; the others are let pass: ``missing`` costs nothing, 429 goes by."""
ORDER = ("hangs", "dead", "tls", "not-a-registry", "needs-login", "not-allowed")
"""What costs most comes first."""
UNSETTLED = ("rate-limited", "unknown")


@dataclass(frozen=True)
class Case:
    """One Engine."""

    engine: EngineInfo
    config: DaemonConfig | None
    probes: tuple[MirrorProbe, ...]
    seed: MirrorSeed | None
    needed: tuple[Place, ...]
    """What the stacks are made of, from every registry."""
    absent: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The Engine's file, where one is known."""
        return self.config.path if self.config else "dockerd"

    @property
    def desktop(self) -> bool:
        """Whether the Engine's settings are those of Docker Desktop."""
        return self.engine.os == DESKTOP

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
    def not_effective(self) -> bool:
        """Whether the file has another list than the Engine, which would have it after a reload."""
        seen = self.config is not None and self.config.pid is not None
        return seen and self.declared is not None and self.declared != self.effective and not self.by_flag

    @property
    def by_flag(self) -> tuple[str, ...]:
        """Mirrors that dockerd was started with."""
        return self.config.flags.get(MIRRORS, ()) if self.config else ()

    def probe(self, address: str) -> MirrorProbe | None:
        """What a mirror in use, or wanted, answered."""
        return next((one for one in self.probes if one.address == address and one.what != "registry"), None)

    @cached_property
    def named(self) -> tuple[str, ...]:
        """Every mirror that is in effect or wanted."""
        return tuple(dict.fromkeys((*self.effective, *self.meant)))

    def state(self, address: str) -> MirrorState | None:
        """None for one that was not asked."""
        found = self.probe(address)
        return found.state if found else None

    def usable(self, address: str) -> bool:
        """Whether nothing is known against a mirror."""
        return self.state(address) not in FORMS

    @cached_property
    def trouble(self) -> dict[str, list[str]]:
        """Form -> mirrors it is true of, what costs most first."""
        found: dict[str, list[str]] = {}
        for address in self.named:
            state = self.state(address)
            if state in FORMS:
                found.setdefault(FORMS[state], []).append(address)
        return {form: found[form] for form in ORDER if form in found}

    @cached_property
    def candidates(self) -> tuple[MirrorProbe, ...]:
        """Mirrors to choose from that have all that was asked for, the quickest first."""
        good = [one for one in self.probes if one.what == "candidate" and one.state == "ok"]
        return tuple(sorted(good, key=lambda one: (one.seconds is None, one.seconds or 0.0)))

    def registry(self, name: str) -> MirrorProbe | None:
        """What a registry itself answered."""
        address = HUB_ADDRESS if name == HUB else f"https://{name}"
        return next((one for one in self.probes if one.what == "registry" and one.address == address), None)

    def out_of_reach(self, name: str) -> bool:
        """Whether the registry is known not to give the images that are missing."""
        probe = self.registry(name)
        return probe is not None and probe.state in (*FORMS, "rate-limited")

    def absent_of(self, registry: str) -> tuple[str, ...]:
        """Missing images of one registry."""
        return tuple(one for one in self.absent if (place := place_of(one)) and place.registry == registry)

    @cached_property
    def failed(self) -> dict[str, PullFailure]:
        """Registry -> the last pull from it that failed lately."""
        return {one.registry: one for one in (self.config.failed_pulls if self.config else ())}

    @cached_property
    def pulls_fail(self) -> bool:
        """Whether images of Docker Hub are wanted, and neither it nor any mirror gives them."""
        helped = any(self.state(one) == "ok" for one in self.effective)
        wanted = bool(self.absent_of(HUB)) or HUB in self.failed
        return wanted and self.out_of_reach(HUB) and not helped

    @cached_property
    def cut_off(self) -> tuple[str, ...]:
        """Other registries that do not give the images that are wanted."""
        names = dict.fromkeys(place.registry for one in self.absent if (place := place_of(one)))
        return tuple(name for name in (names | dict.fromkeys(self.failed)) if name != HUB and self.out_of_reach(name))

    @cached_property
    def foreign(self) -> dict[str, Place]:
        """Registries other than Docker Hub that the stacks need, each with one of its images."""
        found: dict[str, Place] = {}
        for place in self.needed:
            if place.registry != HUB:
                found.setdefault(place.registry, place)
        return found


def case_of(snapshot: Snapshot) -> Case | None:
    """The Engine of the Snapshot; None without one."""
    if snapshot.engine is None:
        return None
    images = [service.image for project in snapshot.projects for service in project.services if service.image]
    images += [container.image for container in snapshot.containers]
    places = (place_of(image) for image in dict.fromkeys((*snapshot.absent_images, *images)))
    return Case(
        snapshot.engine, snapshot.daemon, snapshot.mirror_probes, snapshot.mirror_seed,
        tuple(dict.fromkeys(place for place in places if place)), snapshot.absent_images,
    )  # fmt: skip
