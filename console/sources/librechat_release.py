"""The release that LibreChat's own package.json names, out of the tar in which the Engine hands a file over.

Pure: bytes in, a version or None out; whatever is in the tar is foreign.
fact: librechat-stack 3.4: ``/app/package.json`` in the main image, ``/app/api/package.json`` in the ``-api`` one.
"""

from __future__ import annotations

import io
import re
import tarfile

import msgspec
from msgspec import Struct

from ..stacks.librechat_env import image_kind

LIMIT = 1 << 17
"""Bytes of the tar; the file itself has a few thousand."""
MAIN, API = "/app/package.json", "/app/api/package.json"
_RELEASE = re.compile(r"v?(\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[0-9A-Za-z.]{1,20})?)$")


class _Package(Struct):
    name: str = ""
    version: str = ""


def paths(image: str) -> tuple[str, ...]:
    """Where the file lies in a container of the image, the likelier place first."""
    return (API, MAIN) if image_kind(image) == "api" else (MAIN, API)


def version(archive: bytes) -> str | None:
    """The version, without a leading ``v``; None for anything that is not LibreChat's package.json."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() else None
            package = msgspec.json.decode(file.read(LIMIT), type=_Package) if file is not None else _Package()
    except (tarfile.TarError, msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError, EOFError):
        return None
    found = _RELEASE.match(package.version) if "librechat" in package.name.lower() else None
    return found[1] if found else None
