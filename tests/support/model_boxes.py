"""Containers of model servers: a web server with recorded bodies, and beside it processes called as upstream's are.

with model_boxes(folder) as boxes:
    boxes["ollama"].pids("runner")   # process ids on this machine, by a word of the command line
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .model_servers import recording
from .python_image import images
from .stacks import docker

WAITS = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"
BUSYBOX = Path("/bin/busybox")


@dataclass(frozen=True)
class Kind:
    """One model server as an image."""

    image: str
    port: int
    recording: str
    waits: tuple[str, ...]
    """Command lines of the processes beside the web server."""


KINDS: Mapping[str, Kind] = {
    "ollama": Kind(
        "ollama/ollama:0.12.3", 11434, "ollama-0.12",
        ("/usr/bin/ollama runner --model /root/.ollama/models/blobs/sha256-0 --port 40001",),
    ),
    "vllm": Kind(
        "vllm/vllm-openai:v0.9.1", 8000, "vllm-0.33",
        ("/usr/bin/VLLM::Worker_TP0", "/usr/bin/VLLM::Worker_TP1 --api-key token-never-shown"),
    ),
    "m3e": Kind("stawky/m3e-large-api:latest", 6008, "m3e-large-api", ("/usr/bin/uvicorn localembedding:app",)),
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """One running container."""

    name: str
    id: str

    def pids(self, word: str) -> list[int]:
        """Processes of this container with the word in their command line, in the order of their numbers."""
        told = docker("top", self.name, "-eo", "pid,args").splitlines()[1:]
        return sorted(int(line.split()[0]) for line in told if word in line)


@contextlib.contextmanager
def model_boxes(folder: Path, prefix: str = "stackops-test-") -> Iterator[dict[str, Box]]:
    """All of ``KINDS``, each on a free port of loopback. Containers and images are taken away again."""
    program = _compiled(folder)
    made: dict[str, Box] = {}
    built: list[str] = []
    try:
        for name, kind in KINDS.items():
            _build(kind, program)
            built.append(kind.image)
            called = prefix + name
            docker("rm", "--force", called, check=False)
            ident = docker(
                "run", "--detach", "--name", called, "--label", "stackops.test=1",
                "--publish", f"127.0.0.1::{kind.port}", kind.image,
            )  # fmt: skip
            made[name] = Box(called, ident)
        for name, box in made.items():
            _until_started(box, len(KINDS[name].waits))
        yield made
    finally:
        for box in made.values():
            docker("rm", "--force", box.name, check=False)
        for image in built:
            docker("image", "rm", "--force", image, check=False)


def _until_started(box: Box, waits: int) -> None:
    end = time.monotonic() + 30
    while len(box.pids("/usr/bin/")) < waits:
        assert time.monotonic() < end, f"{box.name} did not start"
        time.sleep(0.05)


def _compiled(folder: Path) -> bytes:
    """A program that waits, whatever it is called. Skips the test where none can be made."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not BUSYBOX.exists():
        pytest.skip("no C compiler or no busybox-static: the stand-in model servers cannot be built")
    source = folder / "waits.c"
    source.write_text(WAITS)
    subprocess.run([compiler, "-static", "-O1", "-o", folder / "waits", source], check=True, timeout=60)
    return (folder / "waits").read_bytes()


def _build(kind: Kind, program: bytes) -> None:
    made = images()
    if docker("image", "inspect", "-f", f'{{{{index .Config.Labels "{made.LABEL}"}}}}', kind.image, check=False) == "":
        present = docker("image", "inspect", "-f", "{{.Id}}", kind.image, check=False)
        if present:
            pytest.skip(f"a real image {kind.image} is on this machine and is not replaced")
    start = "".join(f"{line} &\n" for line in kind.waits)
    script = f"#!/bin/sh\n{start}exec httpd -f -p {kind.port} -h /www\n"
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w") as tar:
        _add(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for applet in ("sh", "httpd"):
            _add(tar, f"bin/{applet}", b"", 0o777, link="/bin/busybox")
        _add(tar, "start", script.encode(), 0o755)
        for line in kind.waits:
            _add(tar, line.split()[0].lstrip("/"), program, 0o755)
        for path, reply in recording(kind.recording)["routes"].items():
            body = reply["text"] if "text" in reply else json.dumps(reply["json"])
            _add(tar, f"www{path if path != '/' else '/index.html'}", body.encode(), 0o644)
    changes = ('ENTRYPOINT ["/start"]', f"EXPOSE {kind.port}", f"LABEL {made.LABEL}=models stackops.test=1")
    options = [part for change in changes for part in ("--change", change)]
    made.docker("import", *options, "-", kind.image, stdin=tree.getvalue())


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int, *, link: str = "") -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), mode
    if link:
        info.type, info.linkname, info.size = tarfile.SYMTYPE, link, 0
    tar.addfile(info, io.BytesIO(content))
