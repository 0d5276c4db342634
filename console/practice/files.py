"""The files of the practice machine: the tree in memory, the Files door with the promises of a disk, what lies there.

The projects are as their operator set them up, after blog posts: their files lie in ``projects/``.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import posixpath
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from ..hosts import HostError, NotFound, ReadOnlyRefused
from ..model import FileFact
from ..text import N_

DIGEST_LIMIT = 1 << 20
NodeKind = Literal["file", "directory"]


@dataclass
class FileNode:
    """One file or directory. Replacing a file makes a new node with a new inode, as a rename does."""

    kind: NodeKind
    mode: int
    """Permission bits."""
    uid: int
    gid: int
    inode: int
    mtime: float
    """Unix seconds."""
    content: bytes = b""
    size: int | None = None
    """Bytes of a file that is larger than what is kept of it here."""


class Tree:
    """All files. One lock guards it; the world shares that lock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self._now = now
        self._nodes: dict[str, FileNode] = {}
        self._inodes = itertools.count(1_048_577)
        self.mkdir("/")

    def get(self, path: str) -> FileNode | None:
        """The node at the path, None where nothing is."""
        return self._nodes.get(tidy(path))

    def put(self, path: str, content: bytes, *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> FileNode:
        """Put a file there under a new inode, whatever was there before; folders above it are made."""
        path = tidy(path)
        self.drop(path)
        self.mkdir(posixpath.dirname(path))
        node = FileNode("file", mode, uid, gid, next(self._inodes), self._now(), content)
        self._nodes[path] = node
        return node

    def mkdir(self, path: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> FileNode:
        """The directory at the path, made with those above it where they are missing."""
        path = tidy(path)
        found = self._nodes.get(path)
        if found is not None:
            return found
        if path != "/":
            self.mkdir(posixpath.dirname(path))
        node = FileNode("directory", mode, uid, gid, next(self._inodes), self._now())
        self._nodes[path] = node
        return node

    def drop(self, path: str) -> None:
        """Remove the path and all below it; nothing happens where nothing is."""
        path = tidy(path)
        for gone in [path, *self.below(path)]:
            self._nodes.pop(gone, None)

    def below(self, path: str) -> list[str]:
        """Every path under a directory, however deep."""
        prefix = tidy(path).rstrip("/") + "/"
        return [name for name in self._nodes if name.startswith(prefix) and name != "/"]

    def names(self, path: str) -> Iterator[str]:
        """Names directly in a directory, sorted."""
        path = tidy(path)
        yield from sorted(posixpath.basename(name) for name in self.below(path) if posixpath.dirname(name) == path)


def tidy(path: str) -> str:
    """The absolute path without dots, doubled or trailing slashes."""
    return "/" + posixpath.normpath("/" + path).strip("/")


class DemoFiles:
    """Files of the practice stack, seen as root. Writing is refused in read-only mode.

    ``ready`` builds the stack before the first access, so that nobody sees or changes what its past is made from.
    """

    def __init__(self, tree: Tree, *, read_only: bool, ready: Callable[[], None] = lambda: None) -> None:
        self._tree = tree
        self._ready = ready
        self.read_only = read_only

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        with self._looking():
            node = self._tree.get(path)
            if node is None:
                return FileFact(path=path, kind="missing")
            is_file = node.kind == "file"
            hashed = digest and is_file and len(node.content) <= DIGEST_LIMIT
            return FileFact(
                path=path, kind=node.kind, mode=node.mode, uid=node.uid, gid=node.gid,
                size=(node.size or len(node.content)) if is_file else 4096, mtime=node.mtime, inode=node.inode,
                links=1 if is_file else 2, sha256=sha256(node.content) if hashed else None,
                empty=not node.content if is_file else not any(self._tree.names(path)),
            )  # fmt: skip

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        with self._looking():
            content = self._file(path).content
        if len(content) > limit:
            raise HostError(N_(f"{path} has {len(content)} bytes, more than the {limit} that are read"))
        return content

    def names(self, path: str) -> Sequence[str]:
        with self._looking():
            self._directory(path)
            return tuple(self._tree.names(path))

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        with self._changing(path):
            if expect is None:
                self._absent(path)
                self._directory(posixpath.dirname(tidy(path)))
                self._tree.put(path, content)
                return
            old = self._unchanged(path, expect)
            self._tree.put(path, content, mode=old.mode, uid=old.uid, gid=old.gid)

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        with self._changing(path):
            self._absent(path)
            self._directory(posixpath.dirname(tidy(path)))
            self._tree.put(path, content, mode=mode, uid=uid or 0, gid=gid or 0)

    def remove(self, path: str, *, expect: str) -> None:
        with self._changing(path):
            self._unchanged(path, expect)
            self._tree.drop(path)

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        with self._changing(path):
            self._absent(path)
            self._directory(posixpath.dirname(tidy(path)))
            self._tree.mkdir(path, mode=mode, uid=uid, gid=gid)

    def remove_directory(self, path: str) -> None:
        with self._changing(path):
            self._directory(path)
            if any(self._tree.names(path)):
                raise HostError(N_(f"The directory {path} is not empty"))
            self._tree.drop(path)

    def chmod(self, path: str, mode: int, *, seen: FileFact | None = None) -> None:
        with self._changing(path):
            self._the_seen(path, seen).mode = mode & 0o7777

    def chown(self, path: str, uid: int, gid: int, *, seen: FileFact | None = None) -> None:
        """Set owner and group of what was ``seen``; -1 keeps what is there, as the system call does."""
        with self._changing(path):
            node = self._the_seen(path, seen)
            node.uid, node.gid = node.uid if uid < 0 else uid, node.gid if gid < 0 else gid

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """For previews: only the folder must be there, and nothing but a regular file in the way."""
        with self._looking():
            self._directory(posixpath.dirname(tidy(path)))
            node = self._tree.get(path)
            if node is not None and node.kind != "file":
                raise HostError(N_(f"{path} is a directory, not a file"))

    def remove_leftovers(self, path: str) -> Sequence[str]:
        """A write in memory is never cut short: there is nothing to remove."""
        return ()

    @contextmanager
    def _looking(self) -> Iterator[None]:
        self._ready()
        with self._tree.lock:
            yield

    @contextmanager
    def _changing(self, path: str) -> Iterator[None]:
        if self.read_only:
            raise ReadOnlyRefused(N_(f"{path} is not changed: the console was started with --read-only"))
        with self._looking():
            yield

    def _node(self, path: str) -> FileNode:
        node = self._tree.get(path)
        if node is None:
            raise NotFound(N_(f"{path} does not exist"))
        return node

    def _the_seen(self, path: str, seen: FileFact | None) -> FileNode:
        node = self._node(path)
        if seen is not None and seen.inode != node.inode:
            raise HostError(
                N_(f"{path} is another file since it was looked at"), N_("look again and make a new preview")
            )
        return node

    def _file(self, path: str) -> FileNode:
        node = self._node(path)
        if node.kind != "file":
            raise HostError(N_(f"{path} is a directory, not a file"))
        return node

    def _directory(self, path: str) -> FileNode:
        node = self._node(path)
        if node.kind != "directory":
            raise HostError(N_(f"{path} is not a directory"))
        return node

    def _absent(self, path: str) -> None:
        if self._tree.get(path) is not None:
            raise HostError(N_(f"{path} exists already"))

    def _unchanged(self, path: str, expect: str) -> FileNode:
        node = self._file(path)
        if sha256(node.content) != expect:
            raise HostError(N_(f"{path} was changed meanwhile"), N_("look at it again, then repeat"))
        return node


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


FASTGPT, LIBRECHAT, MODELS = "/srv/fastgpt", "/srv/librechat", "/srv/models"
GUIDE, NEXT = "/srv/guide", "/srv/next"
KEY, KEY_FILE = "mongodb.key", f"{FASTGPT}/mongodb.key"
KEY_OWNER = 999
"""fact: user mongodb of the official image."""
MYSQL_DATA = f"{FASTGPT}/mysql"
TABLESPACE = "ibdata1"
"""What MySQL makes first of all; where it is missing the folder is initialised."""
CHANNELS = "oneapi/channels.ibd"
"""One API's channels in the data folder of its MySQL, as the stand-ins keep them."""
ROWS = json.dumps([
    {"id": 1, "name": "vLLM", "type": 1, "models": ["qwen1.5-14b-chat"], "created_time": 0,
     "base_url": "http://192.0.2.10:8001", "model_mapping": '{"qwen1.5-14b-chat": "Qwen/Qwen1.5-14B-Chat-AWQ"}'},
    {"id": 2, "name": "M3E", "type": 1, "models": ["m3e"], "created_time": 0, "base_url": "http://192.0.2.10:6008"},
])  # fmt: skip
SECOND = "192.0.2.20"
"""The machine with the models of the guide's stack."""
GUIDE_ROWS = json.dumps([
    {"id": 1, "name": "Baichuan2", "type": 1, "models": ["baichuan2-13b"], "created_time": 0,
     "base_url": f"http://{SECOND}:8001"},
    {"id": 2, "name": "M3E", "type": 1, "models": ["m3e"], "created_time": 0, "base_url": f"http://{SECOND}:6008"},
])  # fmt: skip
KEPT_MODELS, KEPT_CHANNELS = f"{NEXT}/mongo/data/system_models.json", f"{NEXT}/aiproxy_pg/channels.json"
"""The models of a FastGPT from v4.8.20 on, and the channels of its AI Proxy."""
OPERATOR = 1000
"""User and group of LibreChat's files, and of its container through UID and GID."""


def text(name: str) -> str:
    """One of the files as the operator wrote it: ``librechat/librechat.yaml``."""
    return (files("stackops.console.practice") / "projects" / name).read_text("utf-8")


def lay_out(tree: Tree, seed: str) -> None:
    """Write everybody's files, all in order."""
    fastgpt(tree, seed, FASTGPT, ROWS)
    _copied(tree, LIBRECHAT, OPERATOR, "docker-compose.yml", "docker-compose.override.yml", "librechat.yaml",
            "librechat.example.yaml", "env")  # fmt: skip
    for folder in ("images", "logs", "data-node", "meili_data_v1.7"):
        tree.mkdir(f"{LIBRECHAT}/{folder}", uid=OPERATOR, gid=OPERATOR)
    _copied(tree, MODELS, 0, "docker-compose.yml", "env")
    tree.mkdir("/srv/weights")


def fastgpt(tree: Tree, seed: str, folder: str, rows: str) -> None:
    """Files and data folders of a FastGPT whose One API has these channels."""
    _with_mongo(tree, seed, folder)
    tree.mkdir(f"{folder}/mysql", mode=0o700, uid=KEY_OWNER)
    made_with = re.search(r"^MYSQL_PASSWORD=(.*)$", text(f"{folder.rpartition('/')[2]}/env"), re.MULTILINE)
    begins = f"root:{made_with[1] if made_with else ''}@"  # so does a SQL_DSN that its MySQL takes
    tree.put(f"{folder}/mysql/{TABLESPACE}", begins.encode(), mode=0o640, uid=KEY_OWNER)
    channels(tree, folder, rows)
    tree.mkdir(f"{folder}/oneapi")


def _with_mongo(tree: Tree, seed: str, folder: str) -> None:
    _copied(tree, folder, 0, "docker-compose.yml", "env", "config.json")
    tree.put(f"{folder}/{KEY}", key(seed), mode=0o400, uid=KEY_OWNER, gid=KEY_OWNER)
    tree.mkdir(f"{folder}/mongo/data", uid=KEY_OWNER, gid=KEY_OWNER)
    tree.put(f"{folder}/mongo/data/WiredTiger", b"WiredTiger\n", mode=0o600, uid=KEY_OWNER, gid=KEY_OWNER)
    tree.mkdir(f"{folder}/pg/data", mode=0o700, uid=KEY_OWNER)


def proxied(tree: Tree, seed: str) -> None:
    """Files and data folders of a FastGPT with its models in MongoDB, and of its AI Proxy."""
    _with_mongo(tree, seed, NEXT)
    tree.mkdir(f"{NEXT}/aiproxy_pg", mode=0o700, uid=KEY_OWNER)
    for path in (KEPT_MODELS, KEPT_CHANNELS):
        tree.put(path, text(f"next/{path.rpartition('/')[2]}").encode(), mode=0o600, uid=KEY_OWNER)


def rows_of(tree: Tree, folder: str | None, name: str) -> list[dict[str, Any]]:
    """A table in a data folder, as the stand-ins keep it; empty where there is none."""
    node = tree.get(f"{folder}/{name}") if folder else None
    rows: list[dict[str, Any]] = json.loads(node.content) if node is not None else []
    return rows


def channels(tree: Tree, folder: str, rows: str) -> None:
    """Let the One API of a stack have these channels."""
    tree.put(f"{folder}/mysql/{CHANNELS}", rows.encode(), mode=0o640, uid=KEY_OWNER)


def _copied(tree: Tree, folder: str, owner: int, *names: str) -> None:
    for name in names:
        path, mode = (f"{folder}/.env", 0o600) if name == "env" else (f"{folder}/{name}", 0o644)
        tree.put(path, text(f"{folder.rpartition('/')[2]}/{name}").encode(), mode=mode, uid=owner, gid=owner)


def key(seed: str) -> bytes:
    """What ``openssl rand -base64 756`` writes; the same seed gives the same key."""
    thrown = random.Random(f"{seed}:mongodb.key").randbytes(756)  # noqa: S311 - it opens nothing
    return base64.encodebytes(thrown).replace(b"\n", b"")[:1008] + b"\n"
