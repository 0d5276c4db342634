"""A report's compose project played on this machine's Engine: each image is busybox and a script that says what the
program said and then ends or waits.

Images have names of this process's own whose last component is upstream's, which is what a program is known by.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from .busybox import OURS, imported, program
from .stacks import Stack, docker, wait_for

APPLETS = ("sh", "sleep", "cat", "nc", "httpd", "wget", "id", "stat", "ls", "cp", "mkdir", "printf", "kill", "touch")
Answer = TypeVar("Answer")
WAITS = "exec sleep 1000000"
"""What a program without a script does."""
_IMAGE = re.compile(r"(image:\s*)[\"']?(?:\S*/)?([^\s/\"']+)[\"']?")


@contextmanager
def played(
    base: Path,
    compose: str,
    programs: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    changes: Mapping[str, tuple[str, ...]] | None = None,
    *,
    up: bool = True,
) -> Iterator[Stack]:
    """The project as it stands after ``docker compose up -d``, whatever became of its services; removed at the end.

    ``programs`` gives the script of an image by its last component and tag, as in ``mongo:5.0.8``; ``changes`` lines of
    its Dockerfile (``USER 999``, ``ENV PG_MAJOR=16``); ``files`` is what lies in the folder besides the compose file.
    Skipped in one sentence where there is no Engine with Compose v2, or no busybox.
    """
    shell = program()
    stack = Stack(base, "", ())
    stack.write("docker-compose.yml", _IMAGE.sub(rf"\g<1>{OURS}/\g<2>", compose))
    for name, text in (files or {}).items():
        stack.path(name).parent.mkdir(parents=True, exist_ok=True)
        stack.write(name, text)
    names = {match[2] for match in _IMAGE.finditer(compose)}
    for name in sorted(names):
        packed = _packed(shell, (programs or {}).get(name, WAITS))
        imported(name, packed, 'ENTRYPOINT ["/bin/sh", "/entry"]', "ENV PATH=/bin", *(changes or {}).get(name, ()))
    try:
        if up:
            subprocess.run(["docker", "compose", "up", "-d"], cwd=stack.folder, capture_output=True, check=False)
        yield stack
    finally:
        stack.down()
        docker("image", "rm", "--force", *(f"{OURS}/{name}" for name in sorted(names)), check=False)


def during(stack: Stack, container: str, state: str, ask: Callable[[], Answer]) -> Answer:
    """What is answered while the container is in this state from before the question until after the answer."""

    def asked() -> tuple[Answer] | None:
        before = stack.inspect(container)["State"]
        if before["Status"] != state:
            return None
        answer = ask()
        return (answer,) if stack.inspect(container)["State"] == before else None

    answer: Answer
    (answer,) = wait_for(asked, 300.0)
    return answer


def _packed(program: Path, script: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(program, "bin/busybox", filter=_of_root)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        entry = tarfile.TarInfo("entry")
        entry.size, entry.mode = len(script.encode()), 0o755
        archive.addfile(entry, io.BytesIO(script.encode()))
    return packed.getvalue()


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mode = 0o755
    return member
