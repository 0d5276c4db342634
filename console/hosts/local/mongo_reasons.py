"""Why a mongod could not be asked, one word and one sentence for each way. Told by types and numbers, never by text."""

from __future__ import annotations

import errno
import socket

from .. import MongoTarget, MongoTrouble, MongoUnreachable

_SENTENCES: dict[MongoTrouble, tuple[str, str | None]] = {
    "refused": ("Nobody listens at {at} ({via})", "is mongod running inside? see its log"),
    "reset": (
        "{at} ({via}) accepts and hangs up: the port is published, but no mongod is behind it yet",
        "on the first start this lasts until the user has been made; look again",
    ),
    "silent": ("{at} ({via}) does not answer within {seconds:g} s", "a firewall, or a frozen mongod"),
    "no-route": ("There is no route to {at} ({via})", "the container's network is not this machine's"),
    "name": ("The name in {at} is not known here", None),
    "not-mongo": ("What answers at {at} ({via}) is not mongod", "another program has taken the port"),
    "too-old": ("The mongod at {at} ({via}) is too old for this console, which speaks to 4.4 and later", None),
    "unreachable": ("{at} ({via}) cannot be asked", None),
}


def connecting(error: BaseException, target: MongoTarget, seconds: float) -> MongoUnreachable:
    """For a TCP connection that could not be made in time."""
    return _made(_of_connection(error), target, seconds)


def selecting(error: BaseException, target: MongoTarget, seconds: float = 1.0) -> MongoUnreachable:
    """For a connection that was made and led to no answer. fact: PyMongo 4.20 keeps the cause of each failed hello."""
    from pymongo.errors import ConfigurationError, ConnectionFailure, NetworkTimeout, ProtocolError

    if isinstance(error, ConfigurationError):
        return _made("too-old", target, seconds)
    for one in _chain(error):
        if isinstance(one, NetworkTimeout | TimeoutError):
            return _made("silent", target, seconds)
        if isinstance(one, ProtocolError):
            return _made("not-mongo", target, seconds)
        if isinstance(one, OSError):
            return _made(_of_connection(one), target, seconds)
    lost = isinstance(error, ConnectionFailure)  # it was made, as somebody accepts there
    return _made("reset" if lost else "unreachable", target, seconds)


def _of_connection(error: BaseException) -> MongoTrouble:
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, socket.gaierror):
        return "name"
    if isinstance(error, OSError) and error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return "no-route"
    return "reset" if isinstance(error, ConnectionError | EOFError | OSError) else "unreachable"


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what it was raised from."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _made(trouble: MongoTrouble, target: MongoTarget, seconds: float) -> MongoUnreachable:
    sentence, remedy = _SENTENCES[trouble]
    return MongoUnreachable(sentence.format(at=target.address, via=target.via, seconds=seconds), trouble, remedy)
