"""What goes wrong with LibreChat."""

from __future__ import annotations

from . import stack_librechat as stack
from .scenario import Hands, scenario


@scenario("librechat.config-mount", "not-mounted")
def not_mounted(hands: Hands) -> None:
    """Wrote librechat.yaml beside the compose file and took it for granted that LibreChat reads it.

    The override has other settings but no mount, so the container never sees the file and logs ENOENT.
    """
    _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITHOUT_MOUNT)
    _write(hands, stack.CONFIG, stack.LIBRECHAT_YAML)
    hands.compose(stack.FOLDER, "up", "-d")


@scenario("librechat.config-mount", "directory")
def directory(hands: Hands) -> None:
    """Mounted librechat.yaml first and meant to write it later.

    The Engine made a directory of the missing file, root-owned, and LibreChat logs EISDIR.
    """
    hands.tree.drop(stack.CONFIG)
    _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITH_MOUNT)
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "api")


@scenario("librechat.config-mount", "stale")
def stale(hands: Hands) -> None:
    """Edited librechat.yaml with an editor that saves by rename, and did not restart.

    The mount holds the old inode, so the running container still reads the old file.
    """
    _write(hands, stack.CONFIG, stack.LIBRECHAT_YAML)
    _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITH_MOUNT)
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "api")
    _write(hands, stack.CONFIG, stack.LIBRECHAT_YAML.replace("cache: true", "cache: false"))


def _write(hands: Hands, path: str, text: str) -> None:
    hands.tree.put(path, text.encode(), uid=stack.OPERATOR, gid=stack.OPERATOR)
