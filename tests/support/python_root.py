"""A container image with this interpreter in it, so that the stand-ins of mongod and LibreChat run inside containers.

Only the files that they really load are packed, at the paths where they lie here: the interpreter, its shared
libraries, standard library, pymongo and ruamel.yaml. Made once per machine and set of versions.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from .debian_roots import REPOSITORY, CannotBuild, forget_others

TESTS = Path(__file__).resolve().parents[1]
PACKAGES = ("bson", "pymongo", "ruamel.yaml")
LOADED = """
import asyncio, sys
sys.path.insert(0, {tests!r})
import encodings.idna, encodings.latin_1, argparse, http.server, email.utils, json, signal, socket, pathlib
from support.mongod import Mongod
from support.librechat_schema import judged
from pymongo import MongoClient
judged("version: 1.1.1\\nendpoints: {{}}\\n", (0, 8, 7), {{}})
judged("a: [", (0, 8, 7), {{}})

async def run():
    async with Mongod(users={{("admin", "root"): "pw"}}, repl_set="rs0") as mongod:
        def ask():
            with MongoClient("127.0.0.1", mongod.port, username="root", password="pw", directConnection=True) as client:
                client.admin.command("ping")
        await asyncio.to_thread(ask)

asyncio.run(run())
for module in list(sys.modules.values()):
    if getattr(module, "__file__", None):
        print(module.__file__)
"""
"""A login from beginning to end: afterwards everything that it needs has been imported."""
LIFE = "1"
"""Raised when the way it is made changes."""


def ensure() -> str:
    """The image's name, made now if it is not there. Raises CannotBuild."""
    versions = [importlib.metadata.version(name) for name in ("pymongo", "ruamel.yaml")]
    told = (LIFE, sys.version, os.path.realpath(sys.executable), sorted(_packages()), versions, LOADED)
    tag = f"{REPOSITORY}/python:{hashlib.sha256(repr(told).encode()).hexdigest()[:12]}"
    known = subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False)
    if known.returncode:
        _make(tag)
        forget_others("python", tag)
    return tag


def _make(tag: str) -> None:
    changes = [
        f"ENV PYTHONPATH={':'.join(sorted(_packages()))}",
        f"ENV LD_LIBRARY_PATH={Path(os.path.realpath(sys.executable)).parents[1] / 'lib'}",
        f"LABEL {REPOSITORY}.base=python stackops.test=1",
    ]
    options = [part for change in changes for part in ("-c", change)]
    command = ["docker", "import", *options, "-", tag]
    done = subprocess.run(command, input=tree(), capture_output=True, check=False)
    if done.returncode:
        raise CannotBuild(f"docker import {tag}: {done.stderr.decode(errors='replace').strip()}")


def tree() -> bytes:
    """The file system as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders: set[str] = set()
        for target, source in sorted(_python_files().items()):
            _add(tar, target.lstrip("/"), source, folders)
        for parent in ("usr", "usr/local", "usr/local/bin"):
            _folder(tar, parent, folders)
        _link(tar, "usr/local/bin/python3", os.path.realpath(sys.executable))
    return buffer.getvalue()


def _packages() -> set[str]:
    """Folders in which the packages are."""
    found = [importlib.util.find_spec(name) for name in PACKAGES]
    return {str(Path(s.origin).parents[1 + s.name.count(".")]) for s in found if s and s.origin}


def _python_files() -> dict[str, Path]:
    """Where it belongs -> where it is."""
    program = Path(os.path.realpath(sys.executable))
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED.format(tests=str(TESTS))], capture_output=True, text=True, check=True
    )
    modules = [Path(line) for line in done.stdout.split("\n") if line and str(TESTS) not in line]
    found = {str(program): program}
    for module in modules:
        found[str(module)] = module
        cached = Path(importlib.util.cache_from_source(str(module))) if module.suffix == ".py" else None
        if cached is not None and cached.exists():
            found[str(cached)] = cached
    for binary in [program, *(module for module in modules if module.suffix == ".so")]:
        for library in _libraries(binary):
            found[library] = Path(library)
    return found


def _libraries(binary: Path) -> list[str]:
    """The paths of the shared libraries that the loader would take."""
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    return re.findall(r"(?:=> )?(/\S+) \(0x", done.stdout)


def _add(tar: tarfile.TarFile, target: str, source: Path, folders: set[str]) -> None:
    """Its own modification time is kept: compiled modules are tied to it."""
    for parent in reversed(Path(target).parents[:-1]):
        _folder(tar, str(parent), folders)
    content, status = source.read_bytes(), source.stat()
    info = tarfile.TarInfo(target)
    info.size, info.mtime, info.mode = len(content), int(status.st_mtime), (status.st_mode & 0o755) | 0o444
    tar.addfile(info, io.BytesIO(content))


def _folder(tar: tarfile.TarFile, path: str, folders: set[str]) -> None:
    if path not in folders:
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        folders.add(path)


def _link(tar: tarfile.TarFile, path: str, target: str) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)
