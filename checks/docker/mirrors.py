"""The Engine's mirrors as they are: what is in effect, what the file says, what each mirror answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...console.model import DaemonConfig, EngineInfo, MirrorProbe, MirrorSeed, MirrorState, PullFailure, Snapshot
from ...console.products.dockerd import MIRRORS, OF_FILE, Objection, address_of, objections, refusal, repaired
from ...console.products.versions import HUB, ImageOrigin, place_of

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
