"""A program of its own that asks a FastGPT's mongod for the models that it offers: read-only, one connection a login.

Started by its path; one JSON list of logins on its standard input, one line of JSON for each on its output, in order.
Another process for the reasons of ``postgres_child``; each login has a thread of its own, as PyMongo waits. What it may
take is bounded, and so is how long all of them may take. Only the ``find`` of this file are ever sent. They ask for
named fields of active models alone: ``requestAuth``, the key of a model, stays in the database, and of an address
everything stays here that may hold one.

fact: labring/FastGPT v4.8.20 to v4.16, packages/service/core/ai/config/schema.ts (collection ``system_models``, with
``model`` and ``metadata``) and config/utils.ts: a model is offered where ``metadata.isActive`` is true. Built-in ones
that nobody touched are not, and have no row; of those that were touched ``type`` may be missing. From v4.17.0 on
packages/service/core/ai/model/schema.ts: ``ai_models``, with the same names at the top of each row and a ``scope``; the
old collection stays as it was, for the way back. MongoDB manual: find, error codes
"""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

WITHIN = 5.0
"""Seconds for all logins together, as they are asked side by side."""
CONNECT = 2.0
MEMORY, STACK = 1 << 30, 1 << 19
WORDS = 300
MOST = 200
"""Models of one FastGPT."""
BOUNDED: dict[str, Any] = {"limit": MOST, "batchSize": MOST, "singleBatch": True, "maxTimeMS": 2000}
OLD = "system_models"
FINDS: dict[str, dict[str, Any]] = {
    OLD: {
        "find": OLD, "filter": {"metadata.isActive": True}, **BOUNDED,
        "projection": {"_id": 0, "model": 1, "metadata.isActive": 1, "metadata.type": 1, "metadata.requestUrl": 1},
    },
    "ai_models": {
        "find": "ai_models", "filter": {"isActive": True, "scope": "system"}, **BOUNDED,
        "projection": {"_id": 0, "model": 1, "isActive": 1, "type": 1, "requestUrl": 1},
    },
}  # fmt: skip
"""By collection. Those of one team are offered to that team alone."""
TROUBLES = {
    11: "login", 18: "login", 334: "login", 13: "no-right", 50: "silent",
    **dict.fromkeys((91, 94, 189, 10058, 10107, 11600, 13435, 13436), "starting"),
}  # fmt: skip
"""By error number; those under ``starting`` say that it is no member of a set that works, or goes down."""
AWAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)


def ask(login: dict[str, Any]) -> dict[str, Any]:
    """The models that one FastGPT offers. Raises what a driver ends with that is sent what is none of the protocol."""
    from pymongo.errors import ConfigurationError, NetworkTimeout, NotPrimaryError, OperationFailure, PyMongoError

    try:
        socket.create_connection((login["host"], login["port"]), CONNECT).close()
        return _told(login)
    except OperationFailure as error:
        trouble = TROUBLES.get(error.code or 0, "unreachable")
        said = (error.details or {}).get("errmsg") or str(error)
        return {"trouble": trouble, "said": f"{said}"[:WORDS]}
    except NotPrimaryError:
        return {"trouble": "starting", "said": "it is no member of a set that works"}
    except NetworkTimeout:
        return {"trouble": "silent", "said": "it took the connection and gave no answer"}
    except ConfigurationError:
        return {"trouble": "driver", "said": "it is older than MongoDB 4.4, or no mongod"}
    except PyMongoError as error:
        silent = "timed out" in str(error)
        return {"trouble": "silent" if silent else "reset", "said": f"no answer of a mongod ({type(error).__name__})"}
    except TimeoutError:
        return {"trouble": "silent", "said": f"no connection within {CONNECT:g} s"}
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        trouble = "refused" if refused else "no-route" if error.errno in AWAY else "unreachable"
        return {"trouble": trouble, "said": os.strerror(error.errno or 0)}


def _told(login: dict[str, Any]) -> dict[str, Any]:
    from pymongo import MongoClient

    given: dict[str, Any] = {}
    if login["user"]:
        given = {"username": login["user"], "password": login["password"], "authSource": login["source"]}
    wait = int(WITHIN * 800)
    client: MongoClient[Any] = MongoClient(
        login["host"], login["port"], directConnection=True, appname="stackops", maxPoolSize=1, retryReads=False,
        retryWrites=False, serverMonitoringMode="poll", serverSelectionTimeoutMS=wait, socketTimeoutMS=wait,
        connectTimeoutMS=int(CONNECT * 1000), **given,
    )  # fmt: skip
    models: list[dict[str, Any]] = []
    for name in login["kept"] or (OLD,):  # of an unknown release: where a newer one keeps them, if it has any there
        rows = client[login["name"]].command(FINDS[name])["cursor"]["firstBatch"]
        told = [(row, row["metadata"] if name == OLD else row) for row in rows[:MOST]]
        models = models or [_model(row, about) for row, about in told if about.get("isActive") is True]
        if models:
            break
    return {"models": models}


def _model(row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": _text(row["model"]), "kind": _text(about.get("type") or ""), "address": _bare(about.get("requestUrl")),
    }  # fmt: skip


def _bare(address: object) -> str | None:
    """Scheme, host, port and path; None for a path alone, which is one of the gateway's."""
    parts = urlsplit(address.strip() if isinstance(address, str) else "")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    return _text(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()[:WORDS]


def main() -> None:
    """Ask all, and tell them in order; whoever hangs is left behind."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    threading.stack_size(STACK)
    logins, answers = json.load(sys.stdin), {}

    def asked(place: int) -> Callable[[], None]:
        def of_one() -> None:
            try:
                answers[place] = ask(logins[place])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is of this one server
                said = f"it does not tell its models as FastGPT keeps them ({type(error).__name__})"
                answers[place] = {"trouble": "another", "said": said}

        return of_one

    import pymongo  # noqa: F401 - once, before threads wait for each other to do it

    threads = [threading.Thread(target=asked(place), daemon=True) for place in range(len(logins))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + WITHIN
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    silent = {"trouble": "silent", "said": f"no answer within {WITHIN:g} s"}
    for place in range(len(logins)):
        print(json.dumps(answers.get(place, silent)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
