"""Acts on containers: docker-py in a thread that may be left behind, Compose as a program. The only door to acts.

In read-only mode every method refuses before anything is imported, started or sent.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import CommandResult, EngineFailed, EngineUnreachable, HostError, NotFound, ReadOnlyRefused
from .address import Address
from .client import Client
from .compose import environment, find_compose, run
from .daemon import reload, validate
from .deadline import Deadlines
from .gone import ClosedClient
from .reasons import hung, refused

if TYPE_CHECKING:
    from docker import APIClient

SPARE = 10
"""Seconds beyond the stop time-out, for the Engine itself."""
EXEC_OUTPUT = 1 << 18
"""Characters of a program's output that are kept."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_HASH = re.compile(r"^(\S+) ([0-9a-f]{64})$", re.MULTILINE)
"""A line of ``config --hash``; warnings stand between them."""
_SHELL = "command -v bash >/dev/null 2>&1 && exec bash || exec sh"


class LocalControl:
    """Acts on the Engine at one address."""

    def __init__(self, client: Client | ClosedClient, *, read_only: bool = False) -> None:
        self._client = client
        self._read_only = read_only
        self._deadlines = Deadlines()
        self._compose: tuple[str, ...] | None = None

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        """Restart; returns when it runs again. NotFound, EngineFailed with the Engine's words, EngineUnreachable."""
        self._act(container, stop_timeout + SPARE, lambda api: api.restart(container, timeout=stop_timeout))

    def start(self, container: str) -> None:
        """Start; nothing happens when it runs already."""
        self._act(container, SPARE * 2, lambda api: api.start(container))

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop; nothing happens when it is stopped already."""
        self._act(container, stop_timeout + SPARE, lambda api: api.stop(container, timeout=stop_timeout))

    def remove(self, container: str) -> None:
        """Remove a stopped container; its volumes stay."""
        self._act(container, SPARE * 2, lambda api: api.remove_container(container, v=False, force=False))

    def compose(
        self, project: str, directory: str, files: Sequence[str], arguments: Sequence[str], *, deadline: float = 120.0
    ) -> CommandResult:
        """Run Compose on the project with exactly these files; the exit code is the caller's to judge."""
        self._refuse_when_read_only()
        return self._run_compose(project, directory, files, arguments, deadline)

    def service_hashes(
        self, project: str, directory: str, files: Sequence[str], *, deadline: float = 20.0
    ) -> tuple[str, Mapping[str, str]]:
        """``compose version --short`` and ``compose config --hash '*'``; neither changes anything."""
        said = self._run_compose(project, directory, files, ["config", "--hash", "*"], deadline)
        if said.exit_code:
            last = (said.output.strip().splitlines() or ["it said nothing"])[-1]
            raise HostError(f"Compose refuses the files in {directory}: {last}")
        version = self._run_compose(project, directory, (), ["version", "--short"], deadline)
        return version.output.strip(), dict(_HASH.findall(said.output))

    def _run_compose(
        self, project: str, directory: str, files: Sequence[str], arguments: Sequence[str], deadline: float
    ) -> CommandResult:
        environ = environment(os.environ, self._reachable())
        if self._compose is None:
            self._compose = find_compose(environ)
        named = [part for file in files for part in ("-f", file)]
        return run(
            (*self._compose, "-p", project, "--project-directory", directory, *named, *arguments), environ, deadline
        )

    def execute(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        """Run a program inside; its exit code is the caller's to judge: 126 where the image does not have it."""
        from ...text import clean

        done: list[CommandResult] = []

        def act(api: APIClient) -> None:
            made = api.exec_create(container, list(arguments), environment=dict(environment))["Id"]
            output = api.exec_start(made)
            code = api.exec_inspect(made)["ExitCode"]
            text = clean(output.decode("utf-8", "replace"), EXEC_OUTPUT)
            done.append(CommandResult(tuple(arguments), -1 if code is None else code, text))

        self._act(container, max(1, round(deadline)), act)
        return done[0]

    def shell(self, container: str) -> Sequence[str]:
        """The argument list that opens bash, or sh, in the container."""
        self._refuse_when_read_only()
        address = self._reachable()
        host = () if address.default else ("--host", address.url, *_tls_flags(address))
        return ("docker", *host, "exec", "-it", _checked(container), "sh", "-c", _SHELL)

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """SIGHUP to the dockerd with this pid, or ``systemctl reload`` of its unit."""
        self._refuse_when_read_only()
        if self._reachable().socket is None:
            raise NotFound("The Engine is on another machine", "reload it there: sudo systemctl reload docker")
        return reload(pid, unit)

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
        """Run ``dockerd --validate`` on a private copy. Changes nothing, and so is allowed in read-only mode too."""
        return validate(content, arguments)

    def _act(self, container: str, seconds: int, act: Callable[[APIClient], Any]) -> None:
        self._refuse_when_read_only()
        _checked(container)
        address = self._reachable()

        def work() -> None:
            api = _connect(address, asyncio.run(self._client.api()), seconds)
            try:
                act(api)
            finally:
                api.close()

        self._deadlines.call(container, seconds + 1, lambda: _explained(work, address), hung(address, seconds + 1))

    def _reachable(self) -> Address:
        """The address; raises its reason where there is none."""
        if isinstance(self._client, ClosedClient):
            raise self._client.reason()
        return self._client.address

    def _refuse_when_read_only(self) -> None:
        if self._read_only:
            raise ReadOnlyRefused("stackops was started read-only: nothing is changed", "start it without --read-only")


def _connect(address: Address, version: str, seconds: int) -> APIClient:
    import docker
    from docker.tls import TLSConfig

    tls: TLSConfig | bool = False
    if address.tls:
        pair = (address.tls.cert, address.tls.key) if address.tls.cert and address.tls.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=address.tls.ca, verify=address.tls.verify)
    # an explicit version: without one the constructor asks the Engine, for up to 60 s
    return docker.APIClient(base_url=address.url, version=version, timeout=seconds, tls=tls)


def _explained(work: Callable[[], None], address: Address) -> None:
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException, Timeout

    from ...text import clean_line

    try:
        work()
    except APIError as error:
        message = clean_line(str(error.explanation or error))
        if error.response is None:
            raise EngineFailed(message) from error
        raise refused(error.response.status_code, message, address) from error
    except Timeout as error:
        raise EngineUnreachable(
            f"The Engine at {address.where} did not finish in time; what it did is not known"
        ) from error
    except (RequestException, DockerException, OSError) as error:
        raise EngineUnreachable(f"The Engine at {address.where} was lost: {clean_line(str(error), 120)}") from error


def _checked(container: str) -> str:
    if not _NAME.fullmatch(container):
        raise NotFound("no container can have that name")
    return container


def _tls_flags(address: Address) -> tuple[str, ...]:
    if address.tls is None:
        return ()
    pairs = (("--tlscacert", address.tls.ca), ("--tlscert", address.tls.cert), ("--tlskey", address.tls.key))
    flags = [part for name, value in pairs if value for part in (name, value)]
    return ("--tlsverify" if address.tls.verify else "--tls", *flags)
