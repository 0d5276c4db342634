"""Many small containers on the real Engine, a third of them busy, all with one label."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LABEL = "stackops.bench=1"
IMAGE = "stackops-bench/busybox:1"
SLEEPER = ["/busybox", "sleep", "100000"]
BUSY = [
    "/busybox",
    "sh",
    "-c",
    "while :; do i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; /busybox sleep 1; done",
]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def build_image() -> None:
    """A root file system of one file: Debian's static busybox."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add("/bin/busybox", "busybox")
        tar.add("/bin/busybox", "bin/sh")
    subprocess.run(["docker", "import", "-", IMAGE], input=archive.getvalue(), check=True, capture_output=True)


def start(count: int) -> None:
    """``count`` containers called bench-001 ..., in three compose projects' worth of labels."""
    if not Path("/bin/busybox").exists():
        raise SystemExit("the benchmark needs a static busybox: apt-get install busybox-static")
    build_image()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_run, range(1, count + 1)))


def _run(number: int) -> None:
    labels = (LABEL, f"com.docker.compose.project=bench{number % 3}", f"com.docker.compose.service=bench-{number:03}")
    flags = [part for label in labels for part in ("--label", label)]
    command = BUSY if number % 3 == 0 else SLEEPER
    docker("run", "-d", "--network", "none", "--name", f"bench-{number:03}", *flags, IMAGE, *command)


def pids(count: int) -> list[int]:
    """Process ids of the first ``count`` containers."""
    names = [f"bench-{number:03}" for number in range(1, count + 1)]
    return [int(line) for line in docker("inspect", "-f", "{{.State.Pid}}", *names).split()] if names else []


def remove() -> None:
    ids = docker("ps", "-aq", "--filter", f"label={LABEL}").split()
    for first in range(0, len(ids), 20):
        docker("rm", "-f", *ids[first : first + 20])
    time.sleep(1)
