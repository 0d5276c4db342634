"""The Control door of the practice stack: acts on its containers. In read-only mode nothing passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .. import CommandResult, EngineFailed, Files, HostError, ReadOnlyRefused
from . import dockerd
from .compose import Compose
from .replies import COMPOSE_VERSION
from .world import World


class DemoControl:
    """Acts that change the world as the Engine and Compose would change a machine."""

    def __init__(self, world: World, files: Files, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._files = files
        self._ready = ready
        self._read_only = read_only

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:  # noqa: ARG002 - stand-ins stop at once
        """Restart with the definition it has."""
        self._may("restarted")
        self._world.restart(self._world.find(container))

    def start(self, container: str) -> None:
        """Start a stopped container."""
        self._may("started")
        self._world.start(self._world.find(container))

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:  # noqa: ARG002
        """Stop it; its restart policy does not bring it back."""
        self._may("stopped")
        self._world.stop(self._world.find(container))

    def remove(self, container: str) -> None:
        """Remove a stopped container."""
        self._may("removed")
        with self._world.lock:
            found = self._world.find(container)
            if found.state in ("running", "restarting"):
                raise EngineFailed(f"{found.name} is running and is not removed", "stop it first", status=409)
            self._world.remove(found)

    def compose(
        self,
        project: str,
        directory: str,
        files: Sequence[str],
        arguments: Sequence[str],
        *,
        deadline: float = 120.0,  # noqa: ARG002 - nothing here takes long
    ) -> CommandResult:
        """``docker compose -p PROJECT --project-directory DIR -f ... ARGUMENTS`` on the files in memory."""
        self._may("changed")
        named = [word for path in files for word in ("-f", path)]
        argv = ("docker", "compose", "-p", project, "--project-directory", directory, *named, *arguments)
        exit_code, output = Compose(self._world, self._files, project, directory, files).run(arguments)
        return CommandResult(argv=argv, exit_code=exit_code, output=output)

    def service_hashes(
        self,
        project: str,
        directory: str,
        files: Sequence[str],
        *,
        deadline: float = 20.0,  # noqa: ARG002
    ) -> tuple[str, Mapping[str, str]]:
        """What ``config --hash`` says of the files in memory; allowed in read-only mode."""
        self._ready()
        exit_code, output = Compose(self._world, self._files, project, directory, files).run(("config", "--hash", "*"))
        if exit_code:
            raise HostError(output)
        return COMPOSE_VERSION, dict(line.split(" ", 1) for line in output.splitlines())

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """What dockerd does with its file at a SIGHUP."""
        self._may("reloaded")
        return dockerd.reload(self._world, pid, unit)

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:  # noqa: ARG002
        """What this dockerd would say of a configuration."""
        return dockerd.validate(content)

    def execute(
        self,
        container: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],  # noqa: ARG002 - nothing is run
        deadline: float,  # noqa: ARG002
    ) -> CommandResult:
        """There is no program in the containers of the practice stack: 126, as of a missing one."""
        self._may("run")
        return CommandResult(tuple(arguments), 126, f"{container} is part of the practice stack")

    def shell(self, container: str) -> Sequence[str]:
        """There is nothing to open a shell in: says so instead."""
        return ("echo", f"{container} is part of the practice stack: there is no shell inside it")

    def _may(self, done: str) -> None:
        if self._read_only:
            raise ReadOnlyRefused(f"Nothing is {done}: the console was started with --read-only")
        self._ready()
