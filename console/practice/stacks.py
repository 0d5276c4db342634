"""The projects of the practice machine as its operator set them up, after blog posts: their files lie in ``projects/``.

One container belongs to nobody. It is a permanent test of cleaning: its label, command, environment and log hold
markup, escape sequences and wide characters, as foreign text may.
"""

from __future__ import annotations

import base64
from importlib.resources import files

from .files import Tree
from .stand import Definition, dice

FASTGPT, LIBRECHAT, MODELS = "/srv/fastgpt", "/srv/librechat", "/srv/models"
KEY_FILE = f"{FASTGPT}/mongodb.key"
KEY_OWNER = 999
"""fact: user mongodb of the official image."""
MYSQL_DATA = f"{FASTGPT}/mysql"
TABLESPACE = "ibdata1"
"""What MySQL makes first of all; where it is missing the folder is initialised."""
CHANNELS = f"{MYSQL_DATA}/oneapi/channels.ibd"
"""One API's channels, as the stand-ins keep them."""
ROWS = '[{"id": 1, "models": ["qwen1.5-14b-chat"], "created_time": 0}, {"id": 2, "models": ["m3e"], "created_time": 0}]'
OPERATOR = 1000
"""User and group of LibreChat's files, and of its container through UID and GID."""

STRANGER = Definition(
    name="scratchpad-7f", image="registry.invalid/team/scratchpad:1", service="",
    labels={
        "maintainer": "[/etc/x]", "org.opencontainers.image.title": "\x1b]52;c;cm0gLXJmIC8=\x07[red]实验 \u202egnp.exe",
        "org.opencontainers.image.description": "長" * 300,
    },
)  # fmt: skip


def text(name: str) -> str:
    """One of the files as the operator wrote it: ``librechat/librechat.yaml``."""
    return (files("stackops.console.practice") / "projects" / name).read_text("utf-8")


def lay_out(tree: Tree, seed: str) -> None:
    """Write everybody's files, all in order."""
    _fastgpt(tree, seed)
    _copied(tree, LIBRECHAT, OPERATOR, "docker-compose.yml", "docker-compose.override.yml", "librechat.yaml",
            "librechat.example.yaml", "env")  # fmt: skip
    for folder in ("images", "logs", "data-node", "meili_data_v1.7"):
        tree.mkdir(f"{LIBRECHAT}/{folder}", uid=OPERATOR, gid=OPERATOR)
    _copied(tree, MODELS, 0, "docker-compose.yml", "env")
    tree.mkdir("/srv/weights")


def _fastgpt(tree: Tree, seed: str) -> None:
    _copied(tree, FASTGPT, 0, "docker-compose.yml", "env", "config.json")
    tree.put(KEY_FILE, key(seed), mode=0o400, uid=KEY_OWNER, gid=KEY_OWNER)
    tree.mkdir(f"{FASTGPT}/mongo/data", uid=KEY_OWNER, gid=KEY_OWNER)
    tree.put(f"{FASTGPT}/mongo/data/WiredTiger", b"WiredTiger\n", mode=0o600, uid=KEY_OWNER, gid=KEY_OWNER)
    for folder in ("pg/data", "mysql"):
        tree.mkdir(f"{FASTGPT}/{folder}", mode=0o700, uid=KEY_OWNER)
    tree.put(f"{MYSQL_DATA}/{TABLESPACE}", b"", mode=0o640, uid=KEY_OWNER)
    tree.put(CHANNELS, ROWS.encode(), mode=0o640, uid=KEY_OWNER)
    tree.mkdir(f"{FASTGPT}/oneapi")


def _copied(tree: Tree, folder: str, owner: int, *names: str) -> None:
    for name in names:
        path, mode = (f"{folder}/.env", 0o600) if name == "env" else (f"{folder}/{name}", 0o644)
        tree.put(path, text(f"{folder.rpartition('/')[2]}/{name}").encode(), mode=mode, uid=owner, gid=owner)


def key(seed: str) -> bytes:
    """What ``openssl rand -base64 756`` writes; the same seed gives the same key."""
    return base64.encodebytes(dice(seed, "mongodb.key").randbytes(756)).replace(b"\n", b"")[:1008] + b"\n"
