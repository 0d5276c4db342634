"""Compose projects as their files declare them. Data only."""

from __future__ import annotations

from msgspec import Struct

from .containers import EnvVar
from .gpus import DeviceRequest


class ConfigFile(Struct, frozen=True):
    """One compose file of a project."""

    path: str
    sha256: str | None = None
    error: str | None = None
    """Why it could not be read or parsed, with line and column."""
    automatic_override: bool = False
    """True for docker-compose.override.yml and its twins: read only when no ``-f`` is given."""
    in_use: bool = True
    """Whether the running containers were made with it (their ``config_files`` label), or Compose would read it."""


class Volume(Struct, frozen=True):
    """One mount of a compose service, resolved."""

    kind: str
    source: str
    """Absolute host path for binds, volume name otherwise; interpolated."""
    target: str
    read_only: bool = False
    long_form: bool = False
    declared_in: str = ""
    """Path of the compose file."""


class ComposeService(Struct, frozen=True):
    """One service as the merged compose files declare it."""

    name: str
    image: str | None = None
    container_name: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    restart: str | None = None
    env: tuple[EnvVar, ...] = ()
    named: tuple[str, ...] = ()
    """Variables that ``environment`` names, in whichever compose file; the others of ``env`` are from ``env_files``."""
    unset: tuple[str, ...] = ()
    """Variables named without a value that nobody gives: those of the image are taken away. fact: Compose 2.26.1."""
    env_files: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    ports: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    built: bool = False
    """Its image is made here (``build``), so that no registry has to have it."""
    device_requests: tuple[DeviceRequest, ...] = ()
    """GPUs that it reserves, as ``docker compose up`` would ask for them."""
    requests_apart: bool = False
    """Whether some of them stand under ``gpus`` or ``devices``, to which a list under ``deploy`` is only added."""
    runtime: str | None = None
    memory_limit: int | None = None
    """Bytes; ``deploy.resources.limits.memory``, else ``mem_limit``."""
    extra_hosts: tuple[str, ...] = ()
    """``name:address``, ``host-gateway`` as it is written."""


class Project(Struct, frozen=True):
    """A compose project: its folder, its files, what they declare."""

    name: str
    working_dir: str | None = None
    files: tuple[ConfigFile, ...] = ()
    services: tuple[ComposeService, ...] = ()
    env: tuple[EnvVar, ...] = ()
    """The project's .env file."""
    left_out: tuple[ComposeService, ...] = ()
    """What the automatic override declares by itself while it is not in use; not part of ``services``."""


class ServiceHash(Struct, frozen=True):
    """The ``config-hash`` that Compose would give a service now. fact: librechat-stack 3.3.

    Never of a service with ``env_file``: ``config --hash`` leaves the file's variables out, ``up`` does not, so that
    the two differ even where nothing changed (measured with Compose 2.26.1).
    """

    project: str
    service: str
    value: str
    compose_version: str
    """Of the Compose that was asked; hashes of different versions are not comparable."""
