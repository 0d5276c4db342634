"""Acts on containers: docker-py in a thread that may be left behind, Compose as a program. The only door to acts.

In read-only mode every method refuses before anything is imported, started or sent.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import paths
from ...text import N_
from .. import (
    CommandResult,
    ComposeProject,
    EngineFailed,
    EngineUnreachable,
    HostError,
    NotFound,
    NotPermitted,
    ReadOnlyRefused,
    ServiceConfig,
)
from ..call import call
from ..call import run as run_here
from .client import ClosedClient, EngineClient
from .docker_command import EngineAddress, environment, find_compose, proxies, run
from .engine import LineSplitter
from .reasons import hung, refused

RELOAD_DEADLINE, VALIDATE_DEADLINE = 20.0, 10.0
UNKNOWN = "unknown flag: --validate"
"""fact: what dockerd 20.10 says, with exit code 1 and ``Code: 125`` in its words; the flag came with 23.0."""


def reload(pid: int, unit: str | None = None) -> CommandResult:
    """Make dockerd read its file again. NotFound when that process is no dockerd any more."""
    _require_dockerd(pid)
    systemctl = shutil.which("systemctl") if unit else None
    if unit and systemctl:
        done = run((systemctl, "reload", "--", unit), os.environ, RELOAD_DEADLINE)
        if done.exit_code != 0:
            last = done.output.strip().splitlines()[-1:] or [N_("it said nothing")]
            raise HostError(N_(f"systemctl reload {unit} ended with exit code {done.exit_code}: {last[0]}"))
        return done
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        raise NotFound(N_(f"There is no process {pid} any more"), N_("look again")) from None
    except PermissionError:
        raise NotPermitted(N_(f"This user may not send a signal to dockerd ({pid})"), f"sudo kill -HUP {pid}") from None
    return CommandResult(("kill", "-HUP", str(pid)), 0, "")


def _require_dockerd(pid: int) -> None:
    """A process id may have gone to somebody else, whom SIGHUP would end."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        name = ""
    if pid <= 1 or name != "dockerd":
        raise NotFound(N_(f"The process {pid} is no dockerd"), N_("look again"))


def validate(content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
    """``dockerd --validate`` on these bytes; None without a dockerd here, or with one that cannot."""
    program = shutil.which("dockerd")
    if program is None:
        return None
    with _scratch({"daemon.json": content}) as folder:
        try:
            argv = (program, *arguments, "--validate", "--config-file", str(folder / "daemon.json"))
            done = run(argv, os.environ, VALIDATE_DEADLINE)
        except HostError:
            return None
    return None if UNKNOWN in done.output else done


if TYPE_CHECKING:
    from docker import APIClient

SLOW = 600
"""Seconds for removing many files."""
QUIET = 180.0
"""Seconds in which a pull that goes on says something: a big layer is checked and unpacked for a while."""
SPARE = 10
"""Seconds beyond the stop time-out, for the Engine itself."""
EXEC_OUTPUT = 1 << 18
"""Characters of a program's output that are kept."""
_NAME = re.compile(r"(sha256:)?[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_IMAGE = re.compile(r"(?!.*//)[a-zA-Z0-9][\w./:@-]*[a-zA-Z0-9]", re.ASCII)
_HASH = re.compile(r"^(\S+) ([0-9a-f]{64})$", re.MULTILINE)
"""A line of ``config --hash``; warnings stand between them."""
_BLAMES_FILES = (14, 15)
"""Exit codes of Compose for a file that is missing, and for one that it does not understand.

fact: docker/compose, cmd/compose, FileNotFoundFailure and ComposeParseFailure; any other tells of something else"""
_SHELL = "command -v bash >/dev/null 2>&1 && exec bash || exec sh"


class LocalControl:
    """Acts on the Engine at one address."""

    def __init__(self, client: EngineClient | ClosedClient, *, read_only: bool = False) -> None:
        self._client = client
        self.read_only = read_only
        self._compose: tuple[str, ...] | None = None

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        """Restart; returns when it runs again. NotFound, EngineFailed with the Engine's words, EngineUnreachable.

        fact: dockerd fails with 500 and "is not running" where another stop was under way and came first (measured with
        Engine 20.10); what is asked for then is the start.
        """
        try:
            self._act(container, stop_timeout + SPARE, lambda api: api.restart(container, timeout=stop_timeout))
        except EngineFailed as error:
            if "is not running" not in str(error):
                raise
            self.start(container)

    def start(self, container: str) -> None:
        """Start; nothing happens when it runs already."""
        self._act(container, SPARE * 2, lambda api: api.start(container))

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop; nothing happens when it is stopped already."""
        self._act(container, stop_timeout + SPARE, lambda api: api.stop(container, timeout=stop_timeout))

    def kill(self, container: str) -> None:
        self._act(container, SPARE * 2, lambda api: api.kill(container))

    def pause(self, container: str) -> None:
        self._act(container, SPARE * 2, lambda api: api.pause(container))

    def unpause(self, container: str) -> None:
        self._act(container, SPARE * 2, lambda api: api.unpause(container))

    def remove(self, container: str) -> None:
        self._act(container, SPARE * 2, lambda api: api.remove_container(container, v=False, force=False))

    def pull(self, image: str, hear: Callable[[bytes], None], *, deadline: float) -> None:
        """fact: docker-py's own ``pull`` waits for ever where the Engine falls silent."""

        def act(api: APIClient) -> None:
            from docker import auth, utils
            from docker.errors import create_api_error_from_http_exception
            from requests.exceptions import HTTPError

            repository, tag = utils.parse_repository_tag(image)
            login = auth.get_config_header(api, auth.resolve_repository_name(repository)[0])
            url = f"{api.base_url}/v{api.api_version}/images/create"
            params = {"fromImage": repository, "tag": tag or "latest"}
            headers = {"X-Registry-Auth": login} if login else {}
            reply = api.post(url, params=params, headers=headers, stream=True, timeout=QUIET)
            try:
                reply.raise_for_status()
            except HTTPError as error:
                raise create_api_error_from_http_exception(error) from error
            lines = LineSplitter()
            for piece in reply.iter_content(None):
                for line in lines.feed(piece):
                    hear(line)
            hear(lines.rest())

        self._act(image, round(deadline), act, _IMAGE)

    def tag(self, image: str, name: str) -> None:
        def act(api: APIClient) -> None:
            from docker import utils

            api.tag(image, *utils.parse_repository_tag(name))

        self._act(image, SPARE * 2, act, _IMAGE)

    def remove_image(self, image: str) -> None:
        self._act(image, SLOW, lambda api: api.remove_image(image), _IMAGE)

    def remove_network(self, network: str) -> None:
        self._act(network, SPARE * 2, lambda api: api.remove_network(network))

    def prune_build_cache(self) -> None:
        self._act("build-cache", SLOW, lambda api: api.prune_builds())

    def compose(self, project: ComposeProject, arguments: Sequence[str], *, deadline: float = 120.0) -> CommandResult:
        """Run Compose on the project with exactly these files; the exit code is the caller's to judge."""
        self._refuse_when_read_only()
        return self._run_compose(project, arguments, deadline, acts=True)

    def service_config(
        self,
        project: ComposeProject,
        service: str,
        *,
        edited: Mapping[str, bytes] | None = None,
        deadline: float = 20.0,
    ) -> ServiceConfig:
        """``compose config SERVICE``, through a private folder outside the project: edited files are read there.

        The answer is a file there too, because what a program prints is cleaned and cut for people.
        """
        copies = {f"{at}-{Path(name).name}": content for at, (name, content) in enumerate((edited or {}).items())}
        with _scratch(copies) as folder:
            path = folder / "config.json"
            put = {name: str(folder / copy) for name, copy in zip(edited or {}, copies, strict=True)}
            named = project.naming(put)
            there = [[put.get(f, f) for f in files] for files in (named.files, named.env_files)]
            words = ["config", "--format", "json", "-o", str(path), service]
            said = self._run_compose(ComposeProject(project.name, project.directory, *there), words, deadline)
            if said.exit_code:
                reason = _last(said, 6)
                for name, candidate in put.items():
                    reason = reason.replace(candidate, name)
                raise _refusal(said, N_("as they would be") if edited else f"in {project.directory}", reason)
            address = self._reachable()
            try:
                written = path.read_bytes()
            except OSError as error:
                raise HostError(
                    N_(f"docker compose config wrote nothing that can be read: {error.strerror}")
                ) from error
            return ServiceConfig(written, proxies(environment(os.environ, address), address.url))

    def service_hashes(self, project: ComposeProject, *, deadline: float = 20.0) -> tuple[str, Mapping[str, str]]:
        """``compose version --short`` and ``compose config --hash '*'``; neither changes anything."""
        said = self._run_compose(project, ["config", "--hash", "*"], deadline)
        if said.exit_code:
            raise _refusal(said, f"in {project.directory}", _last(said, 1))
        version = self._run_compose(ComposeProject(project.name, project.directory), ["version", "--short"], deadline)
        return version.output.strip(), dict(_HASH.findall(said.output))

    def _run_compose(
        self, project: ComposeProject, arguments: Sequence[str], deadline: float, *, acts: bool = False
    ) -> CommandResult:
        environ = environment(os.environ, self._reachable())
        if self._compose is None:
            self._compose = find_compose(environ)
        # whoever types `docker compose up` stands in the project's folder: ${PWD} in a compose file means that one
        environ["PWD"] = project.directory
        return run((*self._compose, *project.flags, *arguments), environ, deadline, acts=acts)

    def execute(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        """Run a program inside; its exit code is the caller's to judge: 126 where the image does not have it."""
        from ...text.cleaning import clean

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
        self._refuse_when_read_only()
        address = self._reachable()
        host = () if address.default else ("--host", address.url, *_tls_flags(address))
        return ("docker", *host, "exec", "-it", _checked(container), "sh", "-c", _SHELL)

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """SIGHUP to the dockerd with this pid, or ``systemctl reload`` of its unit."""
        self._refuse_when_read_only()
        if self._reachable().socket is None:
            raise NotFound(N_("The Engine is on another machine"), N_("reload it there: sudo systemctl reload docker"))
        return reload(pid, unit)

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
        """Run ``dockerd --validate`` on a private copy. Changes nothing, and so is allowed in read-only mode too."""
        return validate(content, arguments)

    def _act(self, target: str, seconds: int, act: Callable[[APIClient], Any], names: re.Pattern[str] = _NAME) -> None:
        self._refuse_when_read_only()
        _checked(target, names)
        address = self._reachable()

        def work() -> None:
            api = _connect(address, run_here(self._client.api()), seconds)
            try:
                act(api)
            finally:
                api.close()

        late = hung(address, seconds + 1)
        call(lambda: _explained(work, address), seconds + 1, target, way=(self, target), late=late)

    def _reachable(self) -> EngineAddress:
        """The address; raises its reason where there is none."""
        if isinstance(self._client, ClosedClient):
            raise self._client.reason()
        return self._client.address

    def _refuse_when_read_only(self) -> None:
        if self.read_only:
            raise ReadOnlyRefused


def _connect(address: EngineAddress, version: str, seconds: int) -> APIClient:
    import docker
    from docker.tls import TLSConfig

    tls: TLSConfig | bool = False
    if address.tls:
        pair = (address.tls.cert, address.tls.key) if address.tls.cert and address.tls.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=address.tls.ca, verify=address.tls.verify)
    # an explicit version: without one the constructor asks the Engine, for up to 60 s
    return docker.APIClient(base_url=address.url, version=version, timeout=seconds, tls=tls)


def _explained(work: Callable[[], None], address: EngineAddress) -> None:
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException, Timeout

    from ...text.cleaning import clean_line

    try:
        work()
    except APIError as error:
        message = clean_line(str(error.explanation or error))
        if error.response is None:
            raise EngineFailed(message) from error
        raise refused(error.response.status_code, message, address) from error
    except Timeout as error:
        raise EngineUnreachable(
            N_(f"The Engine at {address.where} did not finish in time; what it did is not known")
        ) from error
    except (RequestException, DockerException, OSError) as error:
        raise EngineUnreachable(N_(f"The Engine at {address.where} was lost: {clean_line(str(error), 120)}")) from error


@contextlib.contextmanager
def _scratch(copies: Mapping[str, bytes]) -> Iterator[Path]:
    """A private folder with these files. What fails while they are used is no fault of the folder's."""
    with contextlib.ExitStack() as held:
        try:
            folder = held.enter_context(paths.scratch())
            for name, content in copies.items():
                _write(folder / name, content)
        except OSError as error:
            raise HostError(
                N_(f"The copies of files that docker is to read cannot be kept in the state folder: {error.strerror}"),
                N_("make it writable, or name another one in STACKOPS_STATE_DIR"),
            ) from error
        yield folder


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)


def _refusal(said: CommandResult, which: str, reason: str) -> HostError:
    """What is said of files that ``compose config`` did not take; they are to blame where Compose blames them."""
    if said.exit_code in _BLAMES_FILES:
        return HostError(N_(f"Compose refuses the files {which}: {reason}"))
    return HostError(N_(f"docker compose config of the files {which} ended with exit code {said.exit_code}: {reason}"))


def _last(said: CommandResult, lines: int) -> str:
    return " | ".join([line.strip() for line in said.output.splitlines() if line.strip()][-lines:]) or N_(
        "it said nothing"
    )


def _checked(name: str, names: re.Pattern[str] = _NAME) -> str:
    if not names.fullmatch(name):
        raise NotFound(N_(f"no {'image' if names is _IMAGE else 'container'} can have that name"))
    return name


def _tls_flags(address: EngineAddress) -> tuple[str, ...]:
    if address.tls is None:
        return ()
    pairs = (("--tlscacert", address.tls.ca), ("--tlscert", address.tls.cert), ("--tlskey", address.tls.key))
    flags = [part for name, value in pairs if value for part in (name, value)]
    return ("--tlsverify" if address.tls.verify else "--tls", *flags)
