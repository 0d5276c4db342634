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


@scenario("librechat.config-mount", "changed")
def changed(hands: Hands) -> None:
    """Edited librechat.yaml with an editor that saves by rename, and did not restart.

    The mount holds the old inode, so the running container still reads the old file.
    """
    _in_order(hands)
    _write(hands, stack.CONFIG, stack.LIBRECHAT_YAML.replace("cache: true", "cache: false"))


@scenario("librechat.config-mount", "source-missing")
def source_missing(hands: Hands) -> None:
    """Removed librechat.yaml to begin anew from the example, and was called away.

    LibreChat still runs on what it read; at its next start the Engine makes a directory of the missing file.
    """
    _in_order(hands)
    hands.tree.drop(stack.CONFIG)


@scenario("librechat.config-mount", "not-applied")
def not_applied(hands: Hands) -> None:
    """Added the mount to the override and ran ``docker compose restart``.

    A restart keeps the old definition of the container: the mount is in the file and not in the container.
    """
    not_mounted(hands)
    _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITH_MOUNT)
    hands.compose(stack.FOLDER, "restart", "api")


@scenario("librechat.config-mount", "override-not-in-use")
def override_not_in_use(hands: Hands) -> None:
    """Started the stack with ``-f docker-compose.yml``, as a post said.

    A list of files switches the automatic override off, so that the mount in it never arrives.
    """
    with hands.world.ago(300.0):
        _in_order(hands)
    base = f"{stack.FOLDER}/docker-compose.yml"
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "api", files=(base,))


@scenario("librechat.config-valid", "dropped")
def dropped(hands: Hands) -> None:
    """Wrote ``apikey`` for ``apiKey`` in one of the two endpoints, as a post had it.

    LibreChat accepts the file, leaves that endpoint out, and logs nothing about it.
    """
    _recreate_with(hands, stack.LIBRECHAT_YAML.replace('apiKey: "ollama"', 'apikey: "ollama"'))


@scenario("librechat.config-valid", "schema")
def schema(hands: Hands) -> None:
    """Moved a list of models and lost its indentation on the way.

    ``default`` stands beside ``models`` instead of under it, and the whole file is refused.
    """
    models = '        default: ["qwen2:7b"]\n        fetch: true\n'
    _recreate_with(hands, stack.LIBRECHAT_YAML.replace(models, models.replace("        ", "      ")))


@scenario("librechat.config-valid", "syntax")
def syntax(hands: Hands) -> None:
    """Pasted an endpoint from a web page; its keys stand one column too deep.

    The file is no YAML any more, and LibreChat runs on its defaults.
    """
    head, item, tail = stack.LIBRECHAT_YAML.partition('    - name: "Ollama"\n')
    _recreate_with(hands, head + item + "".join(f" {line}" for line in tail.splitlines(keepends=True)))


def _recreate_with(hands: Hands, text: str) -> None:
    _write(hands, stack.CONFIG, text)
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "api")


def _in_order(hands: Hands) -> None:
    _write(hands, stack.CONFIG, stack.LIBRECHAT_YAML)
    _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITH_MOUNT)
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", "api")


def _write(hands: Hands, path: str, text: str) -> None:
    hands.tree.put(path, text.encode(), uid=stack.OPERATOR, gid=stack.OPERATOR)
