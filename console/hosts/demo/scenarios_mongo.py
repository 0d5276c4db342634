"""What goes wrong with MongoDB."""

from __future__ import annotations

from . import stack_fastgpt as stack
from .scenario import Hands, scenario


@scenario("mongo.keyfile", "too-open")
def too_open(hands: Hands) -> None:
    """Made the key file with ``openssl rand -base64 756 > mongodb.key`` as root and left it at that.

    Mode 0644 and owner root: mongod refuses a key that others may read and exits with 1, and FastGPT waits in vain.
    """
    _key(hands, mode=0o644, uid=0)
    _start(hands)


@scenario("mongo.keyfile", "wrong-owner")
def wrong_owner(hands: Hands) -> None:
    """Set the mode to 400, as every post says, and forgot the owner.

    The file belongs to root, so that mongod, which runs as uid 999, cannot open it.
    """
    _key(hands, mode=0o400, uid=0)
    _start(hands)


@scenario("mongo.keyfile", "directory")
def directory(hands: Hands) -> None:
    """Started the stack before making the key file.

    The Engine made a directory of the missing file; mongod calls its mode too open, which sends everybody to chmod.
    """
    hands.tree.drop(stack.KEY_FILE)
    _start(hands)


@scenario("mongo.keyfile", "missing")
def missing(hands: Hands) -> None:
    """Removed the key file while tidying up; the container had gone down with it."""
    _key(hands, mode=0o644, uid=0)
    _start(hands)
    hands.tree.drop(stack.KEY_FILE)


@scenario("mongo.keyfile", "empty")
def empty(hands: Hands) -> None:
    """Made the file with ``touch``, gave it mode and owner, and never put a key in."""
    _write(hands, b"")


@scenario("mongo.keyfile", "bad-characters")
def bad_characters(hands: Hands) -> None:
    """Typed a passphrase of his own into the key file: mongod takes base64 characters only."""
    _write(hands, "我的密钥-my-own-key!\n".encode())


@scenario("mongo.keyfile", "bad-length")
def bad_length(hands: Hands) -> None:
    """Asked openssl for 1024 bytes; in base64 these are 1368 characters, and mongod takes 1024 at the most."""
    text = stack.key(hands.world.seed).decode().strip()
    _write(hands, (text + text)[:1368].encode() + b"\n")


@scenario("mongo.keyfile", "not-restarted")
def not_restarted(hands: Hands) -> None:
    """Followed a post to the end, mode and owner and all, but did not start mongo again."""
    too_open(hands)
    _key(hands, mode=0o400, uid=stack.KEY_OWNER)


def _write(hands: Hands, content: bytes) -> None:
    hands.tree.put(stack.KEY_FILE, content, mode=0o400, uid=stack.KEY_OWNER, gid=stack.KEY_OWNER)
    _start(hands)


def _key(hands: Hands, *, mode: int, uid: int) -> None:
    hands.tree.put(stack.KEY_FILE, stack.key(hands.world.seed), mode=mode, uid=uid, gid=uid)


def _start(hands: Hands) -> None:
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "mongo")
