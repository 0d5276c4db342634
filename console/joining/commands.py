"""What a command line tells: which model, which port; and the command line as it may be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text import SECRETS, clean, is_secret_name, redact

ARGUMENTS, LETTERS = 200, 500
"""How much of a command line is kept."""
_MODEL = frozenset({"--model", "--model-path", "--model-id", "--model_id_or_path", "--model-name-or-path", "-m"})
_ALIAS = frozenset({"--served-model-name", "--alias", "--model-alias", "--model-uid", "-a"})
_PORT = frozenset({"--port"})
_HUB = re.compile(r"models--([^/]+?)--([^/]+?)(?:/|$)")
_SHARD = re.compile(r"-00001-of-\d{5}$")
_BLOB = re.compile(r"/blobs/sha256[-:]([0-9a-f]{12,64})$")
_RUNNERS = ("ollama_llama_server", "llama-server")


def words(command: Sequence[str]) -> list[str]:
    """The arguments one by one. fact: a process that renames itself leaves all of them in the first."""
    if len(command) == 1 and " " in command[0]:
        return command[0].split()
    return list(command)


def shown(command: Sequence[str]) -> tuple[str, ...]:
    """The command line cleaned, what is secret in it masked: keys are handed to servers as arguments."""
    safe, secret, many = [], False, False
    for word in command[:ARGUMENTS]:
        option = word.startswith("-") and len(word) > 1
        if option:
            name = word.lstrip("-")
            secret, many = "=" not in name and is_secret_name(name), "key" in name.lower()
            safe.append(redact(clean(word, LETTERS)))
            continue
        safe.append(SECRETS.mask(word) if secret and word else redact(clean(word, LETTERS)))
        secret = secret and many  # fact: vLLM takes several keys behind one --api-key
    return tuple(safe)


def port(command: Sequence[str]) -> int | None:
    """The port it was told to listen on."""
    told = _option(command, _PORT)
    return int(told) if told and told.isascii() and told.isdecimal() and len(told) < 6 else None


def blob(command: Sequence[str]) -> str | None:
    """The digest of the weights that an Ollama runner was started with, as its file is called."""
    told = _BLOB.search(_option(command, _MODEL) or "")
    return told[1] if told else None


def weights(command: Sequence[str]) -> str | None:
    """What was given as the model: a name, or where its files are."""
    found = _option(command, _MODEL)
    if found:
        return found
    told = words(command)
    for one, other, model in zip(told, told[1:], told[2:], strict=False):
        if other == "serve" and one.rpartition("/")[2] == "vllm" and not model.startswith("-"):
            return model
    return None


def model(command: Sequence[str]) -> str | None:
    """The model's name, as far as the command line has one: what it is served as, else what it was loaded from."""
    alias = _option(command, _ALIAS)
    if alias:
        return alias
    told = weights(command)
    return None if told is None or _BLOB.search(told) else _name(told)


def is_runner(command: Sequence[str]) -> bool:
    """Whether it is the process that an Ollama server starts for one model.

    fact: ``ollama_llama_server`` up to 0.5, ``ollama runner`` after it, ``llama-server`` in current ones.
    """
    told = words(command)
    program = told[0].rpartition("/")[2] if told else ""
    return program in _RUNNERS or (program == "ollama" and told[1:2] == ["runner"])


def _option(command: Sequence[str], names: frozenset[str]) -> str | None:
    told = words(command)
    for index, word in enumerate(told):
        name, equals, value = word.partition("=")
        if name in names and (name != "-m" or not _is_python(told)):
            if equals:
                return value or None
            following = told[index + 1 : index + 2]
            return following[0] if following and not following[0].startswith("-") else None
    return None


def _is_python(told: Sequence[str]) -> bool:
    """``python -m module`` is no model."""
    return bool(told) and told[0].rpartition("/")[2].startswith(("python", "pypy"))


def _name(path: str) -> str | None:
    """A model's name out of where it lies: a cache of the hub, a folder, a file of weights."""
    if found := _HUB.search(path):
        return f"{found[1]}/{found[2]}"
    if not path.startswith(("/", "./", "~")) and not path.endswith(".gguf"):
        return path or None
    last = path.rstrip("/").rpartition("/")[2]
    return _SHARD.sub("", last.removesuffix(".gguf")) or None
