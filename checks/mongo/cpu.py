"""The processor cannot run this MongoDB: no AVX on x86, below ARMv8.2-A on ARM.

What it does
    For every MongoDB from 5.0 on (4.4.19 on ARM) compares what the image's own entrypoint compares: the word ``avx`` in
    the flags of /proc/cpuinfo, or one of the usual features of ARMv8.2-A. Exit code 132, "Illegal instruction" in the
    log and the entrypoint's warning are reported too, where the processor cannot be read or the container sees another
    one. A mongod that answers runs, whatever was warned of.

Why it matters
    mongod and the shell both die at once by SIGILL, exit code 132. Under the start script of FastGPT the container goes
    on running and prints "Waiting for MongoDB to start..." for ever. Virtual machines often hide AVX from their guests.

Fix
    Give the virtual machine the host's processor (CPU type "host"), or use image 4.4 (4.4.18 on old ARM), which needs
    neither, with an empty data folder or one that 4.4 wrote. It does not open files of 5.0, and whether a folder may be
    given up is nobody's to say but the operator's, so it is not done by a key.

Sources
    docker-library/mongo docker-entrypoint.sh and issue 485; SERVER-54407, SERVER-55178, SERVER-71772; FastGPT issue
    1349; LibreChat issue 2361.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.text import _
from .. import compose
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from .node import MongoNode, nodes

SIGILL = 132
X86, ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
FROM_X86, FROM_ARM = (5,), (4, 4, 19)
"""First versions that ask for it (SERVER-54407, SERVER-71772)."""
ARM_82 = frozenset({"fphp", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve"})
"""What the image's docker-entrypoint.sh looks for, any of them."""
ILLEGAL = "mongo.illegal-instruction"
_FIX = "pass the processor through, or use image 4.4"
_VM = "In a virtual machine: set its processor type to host (Proxmox, libvirt: host-passthrough), start it anew."
_IMAGE = (
    "Or use {image} in the compose file, with an empty data folder or one that 4.4 wrote; keep the old folder.\n"
    "It does not open files of 5.0 and later."
)
NO_AVX = Form("no-avx", "{subject} {verb} here: the processor has no AVX",
              "MongoDB from 5.0 on is built for processors with AVX", _FIX, advice=f"{_VM}\n{_IMAGE}")  # fmt: skip
OLD_ARM = Form("old-arm", "{subject} {verb} here: the processor is older than ARMv8.2-A",
               "MongoDB from 4.4.19 on is built for ARMv8.2-A", _FIX, advice=f"{_VM}\n{_IMAGE}")  # fmt: skip
OTHER = Form(
    "illegal-instruction",
    "{subject} {verb} here: it met an instruction that its processor does not have",
    "the machine's own processor has what MongoDB needs, so the container sees another one: an emulator, or an image"
    " for another platform",
    _FIX,
    advice="Take platform: out of the compose file, or use an image for this machine's own processor.\n"
    f"{_VM}\n"
    f"{_IMAGE}",
)
WARNED = {"mongo.no-avx": NO_AVX, "mongo.old-arm": OLD_ARM}


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that asks much of its processor, by its version; one of unknown version is asked as well."""
    least = FROM_ARM if snapshot.host.arch in ARM else FROM_X86
    for node in nodes(snapshot):
        if node.version is not None and node.version < least:
            continue
        form = _form(node, snapshot)
        if form is not None:
            yield _case(node, form, snapshot)
        elif node.container is not None or snapshot.host.cpu_features is not None:
            yield Fine(node.subject, _("Nothing says that the processor is too old for {node}", node=node.subject))


def _form(node: MongoNode, snapshot: Snapshot) -> Form | None:
    lacks = _lacks(snapshot)
    if node.answers or node.said.alive:
        return None
    if node.container is None:
        return lacks if node.version is not None else None
    warned = next((WARNED[mark] for mark in node.marks if mark in WARNED), None)
    if ILLEGAL in node.marks or (not node.running and node.exited(SIGILL)):
        unread = snapshot.host.cpu_features is None or snapshot.host.arch not in (*X86, *ARM)
        guess = (OLD_ARM if snapshot.host.arch in ARM else NO_AVX) if unread else OTHER
        return warned or lacks or guess
    # stopped or never started here, and it would die: known from the processor alone
    return (warned or lacks) if node.version is not None and not node.running else None


def _lacks(snapshot: Snapshot) -> Form | None:
    """What this machine's processor does not have; None when it has it, or cannot be read."""
    features, arch = snapshot.host.cpu_features, snapshot.host.arch
    if features is None or (snapshot.engine is not None and not snapshot.engine.local):
        return None
    if arch in X86 and "avx" not in features:
        return NO_AVX
    return OLD_ARM if arch in ARM and ARM_82.isdisjoint(features) else None


def _case(node: MongoNode, form: Form, snapshot: Snapshot) -> Case[None]:
    rows = [Evidence("MongoDB", node.version_words, "image")]
    if _lacks(snapshot) is not None:
        rows.append(Evidence(_("processor"), form.title.partition("the processor ")[2], "/proc/cpuinfo"))
    rows += [*node.exited(SIGILL), *compose.log_evidence(snapshot, node.container, (*WARNED, ILLEGAL))]
    verb = _("cannot run") if node.container is not None else _("will not run")
    image = "mongo:4.4.18" if form is OLD_ARM else "mongo:4.4.29"
    return Case(node.subject, form, None, tuple(rows), {"verb": verb, "image": image})


CHECK = Check(
    "mongo.cpu", "The processor can run this MongoDB", __doc__ or "", (NO_AVX, OLD_ARM, OTHER), find, by_hand,
    reads=("host", "engine", "containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
