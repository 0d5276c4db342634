"""Edits of compose files: a mount, the keys of a service, its GPUs, the name of a variable.

Each says what is still to be ensured in a document; it is done when nothing is left. A plan points them at the override
file, except for the name of a variable.
fact: Compose replaces ``command`` by that of the later file, merges ``environment`` by name, appends ``extra_hosts``,
and a variable named without a value takes that of the image away (measured with 2.26.1 and Engine 20.10.24).
"""

from __future__ import annotations

import posixpath
import re
from abc import abstractmethod
from typing import Any

from msgspec.structs import replace

from ...compose.yaml import load
from ...compose.yaml_document import Tagged, YamlDocument, untagged
from ...compose.yaml_edit import END, Indents, Inline, Path, Quoted, RefusedEdit, at, block, ensure, rename
from ...text import _
from ...text.cleaning import clean_line
from .editing import FileEdit, masked_value

HEADER = "# Made by stackops. Compose reads this file after docker-compose.yml and adds it on top."
MOST = 1000
"""Changes of one edit; a guard against one that is never content with what it ensured."""


class ComposeEdit(FileEdit, frozen=True):
    """An edit of one service in a compose file."""

    service: str

    @abstractmethod
    def next(self, doc: YamlDocument, directory: str) -> YamlDocument | None:
        """The document with the next change made to it; None when it is as it should be. Raises RefusedEdit."""

    @property
    @abstractmethod
    def keys(self) -> dict[str, Any]:
        """What it adds to a service that has nothing yet, secrets masked."""

    def by_hand(self) -> str:
        """The text to add to a compose file."""
        return "\n".join(block({"services": {self.service: self.keys}}, Indents()))

    def remedy(self, path: str) -> str:
        """The text to add."""
        return _(
            "Repair {normpath}, or add this to it by hand:\n{by_hand}",
            normpath=posixpath.normpath(path),
            by_hand=self.by_hand(),
        )

    def changed(self, old: bytes | None, path: str) -> bytes:
        """The new content; a file that is made says who made it."""
        doc, directory = load(old or b""), posixpath.dirname(path)
        for made in range(MOST):
            changed = self.next(doc, directory)
            if changed is None:
                header = f"{HEADER}\n".encode() if old is None and made else b""
                return header + doc.encode(doc.text) if made else old or b""
            doc = changed
        raise RefusedEdit(_("the edit does not come to an end"))


class AddVolume(ComposeEdit, frozen=True, tag="add-volume"):
    """Add one bind mount to a service. Nothing to do when the target is mounted from there already.

    Written in long form (``type: bind``), as LibreChat has it. fact: docker/compose issue 12797: for a
    source that is missing the short form makes Docker create a directory, always; the long form is refused by Compose
    2.26.1 and creates the directory too in some newer ones, where ``create_host_path: false`` is not reliable either.
    So the form proves nothing: a plan puts the file there before it mounts it.
    """

    source: str
    """As written in the file, relative to the project folder: ``./librechat.yaml``."""
    target: str
    read_only: bool = False

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return _(
            "mount {source} → {target} for {service}",
            source=self.source,
            target=self.target,
            service=self.service,
        )

    @property
    def keys(self) -> dict[str, Any]:
        """The mount."""
        return {"volumes": [self._item]}

    @property
    def _item(self) -> dict[str, Any]:
        item: dict[str, Any] = {"type": "bind", "source": self.source, "target": self.target}
        return item | {"read_only": True} if self.read_only else item

    def next(self, doc: YamlDocument, directory: str) -> YamlDocument | None:
        """The later of several mounts on one target is the one that counts. fact: Compose 2.26.1, measured."""
        path: Path = ("services", self.service, "volumes")
        items = untagged(at(doc.data, path))
        listed = items if isinstance(items, list) else []
        target = posixpath.normpath(self.target)
        found = [(n, item) for n, item in enumerate(listed) if target_of(item) == target]
        if not found:
            return ensure(doc, (*path, END), self._item)
        n, item = found[-1]
        if self._same_source(item, directory):
            return None
        if isinstance(item, str):
            return ensure(doc, (*path, n), ":".join([self.source, *(split_short(item)[1:] or [self.target])]))
        if item.get("type") != "bind":
            raise RefusedEdit(
                _(
                    "{target} is mounted from something that is no file ({item})",
                    target=self.target,
                    item=item.get("type"),
                )
            )
        return ensure(doc, (*path, n, "source"), self.source)

    def _same_source(self, item: Any, directory: str) -> bool:  # noqa: ANN401 - YAML holds anything
        source: Any
        if isinstance(item, str):
            parts = split_short(item)
            source = parts[0] if len(parts) > 1 and parts[0][:1] in {".", "/", "~", "$"} else None
        else:
            source = item.get("source") if item.get("type") == "bind" else None
        if not isinstance(source, str):
            return False
        there, wanted = (posixpath.normpath(posixpath.join(directory, one)) for one in (source, self.source))
        return there == wanted


def split_short(text: str) -> list[str]:
    """The parts of a short mount between colons; a colon inside ``${NAME:-default}`` does not divide."""
    parts, depth, last = [""], 0, ""
    for character in text:
        depth += (character == "{" and (last == "$" or depth > 0)) - (character == "}" and depth > 0)
        if character == ":" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
        last = character
    return parts


def target_of(item: Any) -> str | None:  # noqa: ANN401
    """Where a volume entry of either form is mounted, normalised; None for what is neither."""
    if isinstance(item, str):
        parts = split_short(item)
        return posixpath.normpath(parts[1] if len(parts) > 1 else parts[0])
    target = item.get("target") if isinstance(item, dict) else None
    return posixpath.normpath(target) if isinstance(target, str) else None


class SetServiceKeys(ComposeEdit, frozen=True, tag="set-service-keys"):
    """Give a service another command, variables, names for addresses, shared memory; or take variables from it."""

    command: tuple[str, ...] = ()
    """Empty: left as it is."""
    environment: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    unset: tuple[str, ...] = ()
    """Variables it must not have, whatever the image or an earlier file says."""
    extra_hosts: tuple[tuple[str, str], ...] = ()
    """Names and addresses."""
    shm_size: str = ""
    """Of /dev/shm, as Compose takes it; empty: left as it is."""

    def __repr__(self) -> str:
        hidden = self.masked()
        return f"SetServiceKeys({hidden.service!r}, {hidden.command!r}, {hidden.environment!r})"

    def masked(self) -> SetServiceKeys:
        """The same with every secret among the values masked."""
        return replace(self, environment=tuple((name, masked_value(name, value)) for name, value in self.environment))

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        parts = [_("command {command}", command=" ".join(self.command))] if self.command else []
        parts += [f"{name}={value}" for name, value in self.masked().environment]
        parts += [
            _("the address of {name} to {address}", name=name, address=address) for name, address in self.extra_hosts
        ]
        parts += [_("shm_size to {shm_size}", shm_size=self.shm_size)] if self.shm_size else []
        said = [_("set {parts}", parts=_(" and ").join(parts))] if parts else []
        said += [_("take {unset} away", unset=_(" and ").join(self.unset))] if self.unset else []
        return _("{said} for {service}", said=", ".join(said), service=self.service)

    @property
    def _words(self) -> Inline:
        return Inline(map(Quoted, self.command))

    @property
    def _entries(self) -> list[tuple[str, str, str, str | None]]:
        """Key, sign between name and value, name, value: None where the name stands alone."""
        environment = [*self.environment, *((name, None) for name in self.unset)]
        entries = [("environment", "=", name, value) for name, value in environment]
        return entries + [("extra_hosts", ":", name, address) for name, address in self.extra_hosts]

    @property
    def keys(self) -> dict[str, Any]:
        """Command, variables and hosts."""
        keys: dict[str, Any] = {"command": self._words} if self.command else {}
        keys |= {"shm_size": self.shm_size} if self.shm_size else {}
        for key, sign, name, value in self.masked()._entries:
            keys.setdefault(key, []).append(name if value is None else f"{name}{sign}{value}")
        return keys

    def next(self, doc: YamlDocument, directory: str) -> YamlDocument | None:  # noqa: ARG002 - it names no files
        """The command first, then entry by entry, in the form that the file has for them."""
        path: Path = ("services", self.service, "command")
        now = untagged(at(doc.data, path))
        if self.command and (not isinstance(now, list) or [*map(str, now)] != [*self.command]):
            return ensure(doc, path, self._words)
        sized: Path = ("services", self.service, "shm_size")
        if self.shm_size and untagged(at(doc.data, sized)) != self.shm_size:
            return ensure(doc, sized, self.shm_size)
        changed = (self._entry(doc, *entry) for entry in self._entries)
        return next((one for one in changed if one is not None), None)

    def _entry(self, doc: YamlDocument, key: str, sign: str, name: str, value: str | None) -> YamlDocument | None:
        path: Path = ("services", self.service, key)
        now = untagged(at(doc.data, path))
        if isinstance(now, dict):
            if name in now and now[name] == value:
                return None
            if name in now and now[name] is None:
                raise RefusedEdit(
                    _(
                        "{map}.{name} has no value there: Compose takes it from .env",
                        map=".".join(map(str, path)),
                        name=name,
                    )
                )
            return ensure(doc, (*path, name), value)
        items: Any = [] if now is None else now
        if not isinstance(items, list):
            raise RefusedEdit(_("{map} must be a list or a mapping", map=".".join(map(str, path))))
        text = name if value is None else f"{name}{sign}{value}"
        # fact: extra_hosts takes `=` for `:`
        ends = "[=:]" if sign == ":" else "="
        found = [n for n, item in enumerate(items) if re.split(ends, str(item), maxsplit=1)[0] == name]
        if not found:
            return ensure(doc, (*path, END), text)
        return None if items[found[-1]] == text else ensure(doc, (*path, found[-1]), text)


class PinGpus(ComposeEdit, frozen=True, tag="pin-gpus"):
    """Reserve these GPUs for a service, and no others, in place of what the files before reserve.

    fact: Compose appends ``devices`` of a later file to those of the earlier, so that a container would be given both;
    ``!override`` replaces them, from 2.24.4 on (measured with 2.26.1).
    """

    ids: tuple[str, ...]
    """Indices or UUIDs, as ``device_ids`` takes them."""
    capabilities: tuple[str, ...] = ("gpu",)

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return _("reserve GPU {ids} alone for {service}", ids=", ".join(self.ids), service=self.service)

    @property
    def _devices(self) -> Tagged:
        ids, words = Inline(map(Quoted, self.ids)), Inline(self.capabilities)
        return Tagged("!override", [{"driver": "nvidia", "device_ids": ids, "capabilities": words}])

    @property
    def keys(self) -> dict[str, Any]:
        """The devices."""
        return {"deploy": {"resources": {"reservations": {"devices": self._devices}}}}

    def next(self, doc: YamlDocument, directory: str) -> YamlDocument | None:  # noqa: ARG002 - it names no files
        """The whole list of devices, by another one."""
        path: Path = ("services", self.service, "deploy", "resources", "reservations", "devices")
        return None if repr(at(doc.data, path)) == repr(self._devices) else ensure(doc, path, self._devices)


class RenameVariable(ComposeEdit, frozen=True, tag="rename-variable"):
    """Rename a variable in the ``environment`` of a service. Nothing to do in a file that does not name it.

    The value is never read out of the file, so that no plan and no journal carries it; that is why this edits the file
    the variable stands in and not the override, which would need the value again.
    """

    old: str
    new: str

    def describe(self) -> str:
        """What it does, as a part of a sentence."""
        return _("rename the variable {old} of {service} to {new}", old=self.old, service=self.service, new=self.new)

    @property
    def keys(self) -> dict[str, Any]:
        """Nothing that could be added: the value is not known."""
        return {}

    def remedy(self, path: str) -> str:  # noqa: ARG002 - which file is said before
        """The variable and its service."""
        return _(
            "Rename {old} to {new} by hand, in the environment of the service {service}",
            old=clean_line(self.old, 80),
            new=clean_line(self.new, 80),
            service=clean_line(self.service, 80),
        )

    def next(self, doc: YamlDocument, directory: str) -> YamlDocument | None:  # noqa: ARG002 - it names no files
        """One word of one line."""
        path: Path = ("services", self.service, "environment")
        now = untagged(at(doc.data, path))
        names = [str(item).partition("=")[0] for item in now] if isinstance(now, list | dict) else []
        if self.old not in names:
            return None
        if self.new in names:
            raise RefusedEdit(_("{new} stands there too, with a value of its own", new=self.new))
        if names.count(self.old) > 1:
            raise RefusedEdit(_("{old} stands there more than once", old=self.old))
        n = names.index(self.old)
        if now[self.old] is None if isinstance(now, dict) else "=" not in str(now[n]):
            raise RefusedEdit(_("{old} has no value there: Compose takes it from .env by that name", old=self.old))
        if isinstance(now, dict):
            return rename(doc, (*path, self.old), self.new)
        return rename(doc, (*path, n), self.new, word=self.old)
