"""What One API says over HTTP. Data only."""

from __future__ import annotations

from msgspec import Struct


class OneApiChannel(Struct, frozen=True):
    """One channel of a One API as its administrator sees it; its key is never asked for. fact: fastgpt-stack 5."""

    id: int
    name: str
    status: int
    """1 enabled, 2 disabled by hand, 3 disabled automatically."""
    models: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    created_at: float | None = None
    base_url: str | None = None
    """Where it sends its requests, without user, password and query; None: to the vendor of its type."""


class OneApiState(Struct, frozen=True):
    """What a One API says of itself over HTTP, or why it could not be asked."""

    container: str
    address: str | None = None
    """Where it was asked, for example ``http://127.0.0.1:3001``."""
    trouble: str | None = None
    """Why nothing is known: ``not-running``, ``no-address``, ``rate-limited``, ``unexpected``, or as in HttpTrouble."""
    sentence: str | None = None
    """The same for people."""
    start_time: float | None = None
    """When the process started, by its own word. fact: data.start_time of /api/status"""
    version: str | None = None
    client: str | None = None
    """Id of the FastGPT container whose key asked for the models."""
    models: tuple[str, ...] | None = None
    """What /v1/models lists for that key; None when it is not known."""
    models_trouble: str | None = None
    """``no-key``, ``wrong-key``, ``unexpected``, or as in HttpTrouble."""
    channels: tuple[OneApiChannel, ...] | None = None
    """None without an administrator's access token, or when it was refused."""
