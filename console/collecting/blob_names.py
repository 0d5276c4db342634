"""Which Ollama models are made of which file of weights, from the manifests beside them. Read-only, bounded, seldom.

A runner's command line names the file, ``/api/ps`` names the model, and only the manifest knows both. Where this user
may not read them nothing is known, which is no fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..hosts import Files, HostError, ProcessRow
from ..joining import commands
from ..joining.models import Blobs
from ..model import Container
from ..text import clean_line

MOST = 400
"""Manifests that are read of one folder."""
LARGEST = 1 << 16
AGAIN = 60.0
"""Seconds between two looks into one folder."""
WEIGHTS = "application/vnd.ollama.image.model"
"""fact: the media type of the layer with the weights; its digest is the name of the file under ``blobs``."""


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class BlobNames:
    """Names by digest, as far as they were read."""

    def __init__(self, files: Files) -> None:
        self.names: Blobs = {}
        self._files = files
        self._looked: dict[str, float] = {}

    def wanted(self, rows: Iterable[ProcessRow], containers: Sequence[Container], now: float) -> tuple[str, ...]:
        """Folders of models, as this machine sees them, that may name the weights of these runners."""
        by_id = {container.id: container for container in containers}
        found: dict[str, None] = {}
        for row in rows:
            digest, path = commands.blob(row.command), commands.weights(row.command)
            if digest is None or path is None or any(known.startswith(digest) for known in self.names):
                continue
            folder = path.rpartition("/blobs/")[0]
            place = _outside(folder, by_id.get(row.container or "")) if row.container else folder
            if place and now - self._looked.get(place, -AGAIN) >= AGAIN:
                self._looked[place] = now
                found[place] = None
        return tuple(found)

    def read(self, folders: Iterable[str]) -> None:
        """Read the manifests of these folders. For a worker's thread."""
        names: dict[str, frozenset[str]] = dict(self.names)
        for folder in folders:
            for name, digest in self._manifests(f"{folder}/manifests"):
                names[digest] = names.get(digest, frozenset()) | {name}
        self.names = names

    def _manifests(self, top: str) -> Iterator[tuple[str, str]]:
        """Model and digest of its weights. fact: ``manifests/REGISTRY/NAMESPACE/MODEL/TAG``."""
        paths = [top]
        for _ in range(4):
            paths = [f"{path}/{name}" for path in paths for name in self._inside(path)][:MOST]
        for path in paths:
            digest = self._weights(path)
            if digest is not None:
                yield _name(path), digest

    def _inside(self, path: str) -> list[str]:
        try:
            return sorted(name for name in self._files.names(path) if not name.startswith("."))
        except HostError:
            return []

    def _weights(self, path: str) -> str | None:
        try:
            manifest = msgspec.json.decode(self._files.read(path, limit=LARGEST), type=_Manifest)
        except (HostError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        digest = next((layer.digest for layer in manifest.layers if layer.media_type == WEIGHTS), "")
        return digest.removeprefix("sha256:") or None


def _outside(path: str, container: Container | None) -> str | None:
    """Where a path of a container lies on its machine; None outside its mounts."""
    fitting = [m for m in container.mounts if f"{path}/".startswith(f"{m.target.rstrip('/')}/")] if container else []
    mount = max(fitting, key=lambda m: len(m.target), default=None)
    return None if mount is None else f"{mount.source.rstrip('/')}{path[len(mount.target.rstrip('/')) :]}"


def _name(path: str) -> str:
    """As ``ollama ps`` writes it: what is usual is left out."""
    registry, namespace, model, tag = path.split("/")[-4:]
    front = "" if registry == "registry.ollama.ai" else f"{registry}/"
    middle = "" if not front and namespace == "library" else f"{namespace}/"
    return clean_line(f"{front}{middle}{model}:{tag}")
