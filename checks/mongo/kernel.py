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
from collections.abc import Iterator

from ...console.text import _
from .. import compose
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, Unknown, by_hand
from .node import MongoNode, nodes

FIRST, LAST = (6, 19, 0), (7, 0, 13)
"""Kernels it does not get on with (SERVER-121912)."""
MAJOR = (8,)
SIGSEGV = 139
MARK = "mongo.12257600"
STEADY = 60.0
"""Seconds; the crash comes after about 30."""
TUNABLE = "glibc.pthread.rseq=1"
_FIX = "another kernel, image 7.0, or the variable that helps"
_SAYS = (
    "Boot a kernel before 6.19.0 or after 7.0.13.\n"
    f"Or add GLIBC_TUNABLES={TUNABLE} to the environment of {{service}} and recreate it; reported to help.\n"
    "Or image mongo:7.0, if MongoDB 8 has not opened the data folder yet: an older one does not open its files."
)
REFUSES = Form("refuses", "{subject} refuses to start on this kernel",
               "this build knows of the crash and does not start", _FIX, advice=_SAYS)  # fmt: skip
CRASHES = Form("crashes", "{subject} crashes on this kernel",
               "its allocator and this kernel's rseq do not go together", _FIX, advice=_SAYS)  # fmt: skip
WILL_CRASH = Form("will-crash", "{subject} is going to crash on this kernel",
                  "MongoDB 8 crashes on Linux 6.19.0 to 7.0.13 about half a minute after its start",
                  _FIX, "warning", advice=_SAYS)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each MongoDB 8."""
    for node in nodes(snapshot):
        if node.version is not None and node.version[:1] == MAJOR:
            found = _judge(node, snapshot)
            if found is not None:
                yield found


def _judge(node: MongoNode, snapshot: Snapshot) -> Found | None:
    container, bad = node.container, _is_bad(snapshot)
    if container is None:
        return _case(node, WILL_CRASH, snapshot) if bad else None
    steady = node.answers and node.age is not None and node.age > STEADY
    if steady or (node.answers and _tuned(node)):
        return Fine(node.subject, _("{node} runs on this kernel", node=node.subject))
    if MARK in node.marks:
        return _case(node, REFUSES, snapshot)
    if node.exited(SIGSEGV) and (not node.running or container.deaths) and bad is not False:
        return _case(node, CRASHES, snapshot)
    if bad and _tuned(node):
        return Unknown(
            node.subject,
            _("Whether {node} runs on this kernel cannot be told", node=node.subject),
            _("it does not answer"),
        )
    if bad:
        return _case(node, WILL_CRASH, snapshot)
    return Fine(node.subject, _("Nothing says that {node} and this kernel do not go together", node=node.subject))


def _release(snapshot: Snapshot) -> str | None:
    """The kernel that containers run on; Docker Desktop's is in its virtual machine."""
    engine = snapshot.engine
    return None if engine is not None and "Docker Desktop" in (engine.os or "") else snapshot.host.kernel


def _is_bad(snapshot: Snapshot) -> bool | None:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", _release(snapshot) or "")
    if found is None:
        return None
    return FIRST <= (int(found[1]), int(found[2]), int(found[3] or 0)) <= LAST


def _tuned(node: MongoNode) -> bool:
    env = node.container.env if node.container else ()
    return any(variable.name == "GLIBC_TUNABLES" and TUNABLE in variable.value for variable in env)


def _case(node: MongoNode, form: Form, snapshot: Snapshot) -> Case[None]:
    rows = (
        Evidence("MongoDB", node.version_words, "image"),
        Evidence(_("kernel"), _release(snapshot) or _("not known"), "uname -r"),
        *node.exited(SIGSEGV),
        *compose.log_evidence(snapshot, node.container, (MARK,)),
    )
    return Case(node.subject, form, None, rows, {"service": node.place.service or node.subject})


CHECK = Check(
    "mongo.kernel", "MongoDB 8 and the kernel go together", __doc__ or "",
    (REFUSES, CRASHES, WILL_CRASH), find, by_hand,
    reads=("host", "engine", "containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
