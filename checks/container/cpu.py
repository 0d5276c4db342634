"""A program does not run on this processor: built for a newer one, or for another kind.

What it does
    Looks through the last lines of containers that are not well for what glibc, numpy, ClickHouse, the shell and the
    kernel say of it, and for exit code 132 (illegal instruction). MongoDB has a check of its own, which knows which
    release needs what.

Why it matters
    Images are built anew on newer systems: MySQL 8.0 went to Oracle Linux 9, which wants x86-64-v2, with a mere patch
    release. Virtual machines often show their guests a processor of 2004 (kvm64, qemu64), whatever the machine has. The
    container ends at once, every time, and whoever needs it says that it cannot be reached.

Fix
    Explained: give the virtual machine the processor of its host, or take an image that was built for less.

Sources
    docker-library/mysql issues 1055 and 1138, infiniflow/ragflow issue 8394; Red Hat, "Building Red Hat Enterprise
    Linux 9 for the x86-64-v2 microarchitecture level"; Docker's manual, "Multi-platform builds".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from ..subjects import Life, lives

SIGILL = 132
_LACKS = re.compile(
    r"CPU does not support (x86-64-v\d)|but your machine doesn't support: \(([^)]{1,60})\)"
    r"|(?:fatal|error|fail|must|requires?).{0,120}\b(avx(?:-?\d\w*)?|sse\d(?:[._]\d)?|ssse3)\b"
    r"|\b(AVX\w*|SSE\w*) instructions, but these aren't available",
    re.ASCII | re.IGNORECASE,
)
_ILLEGAL = re.compile(r"[Ii]llegal instruction|SIGILL\b", re.ASCII)
_FORMAT = re.compile(r"exec format error")

LACKING = Form(
    "lacking",
    "{subject} cannot run here: the processor has no {needs}",
    "Its program was built for newer processors than this one, or than the one that this virtual machine is shown",
    "give the virtual machine its host's processor, or take an image that was built for less",
    advice="See what this machine has: lscpu (of a virtual machine often kvm64 or qemu64)\n"
    "In a virtual machine: set its processor type to host (Proxmox, libvirt: host-passthrough), stop and start it.\n"
    "Or another tag of {image}: an older one, or one that is built on Debian (of MySQL: 8.0-debian). "
    "Its data stay where they are, as long as the release does not go down.",
)
ILLEGAL = replace(
    LACKING, id="illegal-instruction",
    title="{subject} cannot run here: it met an instruction that the processor does not have",
)  # fmt: skip
PLATFORM = Form(
    "other-platform",
    "{subject} cannot run here: its program is for another kind of processor than {arch}",
    "An image for arm64 does not run on amd64, nor the other way round. A start script without its first line, "
    "#!/bin/sh, says the same",
    "take the image for this kind of processor",
    advice="See what the image is for: docker image inspect --format '{{{{.Os}}}}/{{{{.Architecture}}}}' {image}\n"
    "Take platform: out of the compose file, or fetch the other one: docker pull --platform linux/{arch} {image}\n"
    "Where the program is a script of yours: begin it with #!/bin/sh, and save it without a byte order mark.",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container that ended so; what one that runs says of it is a warning, or of something else."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(snapshot.host.arch or "", snapshot.host.arch or _("this one"))
    for life in lives(snapshot):
        if life.put_to_rest or life.role == "mongo":
            continue
        case = _case(life, arch) if life.ended else None
        if case is not None:
            yield case
        elif life.last_words:
            yield Fine(life.name, _("Nothing says that {life} needs another processor", life=life.name))


def _case(life: Life, arch: str) -> Case[Life] | None:
    image, error = life.container.image, life.container.error or ""
    for line in reversed((*life.last_words, error)):
        row = (
            Evidence("log" if line is not error else _("the Engine says"), clip(line, 300), f"docker logs {life.name}"),
        )
        if found := _LACKS.search(line):
            needs = next(filter(None, found.groups()))
            return Case(life.name, LACKING, life, row, {"needs": needs, "image": image})
        if _FORMAT.search(line):
            return Case(life.name, PLATFORM, life, row, {"arch": arch, "image": image})
        if _ILLEGAL.search(line):
            return Case(life.name, ILLEGAL, life, row, {"image": image})
    ended = life.container.state != "running" and life.container.exit_code == SIGILL
    return Case(life.name, ILLEGAL, life, life.rows(), {"image": image}) if ended else None


CHECK = Check(
    "container.cpu", "Every program can run on this processor", __doc__ or "", (LACKING, ILLEGAL, PLATFORM), find,
    by_hand, reads=("host", "containers", "services", "last_words"),
)  # fmt: skip
