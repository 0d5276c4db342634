"""The images of the practice stack and the programs in them, by the last part of the image's name.

A check that needs another image adds a table to ``projects/programs.toml``. Nothing here looks at a container.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from ..products.librechat.env import NODEMON_UNTIL, launch, release
from ..products.librechat.judge import decoded, verdict
from . import apps, model_servers, mongod
from .files import text
from .stand import Appetite, Fate, OnGpu, Program, Stand, stamp

GIN_TIME, UTC_TIME = "%Y/%m/%d - %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"
HOSTILE_WORDS = (
    "模型加载完成 ✓ 日本語 한국어 \x1b[5mblink", "[/etc/x]", "\x1b]0;title\x07\rover the line", "漢" * 300,
    "Traceback [bold red on white]x[/]: \ud800",
)  # fmt: skip


def fastgpt_start(_stand: Stand) -> Fate:
    """fact: up to v4.8.13 nothing happens before the first request."""
    return Fate(("  ▲ Next.js 13.5.2", "  - Local:        http://localhost:3000", " ✓ Ready in 412ms"))


def fastgpt_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """fact: up to v4.8.6 each request tries the database again; mongoose buffers 10 s, then gives up."""
    at = stamp(stand.now)
    if "mongo" in stand.peers:
        words = ("mongo connected", "pg connected", "completions running time: 2.317s", "Vector search: 43ms")
        return (f"[INFO] {at} {dice.choice(words)}",)
    what = dice.choice(("users.findOne()", "auth_codes.findOne()", "users.findOne()"))
    return (
        f"[INFO] {at} mongo start connect",
        "error-> mongo connect error MongooseServerSelectionError: getaddrinfo ENOTFOUND mongo",
        f"MongooseError: Operation `{what}` buffering timed out after 10000ms",
    )


def postgres_start(stand: Stand) -> Fate:
    """Up and ready."""
    words = ('listening on IPv4 address "0.0.0.0", port 5432', "database system is ready to accept connections")
    return Fate(tuple(f"{stamp(stand.now)}.114 UTC [1] LOG:  {word}" for word in words))


def postgres_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A checkpoint."""
    done = f"wrote {dice.randint(2, 400)} buffers (0.{dice.randint(0, 9)}%)"
    return (f"{stamp(stand.now)}.{dice.randint(100, 999)} UTC [27] LOG:  checkpoint complete: {done}",)


DEFAULT = "/app/librechat.yaml"
LIBRECHAT = (0, 7, 2)
CODES = {"error": 31, "warn": 33, "info": 32}


def librechat_start(stand: Stand) -> Fate:
    """The start banner, the verdict on the config file, the address.

    fact: LibreChat v0.7.2 loadCustomConfig.js and winston.ts: level and message are wrapped in ANSI colours even
    without a terminal, each line by itself; whatever is wrong with the file, the server runs on with defaults.
    """
    lines = _banner(stand)
    if launch(stand.command) == "backend-dev" and (release(stand.tag) or NODEMON_UNTIL) > NODEMON_UNTIL:
        return Fate((*lines, "sh: nodemon: not found"), 127)
    lines += _say(stand.now, "info", "Connected to MongoDB" if "mongodb" in stand.peers else "Waiting for MongoDB")
    lines += _librechat_config(stand)
    lines += _say(
        stand.now, "info", "Server listening on all interfaces at port 3080. Use http://localhost:3080 to access it"
    )
    return Fate(tuple(lines))


def _banner(stand: Stand) -> list[str]:
    """What npm says of the script it starts; nothing where node is started without it."""
    name, version = launch(stand.command), stand.tag.removeprefix("v")
    if name == "node":
        return []
    if name == "backend-dev":
        return ["", f"> LibreChat@{version} backend:dev",
                "> cross-env NODE_ENV=development npx nodemon api/server/index.js", ""]  # fmt: skip
    return ["", f"> LibreChat@{version} backend", "> cross-env NODE_ENV=production node api/server/index.js", ""]


def librechat_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """Now and then something worth a line."""
    words = (
        "[MeiliSearch] Index messages is up to date", "[/api/ask] Request ended, tokens counted",
        "[Login] [Login successful] [Username: someone@example.org] [Request-IP: ::ffff:192.0.2.7]",
    )  # fmt: skip
    return tuple(_say(stand.now, "info", dice.choice(words)))


def _librechat_config(stand: Stand) -> list[str]:
    path = config_path(stand)
    node = stand.node(path)
    bad = "Config file YAML format is invalid: "
    if node is None:
        return _say(stand.now, "error", f"{bad}ENOENT: no such file or directory, open '{path}'")
    if node.kind != "file":
        return _say(stand.now, "error", f"{bad}EISDIR: illegal operation on a directory, read")
    if not _readable(stand, node.mode, node.uid):
        return _say(stand.now, "error", f"{bad}EACCES: permission denied, open '{path}'")
    found = verdict(decoded(node.content), LIBRECHAT, _env(stand))
    if found.stage == "yaml":
        return _say(stand.now, "error", found.log or bad)
    if found.stage == "empty":
        return _say(stand.now, "info", f"{found.log}\n\nCheck out the latest config file guide")
    if found.stage == "schema":
        issues = [{"path": list(issue.path), "code": issue.code, "message": issue.message} for issue in found.raw]
        return _say(stand.now, "error", f"Invalid custom config file at {path} {json.dumps(issues, indent=2)}")
    text = json.dumps(found.data, indent=2, ensure_ascii=False, default=str)
    return _say(stand.now, "info", f"Custom config file loaded:\n{text}")


def _env(stand: Stand) -> dict[str, str]:
    return dict(stand.definition.env)


def config_path(stand: Stand) -> str:
    """CONFIG_PATH of the environment, else of the .env that is mounted into the working directory, else the default."""
    path = stand.env("CONFIG_PATH")
    env_file = stand.node("/app/.env")
    if not path and env_file is not None and env_file.kind == "file":
        found = re.search(r"^CONFIG_PATH=(\S+)", env_file.content.decode("utf-8", "replace"), re.MULTILINE)
        path = found[1].strip("\"'") if found else None
    if not path:
        return DEFAULT
    return path if path.startswith("/") else f"/app/{path}"


def _readable(stand: Stand, mode: int, owner: int) -> bool:
    user = stand.definition.user.partition(":")[0]
    if user in ("0", "root"):
        return True
    uid = int(user) if user.isdigit() else 1000
    return bool(mode & (0o400 if owner == uid else 0o004))


def _say(at: float, level: str, message: str) -> list[str]:
    moment = stamp(at)
    first, *rest = message.split("\n")
    code = CODES[level]
    head = f"{moment} \x1b[{code}m{level}\x1b[39m: \x1b[{code}m{first}\x1b[39m"
    return [head, *(f"\x1b[{code}m{line}\x1b[39m" if line else "" for line in rest)]


def meili_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A request to the search index."""
    request = f'172.19.0.5 "GET /indexes/messages HTTP/1.1" 200 {dice.randint(100, 900)}'
    return (f"[{stamp(stand.now, UTC_TIME)} INFO  actix_web::middleware::logger] {request}",)


def rag_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """LibreChat asks whether it is well."""
    at = f"{stamp(stand.now)},{dice.randint(100, 999)}"
    return (f"{at} - root - INFO - Request GET http://rag_api:8000/health - 200",)


def ollama_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A completion."""
    where = '     172.18.0.5 | POST     "/v1/chat/completions"'
    return (f"[GIN] {stamp(stand.now, GIN_TIME)} | 200 | {dice.uniform(0.4, 7.0):10.6f}s | {where}",)


def vllm_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """The line of figures it logs every ten seconds."""
    prompt, generation = dice.uniform(0, 900), dice.uniform(0, 80)
    pace = f"prompt throughput: {prompt:.1f} tokens/s, Avg generation throughput: {generation:.1f} tokens/s"
    queue = f"Running: {dice.randint(0, 4)} reqs, Swapped: 0 reqs, Pending: 0 reqs"
    cache = f"GPU KV cache usage: {dice.uniform(0, 60):.1f}%, CPU KV cache usage: 0.0%"
    return (f"INFO {stamp(stand.now, '%m-%d %H:%M:%S')} metrics.py:229] Avg {pace}, {queue}, {cache}",)


def m3e_chat(_stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """An embedding."""
    return (f'INFO:     172.18.0.5:{dice.randint(32000, 60000)} - "POST /v1/embeddings HTTP/1.1" 200 OK',)


def webui_chat(stand: Stand, _dice: random.Random) -> tuple[str, ...]:
    """Open WebUI asks its Ollama for models. fact: without the extra host the name does not exist on Linux."""
    wanted, known = stand.env("OLLAMA_BASE_URL") or "", dict(e.split(":", 1) for e in stand.definition.extra_hosts)
    host = wanted.partition("://")[2].partition(":")[0]
    if host not in known and host not in stand.peers:
        why = f"Cannot connect to host {host}:11434 ssl:default [Name or service not known]"
        return (f"ERROR [open_webui.apps.ollama.main] Connection error: {why}",)
    return ("INFO [open_webui.apps.ollama.main] get_all_models()",)


def hostile_start(_stand: Stand) -> Fate:
    """Everything a log line should not do to a terminal."""
    markup = "[/etc/x] [bold red]not markup[/] [link=file:///etc/passwd]click[/link]"
    return Fate((markup, "\x1b]52;c;cm0gLXJmIC8=\x07\x1b[2J\x1b[31mred\x1b[0m \x9b31m \u202egnp.exe\u202c"))


def hostile_chat(_stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """More of it."""
    return (dice.choice(HOSTILE_WORDS),)


PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_MODULES = {"apps": apps, "model_servers": model_servers, "mongod": mongod}


def of(image: str) -> Program:
    """The program in an image; a quiet one where the image is not known."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return PROGRAMS.get(name, Program(env=tuple(PATH.items())))


def _programs() -> Iterator[tuple[str, Program]]:
    for name, told in tomllib.loads(text("programs.toml")).items():
        names, program = [name, *told.pop("also", ())], _program(told)
        yield from ((each, program) for each in names)


def _program(told: dict[str, Any]) -> Program:
    """One table of ``projects/programs.toml``."""
    acts: dict[str, Any] = {
        what: _named(told.pop(what)) for what in ("start", "chat", "listed", "serve") if what in told
    }
    if routes := told.pop("guide", None):
        acts["serve"] = model_servers.guide(tuple(routes[0]), *routes[1:])
    env, appetite = (PATH | told.pop("env", {})).items(), Appetite(*told.pop("appetite"))
    held = tuple(
        OnGpu(card, memory, getattr(model_servers, argv) if isinstance(argv, str) else tuple(argv))
        for card, memory, argv in told.pop("on_gpu", ())
    )
    processes = tuple(map(tuple, told.pop("processes", ())))
    rest: dict[str, Any] = {what: tuple(value) if isinstance(value, list) else value for what, value in told.items()}
    return Program(env=tuple(env), appetite=appetite, on_gpu=held, processes=processes, **acts, **rest)


def _named(name: str) -> Any:  # noqa: ANN401 - a function of whatever kind the field is for
    module, _, function = name.rpartition(".")
    return getattr(_MODULES[module], function) if module else globals()[function]


PROGRAMS = dict(_programs())
