"""A container image with this interpreter in it, so that the stand-in of mongod speaks its protocol inside a container.

Only the files that a mongod and a driver really load are packed, at the paths where they lie here: the interpreter, its
shared libraries, standard library and pymongo. Everything carries the labels of the other stand-ins.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
ENGINE = HERE.parent / "engine"
SCRIPTS = ENGINE / "standins_python"
LOADED = """
import asyncio, sys
sys.path.insert(0, {tests!r})
import encodings.idna, encodings.latin_1, argparse
from support.mongod import Mongod
from pymongo import MongoClient

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


def images() -> ModuleType:
    """The builder of the other stand-ins."""
    spec = importlib.util.spec_from_file_location("standin_images", ENGINE / "images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree() -> bytes:
    """The file system as a tar: busybox and its scripts, then ours over them."""
    files = _python_files()
    ours = {f"usr/local/bin/{path.name}" for path in SCRIPTS.iterdir()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(images()._tree())) as base, tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in base:
            if member.name not in ours:
                tar.addfile(member, base.extractfile(member) if member.isfile() else None)
        folders: set[str] = set(tar.getnames())
        for target, source in sorted(files.items()):
            _add(tar, target.lstrip("/"), source, folders)
        for path in sorted(HERE.glob("mongod*.py")):
            _add(tar, f"standin/support/{path.name}", path, folders)
        for path in sorted(SCRIPTS.iterdir()):
            _add(tar, f"usr/local/bin/{path.name}", path, folders, 0o755)
        _link(tar, "usr/local/bin/python3", os.path.realpath(sys.executable))
        _text(tar, "etc/nsswitch.conf", "hosts: files dns\n")
    return buffer.getvalue()


def build(names: dict[str, str]) -> None:
    """Import the image under each of the names: ``{"mongo:5.0.18": "5.0.18"}``, version of mongod behind it."""
    made = images()
    packed = tree()
    path = ":".join(sorted({str(Path(folder)) for folder in _packages()}))
    for name, version in names.items():
        changes = [
            'ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mongod"]', "WORKDIR /", f"ENV PYTHONPATH={path}",
            f"ENV LD_LIBRARY_PATH={Path(os.path.realpath(sys.executable)).parents[1] / 'lib'}",
            f"ENV STANDIN_VERSION={version}", f"LABEL {made.LABEL}=python stackops.test=1",
        ]  # fmt: skip
        options = [part for change in changes for part in ("-c", change)]
        made.docker("import", *options, "-", name, stdin=packed)


def _packages() -> set[str]:
    """Folders in which pymongo and bson are."""
    found = [importlib.util.find_spec(name) for name in ("bson", "pymongo")]
    return {str(Path(spec.origin).parents[1]) for spec in found if spec and spec.origin}


def _python_files() -> dict[str, Path]:
    """Where it belongs -> where it is."""
    program = Path(os.path.realpath(sys.executable))
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED.format(tests=str(HERE.parent))], capture_output=True, text=True, check=True
    )
    modules = [Path(line) for line in done.stdout.split("\n") if line and str(HERE) not in line]
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


def _add(tar: tarfile.TarFile, target: str, source: Path, folders: set[str], mode: int | None = None) -> None:
    """Its own modification time is kept: compiled modules are tied to it."""
    for parent in reversed(Path(target).parents[:-1]):
        if str(parent) not in folders:
            info = tarfile.TarInfo(str(parent))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
            folders.add(str(parent))
    content, status = source.read_bytes(), source.stat()
    info = tarfile.TarInfo(target)
    info.size, info.mtime, info.mode = len(content), int(status.st_mtime), mode or (status.st_mode & 0o755) | 0o444
    tar.addfile(info, io.BytesIO(content))


def _link(tar: tarfile.TarFile, path: str, target: str) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)


def _text(tar: tarfile.TarFile, path: str, text: str) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(text), 0o644
    tar.addfile(info, io.BytesIO(text.encode()))
