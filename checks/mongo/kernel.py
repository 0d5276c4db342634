"""MongoDB 8 on a Linux kernel from 6.19.0 to 7.0.13: it crashes about half a minute after its start.

What it does
    For every MongoDB 8 looks at the kernel release of the Engine's machine, at exit code 139 and at log id 12257600,
    with which newer builds refuse to start there. A mongod that has answered for longer than a minute has got past it.

Why it matters
    The crash leaves no line in the log: the container starts, answers for a while, is gone, and is started again, for
    ever. Data are written in between, and the crash may come at any write.

Fix
    Another kernel, or image 7.0 where the data folder was not opened by 8 yet, or the variable
    ``GLIBC_TUNABLES=glibc.pthread.rseq=1`` for the service, which was reported to help. Explained, not done by a key:
    which of them is right is the operator's to say, and an older image does not open newer files.

Sources
    mongo startup_check_rseq.cpp (SERVER-121912, id 12257600); docker-library/mongo issues 762 and 765.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from .. import Check, compose
from .kernel_examples import EXAMPLES
from .node import Node, fine, nodes, unknown

ID = "mongo.kernel"
FIRST, LAST = (6, 19, 0), (7, 0, 13)
"""Kernels it does not get on with. fact: mongo-docker-db 2.4"""
MAJOR = (8,)
SIGSEGV = 139
MARK = "mongo.12257600"
STEADY = 60.0
"""Seconds; the crash comes after about 30."""
TUNABLE = "glibc.pthread.rseq=1"
WORDS: dict[str, tuple[Severity, str, str]] = {
    "refuses": ("error", "{name} refuses to start on this kernel", "this build knows of the crash and does not start"),
    "crashes": ("error", "{name} crashes on this kernel", "its allocator and this kernel's rseq do not go together"),
    "will-crash": (
        "warning", "{name} is going to crash on this kernel",
        "MongoDB 8 crashes on Linux 6.19.0 to 7.0.13 about half a minute after its start",
    ),
}  # fmt: skip


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per MongoDB 8."""
    for node in nodes(snapshot):
        if node.version is not None and node.version[:1] == MAJOR:
            result = _judge(node, snapshot)
            if result is not None:
                yield result


def _judge(node: Node, snapshot: Snapshot) -> Result | None:
    container, bad = node.container, _is_bad(snapshot)
    if container is None:
        return _finding(node, "will-crash", snapshot) if bad else None
    steady = node.answers and node.age is not None and node.age > STEADY
    if steady or (node.answers and _tuned(node)):
        return fine(ID, node, f"{node.subject} runs on this kernel")
    if MARK in node.marks:
        return _finding(node, "refuses", snapshot)
    crashed = container.exit_code == SIGSEGV and (not node.running or bool(container.deaths))
    if crashed and bad is not False:
        return _finding(node, "crashes", snapshot)
    if bad and _tuned(node):
        return unknown(ID, node, f"Whether {node.subject} runs on this kernel cannot be told", "it does not answer")
    if bad:
        return _finding(node, "will-crash", snapshot)
    return fine(ID, node, f"Nothing says that {node.subject} and this kernel do not go together")


def _release(snapshot: Snapshot) -> str | None:
    """The kernel that containers run on; Docker Desktop's is in its virtual machine."""
    engine = snapshot.engine
    return None if engine is not None and "Docker Desktop" in (engine.os or "") else snapshot.host.kernel


def _is_bad(snapshot: Snapshot) -> bool | None:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", _release(snapshot) or "")
    if found is None:
        return None
    return FIRST <= (int(found[1]), int(found[2]), int(found[3] or 0)) <= LAST


def _tuned(node: Node) -> bool:
    env = node.container.env if node.container else ()
    return any(variable.name == "GLIBC_TUNABLES" and TUNABLE in variable.value for variable in env)


def _finding(node: Node, form: str, snapshot: Snapshot) -> Result:
    severity, title, because = WORDS[form]
    container = node.container
    evidence = [
        Evidence("MongoDB", ".".join(map(str, node.version or ())), "image"),
        Evidence("kernel", _release(snapshot) or "not known", "uname -r"),
    ]
    if container is not None and container.exit_code == SIGSEGV:
        evidence.append(Evidence("exit code", str(SIGSEGV), f"docker inspect {container.name}"))
    evidence += compose.log_evidence(snapshot, container, (MARK,))
    return compose.finding(
        ID, node.subject, form, title.format(name=node.subject), severity=severity, because=because,
        evidence=tuple(evidence), fix=FixSummary("manual", "another kernel, image 7.0, or the variable that helps"),
    )  # fmt: skip


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says what can be done."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    service = node.place.service or node.subject
    return compose.manual(
        result,
        "Boot a kernel before 6.19.0 or after 7.0.13.",
        f"Or add GLIBC_TUNABLES={TUNABLE} to the environment of {service} and recreate it; reported to help.",
        "Or image mongo:7.0, if MongoDB 8 has not opened the data folder yet: an older one does not open its files.",
    )


CHECK = Check(
    id=ID, title="MongoDB 8 and the kernel go together", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
