"""When a driver that cannot be read is worth a word: a machine without a GPU is not a faulty one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..hosts import HostError
from ..model import Container, Gpu, GpuDriver
from ..stacks.gpu_grants import grant_of


def complaint(driver: GpuDriver, gpus: Sequence[Gpu], containers: Iterable[Container]) -> HostError | None:
    """What to say of the driver, or None: it is well, or nobody here needs one."""
    if driver.state == "ok":
        return None
    here = driver.cards or (driver.cards is None and driver.module is not None) or gpus
    asking = None if here else next((c for c in containers if grant_of(c) is not None and not _is_done(c)), None)
    if driver.sentence and (here or asking):
        return HostError(driver.sentence, driver.remedy)
    if asking is not None:
        return HostError(
            f"The container {asking.name} asks for a GPU, and this machine has neither an NVIDIA card nor its driver",
            "Take the GPU out of its compose file (deploy.resources.reservations.devices), or run it elsewhere",
        )
    return None


def _is_done(container: Container) -> bool:
    """Whether it did its work and ended: it asks for nothing any more."""
    return container.state == "exited" and container.exit_code == 0
