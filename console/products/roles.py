"""Which role an image, a command or a name plays. Pure.

The image decides by its last path component alone: registries and mirrors are rewritten at will. A helper that runs a
client out of a server's image (``mongosh`` to initiate a replica set) is not the server. Only when the image says
nothing, the program it runs decides, and after that the exact names of the well-known compose files.

Of a program what counts is what is started, never a word somewhere in its arguments: ``docker logs mongod``, ``vim
mongod.conf`` and ``grep "ollama serve"`` are none of them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from ..model import Role
from .descriptor import Descriptor
from .registry import DESCRIPTORS, by_image
from .versions import parts_of

_BY_NAME: dict[str, Role] = {name: one.role for one in DESCRIPTORS for name in one.names.split()}
_PROGRAMS: dict[str, Role] = {program: one.role for one in DESCRIPTORS for program in one.programs}
"""Programs, some with the verb that makes a server of them."""
_NPM: dict[str, Role] = {script: one.role for one in DESCRIPTORS for script in one.npm.split()}
_CONSOLE_SCRIPTS = {"uvicorn", "gunicorn"} | {
    program.partition(" ")[0] for program, role in _PROGRAMS.items() if role == "model_server"
}
"""What a virtual environment's Python shows as its script: ``python /venv/bin/vllm serve``."""


def _pattern(before: str, part: str, after: str) -> re.Pattern[str]:
    """Any of the products' patterns of one kind."""
    return re.compile(f"{before}(?:{'|'.join(getattr(one, part) for one in DESCRIPTORS if getattr(one, part))}){after}")


_MODEL_IMAGE = _pattern(r"(?:^|[-_.])", "image_words", r"(?:[-_.]|$)")
_MODULES = _pattern("^", "modules", "")
_SCRIPTS = _pattern("(?:^|/)", "scripts", r"\.py$")
_APPS = _pattern("^", "apps", r":\w+")

# Images that stand beside a service and carry its name, and place-holders that switch one off (``image: tianon/true``).
_BESIDE = re.compile(
    r"(?:^|[-_.])(?:exporter|express|commander|insight|admin(?:-panel)?|pgadmin4?|backup|operator|agent|sidecar|client|console"
    r"|web-?ui|ui|gui|sandbox|sandbox-proxy|plugin|mcp[-_]server|volume-manager|init|proxy-protocol|dashboard|metrics|test)\d*$"
    r"|^(?:true|false|hello-world|pause|phpmyadmin|adminer|attu|mc|fastgpt-.*|prometheus.*|grafana.*)$"
)


def role_of(image: str, command: Sequence[str] = (), name: str = "", variables: Sequence[str] = ()) -> Role:
    """The role, ``unknown`` when nothing tells. ``command`` is entrypoint and command together, as they are known.

    ``variables`` are names of those that the image itself sets: a database's Dockerfile sets its version.
    """
    return _role_of(image, tuple(command), name, tuple(variables))


@lru_cache(maxsize=4096)  # each check asks it of each container again
def _role_of(image: str, command: tuple[str, ...], name: str, variables: tuple[str, ...]) -> Role:
    last = parts_of(image).last
    known = by_image(last)
    if known is None and _BESIDE.search(last):
        return "unknown"
    if known is None and _MODEL_IMAGE.search(last):
        return "model_server"
    told = role_of_program(command) if known is None else None
    known = known or (None if told else _made_from(variables))
    if known is not None:
        return "unknown" if _is_client(known, command) else known.role
    return told or _BY_NAME.get(name.lower(), "unknown")


def _made_from(variables: Sequence[str]) -> Descriptor | None:
    """The database from whose image an image of another name was made."""
    return next((one for one in DESCRIPTORS if one.port and not set(one.version_variables).isdisjoint(variables)), None)


def _is_client(product: Descriptor, command: Sequence[str]) -> bool:
    """Whether a server's image runs only its client, as the helpers do that initiate, dump or pull.

    Only what is started counts: ``--dbpath /data/mongo`` starts no ``mongo``.
    """
    heads = {program.partition(" ")[0] for program in product.programs}
    names: set[str] = set()
    for program, *rest in started(command):
        names.add(program)
        if program in heads:
            names.update([word for word in rest if not word.startswith("-")][:1])
    return not names.isdisjoint(product.clients.split()) and names.isdisjoint(product.servers.split())


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
    found = _of_words(_unwrapped(words))
    if found is None and words and _base(words[0]) in LAUNCHERS:  # a script that starts several: FastChat's three
        return next((role for piece in started(command) if (role := _of_words(piece)) is not None), None)
    return found


def _of_words(words: list[str]) -> Role | None:
    if not words:
        return None
    program, rest = _base(words[0]), words[1:]
    if program in _PROGRAMS:
        return _PROGRAMS[program]
    verb = next((word for word in rest if not word.startswith("-")), "")
    if f"{program} {verb}" in _PROGRAMS:
        return _PROGRAMS[f"{program} {verb}"]
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


_KEYWORDS = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "fi", "done", "command", "builtin"}
_ASSIGNED = re.compile(r"\w+=")
_ALL_ARGUMENTS = ("$@", "$$@", "${@}", "$*")
"""Those behind the script and behind the word that is its ``$0``."""


_MOST = 1 << 16
"""Characters that are looked at beside those written, words of a command: ``"$@"`` twice in a script doubles them."""


def started(command: Sequence[str]) -> Iterator[list[str]]:
    """Each program that a command line starts, also in a shell's script, with the words behind it; bare names."""
    words = command[0].split() if len(command) == 1 and " " in command[0] else list(command)
    todo: list[tuple[list[str], list[str] | None]] = [(words, None)]
    left = _MOST + 2 * sum(map(len, words))
    while todo and left > 0:
        piece, given = todo.pop()
        whole = (more for word in piece for more in (given if given is not None and word in _ALL_ARGUMENTS else [word]))
        words = list(islice(whole, _MOST))
        left -= sum(map(len, words)) + len(words)
        while words and not words[0].startswith("-"):
            program, rest = _base(words[0]), words[1:]
            if program in _SHELLS:
                at = next((i for i, word in enumerate(rest[:-1]) if word.startswith("-") and "c" in word), None)
                if at is not None:  # else a script of its own, whatever it is called
                    todo += [(line, rest[at + 3 :]) for line in reversed(_commands(rest[at + 1]))]
                break
            if program in _KEYWORDS or _ASSIGNED.match(words[0]):
                words = rest
            elif program in _WRAPPERS:
                words = _after_wrapper(program, rest)
            elif program.endswith("entrypoint.sh") and rest and not rest[0].startswith(("-", "$")):
                words = rest
            else:
                yield [program, *rest]
                break


def _commands(script: str) -> list[list[str]]:
    """The words of each command of a script; where its quotes do not close, as far as separators tell."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^[^\S\n]*#.*$", "", script)).replace("\n", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("();|&"):
                found.append([])
            else:
                found[-1].append(word)
    except ValueError:
        found = [piece.split() for piece in re.split(r"[;&|()]", text)]
    return [piece for piece in found if piece]


def _of_node(rest: list[str]) -> Role | None:
    script = next((word for word in rest if not word.startswith("-")), "")
    return next((one.role for one in DESCRIPTORS if one.node is not None and one.node(script, rest)), None)


def _of_npm(rest: list[str]) -> Role | None:
    words = [word for word in rest if not word.startswith("-")]
    if words[:1] == ["run"]:
        words = words[1:]
    return _NPM.get(words[0]) if words else None


def _of_python(program: str, rest: list[str]) -> Role | None:
    if program in {"uvicorn", "gunicorn", "hypercorn"}:
        return "model_server" if any(_APPS.match(word) for word in rest) else None
    if not re.fullmatch(r"python[\d.]*|pypy[\d.]*", program):
        return None
    if "-m" in rest:
        module, *more = rest[rest.index("-m") + 1 :] or [""]
        return "model_server" if _MODULES.match(module) else _of_python(module, more)
    script = next((word for word in rest if not word.startswith("-")), "")
    if _base(script) != script and _base(script) in _CONSOLE_SCRIPTS:
        return role_of_program([_base(script), *rest[rest.index(script) + 1 :]])
    return "model_server" if _SCRIPTS.search(script) else None
