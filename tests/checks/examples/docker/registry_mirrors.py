"""What people do to the Engine's mirrors, and what ``docker.registry-mirrors`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    DaemonConfig,
    EngineInfo,
    HostInfo,
    ImageProbe,
    MirrorProbe,
    MirrorSeed,
    MirrorState,
    PullFailure,
    Snapshot,
)

from examples import Example
from examples.snapshots import ENGINE, NOW

FILE = "/etc/docker/daemon.json"
MONGO, PGVECTOR = "library/mongo:5.0.18", "pgvector/pgvector:0.7.0-pg15"
GOOD, BAD, LATE = "https://good.example", "https://bad.example", "https://late.example"
HUB, GHCR = "https://registry-1.docker.io", "https://ghcr.io"
SEED = MirrorSeed("2026-03", (GOOD, LATE), {"ghcr.io": ("ghcr.m.daocloud.io",)})
EDIT, ONLY = ("EditFile", "EngineReload"), ("EngineReload",)
ABSENT = ("mongo:5.0.18", "pgvector/pgvector:0.7.0-pg15")


def config(mirrors: tuple[str, ...] | None = None, **more: Any) -> DaemonConfig:
    """The file of a dockerd that runs; ``mirrors`` None: no such key in it."""
    keys = ("log-driver",) if mirrors is None else ("log-driver", "registry-mirrors")
    facts: dict[str, Any] = {
        "path": FILE, "kind": "file", "keys": keys, "mirrors": mirrors, "pid": 812, "user": "root",
        "unit": "docker.service", "flags": {"hosts": ("fd://",)},
    }  # fmt: skip
    return DaemonConfig(**(facts | more))


def probe(address: str, state: MirrorState = "ok", what: Any = "mirror", **more: Any) -> MirrorProbe:
    """What one of them answered."""
    facts: dict[str, Any] = {"seconds": 0.3, "says": "" if state == "ok" else f"it says: {state}"}
    return MirrorProbe(address=address, what=what, state=state, at=NOW, **(facts | more))


def image(name: str, state: MirrorState, status: int | None = None) -> ImageProbe:
    """Whether one image could be had."""
    return ImageProbe(name, state, status)


def stands(
    daemon: DaemonConfig | None,
    *probes: MirrorProbe,
    effective: tuple[str, ...] = (),
    engine: EngineInfo | None = ENGINE,
    absent: tuple[str, ...] = (),
) -> Snapshot:
    """One Engine with its mirrors, as ``/info`` lists them."""
    listed = tuple(f"{one}/" for one in effective)
    return Snapshot(
        taken_at=NOW, host=HostInfo(name="example"), daemon=daemon, mirror_probes=probes, mirror_seed=SEED,
        engine=replace(engine, registry_mirrors=listed) if engine else None, absent_images=absent,
    )  # fmt: skip


def uses(*mirrors: str, answers: tuple[MirrorProbe, ...], **more: Any) -> Snapshot:
    """A file that was read by the Engine, as it is."""
    return stands(config(mirrors), *answers, effective=mirrors, **more)


MISSING = config(kind="missing", keys=())
BROKEN = config(error="a comma stands before the closing bracket", line=3, column=12, keys=())
CANDIDATES = (probe(LATE, what="candidate", seconds=2.0), probe(GOOD, what="candidate", seconds=0.4))
HUB_GONE = probe(HUB, "hangs", "registry", seconds=5.0)
TIMED_OUT = 'Get "https://registry-1.docker.io/v2/": net/http: request canceled (Client.Timeout exceeded)'
FAILED = PullFailure(NOW - 60, "docker.io", TIMED_OUT)
FAILED_GHCR = PullFailure(NOW - 60, "ghcr.io", 'Get "https://ghcr.io/v2/": dial tcp: i/o timeout')
PARTIAL = probe(BAD, "not-allowed", images=(image(MONGO, "ok", 200), image(PGVECTOR, "not-allowed", 403)))
NEWER = replace(ENGINE, version="28.0.1")
DESKTOP = replace(ENGINE, os="Docker Desktop")
REMOTE = replace(ENGINE, local=False, address="tcp://gpu1:2375")
ROOTLESS = replace(ENGINE, rootless=True, address="unix:///run/user/1000/docker.sock")
HOME_FILE = "/home/li/.config/docker/daemon.json"

FINDS = (
    Example("forgot the brackets around the mirror", stands(config(mirrors_wrong="a text", typo_mirrors=(GOOD,),
            keys=("registry-mirrors",)), probe(GOOD)), "finding", "wrong-type", EDIT),
    Example("wrote registry_mirrors with an underscore", stands(config(typo="registry_mirrors", typo_mirrors=(GOOD,),
            keys=("registry_mirrors",)), probe(GOOD)), "finding", "misspelt", EDIT),
    Example("wrote registry-mirror, like the flag", stands(config(typo="registry-mirror", typo_mirrors=(GOOD,),
            keys=("registry-mirror",)), probe(GOOD)), "finding", "typo", EDIT),
    Example("wrote registry-mirror, and the mirror is dead too", stands(config(typo="registry-mirror",
            typo_mirrors=(BAD,), keys=("registry-mirror",)), probe(BAD, "dns"), *CANDIDATES), "finding", "typo", EDIT),
    Example("left the scheme out", stands(config(("good.example",)), probe(GOOD)), "finding", "bad-address", EDIT),
    Example("pasted the address of a page of the mirror", stands(config((f"{GOOD}/docker/",)), probe(GOOD)),
            "finding", "bad-address", EDIT),
    Example("put user and password into the address", stands(config(("https://li:geheim@good.example",)), *CANDIDATES),
            "finding", "bad-address", EDIT),
    Example("edited daemon.json and did not reload", stands(config((GOOD,)), probe(GOOD)),
            "finding", "not-effective", ONLY),
    Example("added a second mirror and did not reload", stands(config((GOOD, LATE)), probe(GOOD), probe(LATE),
            effective=(GOOD,)), "finding", "not-effective", ONLY),
    Example("edited daemon.json, did not reload, and the mirror hangs", stands(config((BAD,)), probe(BAD, "hangs"),
            *CANDIDATES), "finding", "not-effective", EDIT),
    Example("took a mirror from a post of 2024: it hangs", uses(BAD, answers=(probe(BAD, "hangs", seconds=5.0),
            *CANDIDATES)), "finding", "hangs", EDIT),
    Example("has one mirror that hangs and one that works", uses(BAD, GOOD, answers=(probe(BAD, "hangs"), probe(GOOD))),
            "finding", "hangs", EDIT),
    Example("removed the key, but the Engine keeps the dead mirror until it is told of an empty list",
            stands(config(), probe(BAD, "dns"), effective=(BAD,)), "finding", "dead", EDIT),
    Example("deleted daemon.json, and the Engine keeps the dead mirror", stands(MISSING, probe(BAD, "refused"),
            effective=(BAD,)), "finding", "dead", EDIT),
    Example("has a mirror that answers 502", uses(BAD, answers=(probe(BAD, "broken"),)), "finding", "dead", EDIT),
    Example("has a mirror with a certificate of its own", uses(BAD, answers=(probe(BAD, "tls"),)),
            "finding", "tls", EDIT),
    Example("has the web page of a mirror", uses(BAD, answers=(probe(BAD, "not-a-registry"),)),
            "finding", "not-a-registry", EDIT),
    Example("has a mirror of a cloud that wants a login", uses(BAD, answers=(probe(BAD, "needs-login"),)),
            "finding", "needs-login", EDIT),
    Example("has a mirror that passes hello-world and refuses pgvector", uses(BAD, answers=(PARTIAL, *CANDIDATES)),
            "finding", "not-allowed", EDIT),
    Example("has a dead mirror as a flag of dockerd", stands(config(flags={"registry-mirrors": (BAD,)}),
            probe(BAD, "dns"), effective=(BAD,)), "finding", "dead", ()),
    Example("cannot pull: no mirror, and Docker Hub is out of reach", stands(MISSING, HUB_GONE, *CANDIDATES,
            absent=ABSENT), "finding", "hub-unreachable", EDIT),
    Example("ran docker pull, which timed out", stands(config(failed_pulls=(FAILED,)), HUB_GONE, *CANDIDATES),
            "finding", "hub-unreachable", EDIT),
    Example("ran docker pull of an image of ghcr.io, which timed out", stands(config(failed_pulls=(FAILED_GHCR,)),
            probe(GHCR, "hangs", "registry")), "finding", "other-registry", ()),
    Example("cannot pull, and no mirror was looked for yet", stands(MISSING, HUB_GONE, absent=ABSENT),
            "finding", "hub-unreachable", EDIT),
    Example("cannot pull, and nothing of the list works from here", stands(MISSING, HUB_GONE, probe(GOOD, "dns",
            "candidate"), absent=ABSENT), "finding", "hub-unreachable", EDIT),
    Example("cannot pull through a dead mirror either", uses(BAD, answers=(probe(BAD, "dns"), HUB_GONE, *CANDIDATES),
            absent=ABSENT), "finding", "hub-unreachable", EDIT),
    Example("cannot pull LibreChat: ghcr.io is out of reach", stands(config((GOOD,)), probe(GOOD), probe(GHCR, "hangs",
            "registry"), effective=(GOOD,), absent=("ghcr.io/danny-avila/librechat:v0.7.2",)),
            "finding", "other-registry", ()),
    Example("has a dead mirror on Docker Desktop", stands(DaemonConfig("~/.docker/daemon.json", "unreadable"),
            probe(BAD, "dns"), effective=(BAD,), engine=DESKTOP), "finding", "dead", ()),
    Example("runs stackops in a container, from where dockerd is not seen", stands(config(kind="missing", pid=None),
            probe(BAD, "dns"), effective=(BAD,)), "finding", "dead", ()),
    Example("runs a rootless Engine with a mirror that hangs", uses(BAD, answers=(probe(BAD, "hangs"), *CANDIDATES),
            engine=ROOTLESS), "finding", "hangs", EDIT),
)  # fmt: skip

FINDS += (
    Example(
        "has a dead mirror in a file that the Engine would refuse",
        stands(config((BAD,), unknown=("mirrors-list",)), probe(BAD, "dns"), *CANDIDATES, effective=(BAD,)),
        "finding",
        "dead",
        (),
    ),
)

FINDS_NOT = (
    Example("left a comma behind the last entry of daemon.json", stands(BROKEN), "unknown"),
    Example("wrote insecure-registries without brackets, and mirrors that were not read yet",
            stands(config((GOOD,), refused=("insecure-registries is a text",)), probe(GOOD)),
            "unknown"),
    Example("set the mirror as a flag and in the file", stands(config((GOOD,), flags={"registry-mirrors": (GOOD,)}),
            probe(GOOD), effective=(GOOD,)), "unknown"),
    Example("never touched anything: there is no daemon.json", stands(MISSING), "ok"),
    Example("has a daemon.json without mirrors", stands(config()), "ok"),
    Example("set an empty list", stands(config(())), "ok"),
    Example("has a mirror that works", uses(GOOD, answers=(probe(GOOD),)), "ok"),
    Example("wrote the mirror with a slash at the end, and in capitals", stands(config(("HTTPS://Good.Example/",)),
            probe(GOOD), effective=(GOOD,)), "ok"),
    Example("has two mirrors that work", uses(GOOD, LATE, answers=(probe(GOOD), probe(LATE))), "ok"),
    Example("has a mirror that lacks one image, which costs nothing", uses(GOOD, answers=(probe(GOOD, "missing",
            images=(image(PGVECTOR, "missing", 404),)),)), "ok"),
    Example("has a mirror that works and one that asks for patience", uses(GOOD, LATE, answers=(probe(GOOD),
            probe(LATE, "rate-limited"))), "ok"),
    Example("set the mirror as a flag alone", stands(config(flags={"registry-mirrors": (GOOD,)}), probe(GOOD),
            effective=(GOOD,)), "ok"),
    Example("has images to pull, and Docker Hub answers", stands(MISSING, probe(HUB, "ok", "registry"), absent=ABSENT),
            "ok"),
    Example("has images to pull, Docker Hub is out of reach, and a mirror has them", uses(GOOD, answers=(probe(GOOD),
            HUB_GONE), absent=ABSENT), "ok"),
    Example("had a pull that failed, and Docker Hub answers again", stands(config(failed_pulls=(FAILED,)),
            probe(HUB, "ok", "registry")), "ok"),
    Example("had a pull that failed, and has a mirror since", stands(config((GOOD,), failed_pulls=(FAILED,)),
            probe(GOOD), HUB_GONE, effective=(GOOD,)), "ok"),
    Example("has Docker Hub out of reach and every image here already", stands(MISSING, HUB_GONE), "ok"),
    Example("removed the key, and the Engine keeps a mirror that works", stands(config(), probe(GOOD),
            effective=(GOOD,)), "ok"),
    Example("saved daemon.json with Notepad on a newer Engine", stands(config((), mark=True), engine=NEWER), "ok"),
    Example("emptied daemon.json on a newer Engine", stands(config(blank=True, error="the file is empty", line=1,
            column=1, keys=()), engine=NEWER), "ok"),
    Example("has a mirror with a path, which a newer Engine has taken", stands(config((f"{GOOD}/hub",)),
            probe(f"{GOOD}/hub"), effective=(f"{GOOD}/hub",), engine=NEWER), "ok"),
    Example("has runtimes in the file and as a flag, which is allowed", stands(config((), keys=("runtimes",),
            flags={"runtimes": ("nvidia=x",)})), "ok"),
    Example("works on Docker Desktop without mirrors", stands(DaemonConfig("~/.docker/daemon.json", "unreadable"),
            engine=DESKTOP), "ok"),
    Example("looks at an Engine without mirrors on another machine", stands(None, engine=REMOTE), "ok"),
    Example("looks at an Engine with mirrors on another machine", stands(None, effective=(GOOD,), engine=REMOTE),
            "unknown"),
    Example("asked the only mirror too often", uses(GOOD, answers=(probe(GOOD, "rate-limited"),)), "unknown"),
    Example("looks before the mirrors were asked", uses(GOOD, answers=()), "unknown"),
    Example("looks before the configuration was read", stands(None), "unknown"),
    Example("looks as a user who may not read the file", stands(config(kind="unreadable", keys=(),
            error="permission denied")), "unknown"),
    Example("has a directory where the file should be", stands(config(kind="directory", keys=())), "unknown"),
    Example("looks without any Engine", stands(None, engine=None), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
