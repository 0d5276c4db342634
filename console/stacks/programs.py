"""Which role a program plays, told from its arguments: for native processes, and for images that say nothing. Pure.

What counts is the program that is started, never a word somewhere in its arguments: ``docker logs mongod``, ``vim
mongod.conf`` and ``grep "ollama serve"`` are none of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model import Role

_PROGRAMS: dict[str, Role] = {
    "mongod": "mongo",
    "mongos": "mongo",
    "mysqld": "mysql",
    "mariadbd": "mysql",
    "postgres": "postgres",
    "postmaster": "postgres",
    "redis-server": "redis",
    "valkey-server": "redis",
    "meilisearch": "meilisearch",
    "nginx": "nginx",
    "openresty": "nginx",
    "one-api": "oneapi",
    "new-api": "oneapi",
    "aiproxy": "aiproxy",
    "llama-server": "model_server",
    "text-generation-launcher": "model_server",
    "text-generation-router": "model_server",
    "text-embeddings-router": "model_server",
    "xinference-local": "model_server",
    "xinference-supervisor": "model_server",
    "infinity_emb": "model_server",
    "local-ai": "model_server",
    "litellm": "model_server",
    "koboldcpp": "model_server",
    "tritonserver": "model_server",
    "open-webui": "open_webui",
}
_WITH_VERB: dict[tuple[str, str], Role] = {
    ("ollama", "serve"): "ollama",
    ("milvus", "run"): "milvus",
    ("minio", "server"): "minio",
    ("vllm", "serve"): "model_server",
    ("litserve", "serve"): "model_server",
    ("lmdeploy", "serve"): "model_server",
    ("xinference", "launch"): "model_server",
}
_MODULES = re.compile(
    r"^(?:vllm\.entrypoints|sglang\.launch_server|sglang_router|xinference\.|fastchat\.serve\.(?:openai|model_worker|vllm_worker)"
    r"|llama_cpp\.server|infinity_emb|lmdeploy\.serve|aphrodite\.endpoints)"
)
# fact: openai_api.py (chat, m3e) and api.py (reranker) are FastGPT's own scripts, started with python or uvicorn
_SCRIPTS = re.compile(r"(?:^|/)(?:openai_api|openai_api_server|api_server|bge[-_]?rerank\w*|m3e\w*|rerank\w*)\.py$")
_UVICORN_APP = re.compile(
    r"^(?:openai_api|api_server|m3e\w*|rerank\w*|bge\w*|llama_cpp\.server\.app|infinity_emb\S*):\w+"
)
_CONSOLE_SCRIPTS = {"vllm", "uvicorn", "gunicorn", "infinity_emb", "xinference-local", "litellm"}
_LIBRECHAT = re.compile(r"(?:^|/)api/server/index\.js$")
_FASTGPT = re.compile(r"(?:^|/)fastgpt(?:[-_][\w.]+)?(?:/|$)", re.IGNORECASE)

_WRAPPERS = {
    "tini", "dumb-init", "docker-init", "catatonit", "s6-svscan", "gosu", "su-exec", "setpriv", "sudo", "nohup", "nice",
    "ionice", "env", "time", "timeout", "stdbuf", "chrt", "numactl", "cross-env", "dotenv", "npx", "uv", "pipenv",
    "poetry", "run", "exec", "--",
}  # fmt: skip
_SHELLS = {"sh", "bash", "ash", "dash", "zsh"}
_USER = re.compile(r"[\w-]+(?::[\w-]+)?")
_NUMBER = re.compile(r"\d+[smhd]?")  # of nice -n 5, timeout 30s
LAUNCHERS = _SHELLS | _WRAPPERS | {"npm", "pnpm", "yarn", "conda"}
"""Programs that only start another one, and stay as its parent."""


def role_of_program(command: Sequence[str]) -> Role | None:
    """The role of what this argument list starts, None when it is none that is known."""
    words = list(command)
    if len(words) == 1 and " " in words[0]:
        words = words[0].split()  # fact: npm names itself "npm run backend" in one argument
    words = _unwrapped(words)
    if not words:
        return None
    program, rest = _base(words[0]), words[1:]
    if program in _PROGRAMS:
        return _PROGRAMS[program]
    verb = next((word for word in rest if not word.startswith("-")), "")
    if (program, verb) in _WITH_VERB:
        return _WITH_VERB[program, verb]
    if program == "node":
        return _of_node(rest)
    if program in {"npm", "pnpm", "yarn"}:
        return _of_npm(rest)
    return _of_python(program, rest)


def _base(word: str) -> str:
    """Name of a program. fact: nginx and postgres rewrite their arguments to ``nginx: master process ...``."""
    return word.partition(" ")[0].rpartition("/")[2].removesuffix(":")


def _unwrapped(words: list[str]) -> list[str]:
    """What is started behind ``tini --``, ``gosu mongodb``, ``env A=B``, ``sh -c exec ...`` and entry point scripts."""
    for _ in range(6):
        if not words:
            return words
        program = _base(words[0])
        if program in _SHELLS:
            inner = _of_shell(words[1:])
            if inner is None:
                return words
            words = inner
        elif program in _WRAPPERS or program.endswith("entrypoint.sh"):
            words = _after_wrapper(program, words[1:])
        else:
            return words
    return words


def _after_wrapper(program: str, rest: list[str]) -> list[str]:
    while rest and (rest[0].startswith("-") or re.match(r"^\w+=", rest[0])):
        rest = rest[1:]
    value = _USER if program in {"gosu", "su-exec"} else _NUMBER
    return rest[1:] if rest and value.fullmatch(rest[0]) else rest


def _of_shell(rest: list[str]) -> list[str] | None:
    """The argument list inside ``-c``; of a script file given to a shell, the script; None for a bare shell."""
    for index, word in enumerate(rest):
        if word.startswith("-") and "c" in word and index + 1 < len(rest):
            last = re.split(r"&&|;|\n|\|\|?", rest[index + 1].strip())[-1]
            inner = [w.strip("\"'") for w in last.split()]
            return inner if inner and _base(inner[0]) not in _SHELLS else None
        if not word.startswith("-"):
            return rest[index:]
    return None


def _of_node(rest: list[str]) -> Role | None:
    script = next((word for word in rest if not word.startswith("-")), "")
    if _LIBRECHAT.search(script):
        return "librechat"
    is_next = script.endswith(("/next", "/next.js")) and "start" in rest
    if (is_next or script.endswith("projects/app/server.js")) and _FASTGPT.search(script):
        return "fastgpt"
    return None


def _of_npm(rest: list[str]) -> Role | None:
    words = [word for word in rest if not word.startswith("-")]
    if words[:1] == ["run"]:
        words = words[1:]
    return "librechat" if words[:1] in (["backend"], ["backend:dev"]) else None


def _of_python(program: str, rest: list[str]) -> Role | None:
    if program in {"uvicorn", "gunicorn", "hypercorn"}:
        return "model_server" if any(_UVICORN_APP.match(word) for word in rest) else None
    if not re.fullmatch(r"python[\d.]*|pypy[\d.]*", program):
        return None
    if "-m" in rest:
        module, *more = rest[rest.index("-m") + 1 :] or [""]
        return "model_server" if _MODULES.match(module) else _of_python(module, more)
    script = next((word for word in rest if not word.startswith("-")), "")
    if _base(script) != script and _base(script) in _CONSOLE_SCRIPTS:
        # console scripts of a virtual environment show as ``python /venv/bin/vllm serve``
        return role_of_program([_base(script), *rest[rest.index(script) + 1 :]])
    return "model_server" if _SCRIPTS.search(script) else None
