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

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from .. import Check, compose
from .cpu_examples import EXAMPLES
from .node import Node, fine, nodes

ID = "mongo.cpu"
SIGILL = 132
X86, ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
FROM_X86, FROM_ARM = (5,), (4, 4, 19)
"""fact: mongo-docker-db 2.4"""
ARM_82 = frozenset({"fphp", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve"})
"""What the image's entrypoint looks for, any of them. fact: docker-entrypoint.sh"""
WARNED = {"mongo.no-avx": "no-avx", "mongo.old-arm": "old-arm"}
ILLEGAL = "mongo.illegal-instruction"
WORDS = {
    "no-avx": ("the processor has no AVX", "MongoDB from 5.0 on is built for processors with AVX"),
    "old-arm": ("the processor is older than ARMv8.2-A", "MongoDB from 4.4.19 on is built for ARMv8.2-A"),
    "illegal-instruction": (
        "it met an instruction that its processor does not have",
        (
            "the machine's own processor has what MongoDB needs, so the container sees another one: an emulator, or an"
            " image for another platform"
        ),
    ),
}


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per mongod that asks much of its processor."""
    for node in nodes(snapshot):
        if not _asks_much(node, snapshot):
            continue
        form = _form(node, snapshot)
        if form is not None:
            yield _finding(node, form, snapshot)
        elif node.container is not None or snapshot.host.cpu_features is not None:
            yield fine(ID, node, f"Nothing says that the processor is too old for {node.subject}")


def _asks_much(node: Node, snapshot: Snapshot) -> bool:
    """By its version; one of unknown version is asked as well."""
    least = FROM_ARM if snapshot.host.arch in ARM else FROM_X86
    return node.version is None or node.version >= least


def _form(node: Node, snapshot: Snapshot) -> str | None:
    lacks = _lacks(snapshot)
    if node.answers or (node.state is not None and node.state.alive):
        return None
    if node.container is None:
        return lacks if node.version is not None else None
    warned = next((WARNED[mark] for mark in node.marks if mark in WARNED), None)
    died = ILLEGAL in node.marks or (not node.running and node.container.exit_code == SIGILL)
    if died:
        unread = snapshot.host.cpu_features is None or snapshot.host.arch not in (*X86, *ARM)
        guess = ("old-arm" if snapshot.host.arch in ARM else "no-avx") if unread else "illegal-instruction"
        return warned or lacks or guess
    # stopped or never started here, and it would die: known from the processor alone
    return (warned or lacks) if node.version is not None and not node.running else None


def _lacks(snapshot: Snapshot) -> str | None:
    """What this machine's processor does not have; None when it has it, or cannot be read."""
    features, arch = snapshot.host.cpu_features, snapshot.host.arch
    if features is None or (snapshot.engine is not None and not snapshot.engine.local):
        return None
    if arch in X86 and "avx" not in features:
        return "no-avx"
    return "old-arm" if arch in ARM and ARM_82.isdisjoint(features) else None


def _finding(node: Node, form: str, snapshot: Snapshot) -> Result:
    what, because = WORDS[form]
    container = node.container
    version = ".".join(map(str, node.version)) if node.version else "unknown"
    evidence = [Evidence("MongoDB", version, "image")]
    if _lacks(snapshot) is not None:
        evidence.append(Evidence("processor", what.removeprefix("the processor "), "/proc/cpuinfo"))
    if container is not None and container.exit_code == SIGILL:
        evidence.append(Evidence("exit code", str(SIGILL), f"docker inspect {container.name}"))
    evidence += compose.log_evidence(snapshot, container, (*WARNED, ILLEGAL))
    verb = "cannot run" if container is not None else "will not run"
    return compose.finding(
        ID, node.subject, form, f"{node.subject} {verb} here: {what}", severity="error", because=because,
        evidence=tuple(evidence), fix=FixSummary("manual", "pass the processor through, or use image 4.4"),
    )  # fmt: skip


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what can be done. Images and data folders are the operator's."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    image = "mongo:4.4.18" if result.form == "old-arm" else "mongo:4.4.29"
    says = [
        "In a virtual machine: set its processor type to host (Proxmox, libvirt: host-passthrough), start it anew.",
        f"Or use {image} in the compose file, with an empty data folder or one that 4.4 wrote; keep the old folder.",
        "It does not open files of 5.0 and later.",
    ]
    if result.form == "illegal-instruction":
        says.insert(0, "Take platform: out of the compose file, or use an image for this machine's own processor.")
    return compose.manual(result, *says)


CHECK = Check(
    id=ID, title="The processor can run this MongoDB", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
