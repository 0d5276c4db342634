"""What a mongod says of itself. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class MongoMember(Struct, frozen=True):
    """One member of a replica set, as its configuration or status names it."""

    id: int | None
    host: str
    """``name:port`` as the set was configured."""
    state: int | None = None
    """1 PRIMARY, 2 SECONDARY, ... 10 REMOVED. fact: mongo replSetGetStatus"""
    itself: bool = False


class MongoTrial(Struct, frozen=True):
    """Credentials that were tried, and what mongod said. Never the password."""

    owner: str
    """Id of the container whose environment holds them."""
    user: str
    source: str
    """``authSource``."""
    accepted: bool


class MongoState(Struct, frozen=True):
    """What a mongod says of itself, or why it could not be asked (fact: mongo hello, replSetGetStatus)."""

    container: str
    via: Literal["published port", "container address", "exec"] | None = None
    address: str | None = None
    trouble: Literal["refused", "reset", "silent", "no-route", "name", "not-mongo", "too-old", "unreachable"] | None = (
        None
    )
    """Why nothing is known from hello; None when it answered."""
    sentence: str | None = None
    """The same for people."""
    alive: bool | None = None
    """Whether a mongod process runs in the container."""
    set_name: str | None = None
    primary: bool | None = None
    """``isWritablePrimary``; true of a standalone as well."""
    secondary: bool | None = None
    ghost: bool | None = None
    """``isreplicaset``: started with --replSet, and no configuration with this node in it."""
    hosts: tuple[str, ...] = ()
    """The members' names as hello tells them to drivers."""
    primary_host: str | None = None
    wire_version: int | None = None
    status_code: int | None = None
    """Of replSetGetStatus: 0 good, 76, 93, 94, 13 login needed, 18 login refused; None when it was not asked."""
    my_state: int | None = None
    config_set: str | None = None
    """Name in the stored configuration."""
    config_version: int | None = None
    members: tuple[MongoMember, ...] = ()
    """Of the stored configuration, with states where the status told them."""
    trials: tuple[MongoTrial, ...] = ()
