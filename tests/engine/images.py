"""Stand-in images with upstream names, so that the real compose files come up without pulling anything.

Five file systems, each made once per machine and kept under ``stackops-standin/``: busybox with a few scripts
(``standins/``), this interpreter with a mongod and a LibreChat (``standins_python/``), and three of Debian packages
with the real MariaDB, PostgreSQL and Redis (``standins_debian/``), and nginx, which is only made where a test puts it.
An upstream name is one of them with a start command of its own, which costs a tenth of a second; the names are taken
away after a run, the file systems stay.
Everything carries the labels ``stackops.standin`` and ``stackops.test``. A real image that has such a name is kept
under another one meanwhile (``stackops-kept/``) and has its own back after the run, or after the next one where this
one was killed.
As a program: ``PYTHONPATH=tests python tests/engine/images.py`` builds what is missing, ``--remove`` takes it all away.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import debian_roots, python_root
from support.debian_roots import REPOSITORY, CannotBuild, NoPackages, forget_others

HERE = Path(__file__).resolve().parent
KEPT = "stackops-kept"
"""Where real images wait: their name, which may hold a registry and a port, stands in hexadecimal digits."""
LABEL = "stackops.standin"
"""On every stand-in, and so on every container of one; the value says what it was made of."""
BUSYBOX = Path("/bin/busybox")
ALIASES = {"node": "fetch", "bun": "fetch", "python": "fetch"}
"""Programs of health checks, in images in which nothing else needs them."""
PATH = "/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ACCOUNTS = {"root": 0, "mongodb": 999, "mysql": 999, "postgres": 999, "redis": 999, "node": 1000}
"""fact: the ids of the official images; which name has 999 differs from one to the next."""


@dataclass(frozen=True)
class Image:
    """What stands behind an upstream name."""

    base: str
    """``busybox``, ``python``, ``mariadb``, ``trixie`` or ``nginx``."""
    changes: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    """Besides those of its base: absolute path -> text."""


def plain(name: str) -> Image:
    """A service whose start is all that matters."""
    return Image("busybox", ('ENTRYPOINT ["wait-forever"]', f'CMD ["{name}"]'))


def served(port: int, *paths: str) -> Image:
    """A service that answers its own health check and nothing else."""
    words = json.dumps([str(port), *paths])
    return Image("busybox", ('ENTRYPOINT ["serve"]', f"CMD {words}", f"EXPOSE {port}"))


def model_server(kind: str, *changes: str) -> Image:
    """A small model server of one of the kinds that ``standins/model-server`` knows."""
    return Image("busybox", (f'ENTRYPOINT ["model-server","{kind}"]', "CMD []", *changes))


def mongo(version: str) -> Image:
    """A mongod that speaks its protocol."""
    start = ('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mongod"]', "WORKDIR /", f"ENV STANDIN_VERSION={version}")
    return Image("python", start)


def librechat(release: str, api: bool = False) -> Image:
    """A release of LibreChat; ``api`` for an image whose name ends so. fact: librechat-stack 2.2"""
    command = 'CMD ["node","server/index.js"]' if api else 'CMD ["npm","run","backend"]'
    folder = "/app/api" if api else "/app"
    package = json.dumps({"name": "LibreChat", "version": release}, indent=2)
    return Image(
        "python", (command, f"WORKDIR {folder}", "USER node", "ENV HOST=0.0.0.0", "EXPOSE 3080"),
        {"/app/package.json": package},
    )  # fmt: skip


def fastgpt(release: str) -> Image:
    """A release of FastGPT."""
    return Image("trixie", ('ENTRYPOINT ["fastgpt"]', "CMD []", "EXPOSE 3000", f"ENV STANDIN_RELEASE={release}"))


KEY_FILE_ONLY = Image("busybox", ('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mongod"]', "WORKDIR /"))
"""A mongod that judges its key file and waits: starts at once."""
POSTGRES = Image(
    "trixie",
    ('ENTRYPOINT ["postgres-entrypoint"]', 'CMD ["postgres"]', "EXPOSE 5432", "WORKDIR /",
     "ENV PGDATA=/var/lib/postgresql/data"),
)  # fmt: skip
MYSQL = Image(
    "mariadb", ('ENTRYPOINT ["mysql-entrypoint"]', 'CMD ["mysqld"]', "EXPOSE 3306", "ENV MYSQL_VERSION=8.0.36-1.el8")
)
REDIS = Image("trixie", ('ENTRYPOINT ["redis-entrypoint"]', 'CMD ["redis-server"]', "WORKDIR /data", "EXPOSE 6379"))
ONE_API = Image("trixie", ('ENTRYPOINT ["one-api"]', "CMD []", "WORKDIR /data", "EXPOSE 3000"))
AIPROXY = Image("trixie", ('ENTRYPOINT ["aiproxy"]', "CMD []", "EXPOSE 3000"))
RAG_API = Image("trixie", ('ENTRYPOINT ["rag_api"]', "CMD []"))
NGINX = Image(
    "nginx", ('ENTRYPOINT ["nginx"]', 'CMD ["-g","daemon off;"]', "EXPOSE 80"),
    {"/etc/nginx/nginx.conf": "user root;\nerror_log /dev/stderr notice;\npid /run/nginx.pid;\nevents {}\n"
     "http {\n  access_log off;\n  include /etc/nginx/conf.d/*.conf;\n}\n"},
)  # fmt: skip
"""fact: docker-library/nginx: it runs in the foreground, says its errors on standard error, and includes conf.d"""
MINIO = Image("busybox", ('ENTRYPOINT ["minio"]', "CMD []", "EXPOSE 9000"))
ALIYUN = "registry.cn-hangzhou.aliyuncs.com/fastgpt"
LABRING = "ghcr.io/labring"
DANNY = "danny-avila"
IMAGES: dict[str, Image] = {
    "mongo:latest": mongo("8.0.20"),
    "mongo:5.0.18": KEY_FILE_ONLY,
    f"{ALIYUN}/mongo:5.0.18": mongo("5.0.18"),
    "mongo:5.0.32": mongo("5.0.32"),
    "mongo:8.0.17": mongo("8.0.17"),
    "mongo:8.0.20": mongo("8.0.20"),
    f"ghcr.io/{DANNY}/librechat-dev:latest": librechat("v0.7.2"),
    f"ghcr.io/{DANNY}/librechat-dev:v0.7.5": librechat("v0.7.5"),
    f"ghcr.io/{DANNY}/librechat-dev:v0.8.2": librechat("v0.8.2"),
    f"ghcr.io/{DANNY}/librechat-dev:v0.8.7": librechat("v0.8.7"),
    f"registry.librechat.ai/{DANNY}/librechat-dev:latest": librechat("v0.8.7"),
    "registry.librechat.ai/clickhouse/librechat-admin-panel:latest": served(3000, "/index.html"),
    f"ghcr.io/{DANNY}/librechat-rag-api-dev-lite:latest": RAG_API,
    f"registry.librechat.ai/{DANNY}/librechat-rag-api-dev-lite:latest": RAG_API,
    **{f"getmeili/meilisearch:{tag}": served(7700, "/health") for tag in ("v1.7.3", "v1.12.3", "v1.35.1")},
    **{f"ankane/pgvector:{tag}": POSTGRES for tag in ("v0.5.0", "latest")},
    **{f"pgvector/pgvector:{tag}": POSTGRES for tag in ("0.7.0-pg15", "0.8.0-pg15", "0.8.0-pg15-trixie")},
    "redis:7.2-alpine": REDIS,
    "mysql:8.0.36": MYSQL,
    "ghcr.io/songquanpeng/one-api:latest": ONE_API,
    "ghcr.io/songquanpeng/one-api:v0.6.7": ONE_API,
    **{f"{LABRING}/aiproxy:{tag}": AIPROXY for tag in ("v0.1.7", "v0.3.5", "v0.6.5")},
    f"{LABRING}/fastgpt:latest": fastgpt("v4.6.8"),
    f"{ALIYUN}/fastgpt:v4.6.9": fastgpt("v4.6.9"),
    **{f"{LABRING}/fastgpt:{tag}": fastgpt(tag) for tag in ("v4.8.19", "v4.8.20", "v4.9.14", "v4.14.10", "v4.15.8")},
    **{f"{LABRING}/fastgpt-sandbox:{tag}": served(3000, "/health") for tag in ("v4.8.20", "v4.9.14")},
    **{f"{LABRING}/fastgpt-code-sandbox:{tag}": served(3000, "/health") for tag in ("v4.14.10", "v4.15.7")},
    **{f"{LABRING}/fastgpt-mcp_server:{tag}": served(3000, "/health") for tag in ("v4.9.14", "v4.14.10", "v4.14.23")},
    **{f"{LABRING}/fastgpt-plugin:{tag}": served(3000, "/health") for tag in ("v0.5.6", "v1.0.3")},
    **{f"{LABRING}/fastgpt-agent-volume-manager:{tag}": served(3000, "/health") for tag in ("v0.1", "v0.2.0")},
    f"{LABRING}/fastgpt-agent-sandbox-proxy:v0.2.0": served(1006, "/health"),
    f"{ALIYUN}/opensandbox-server:v0.1.9": served(8090, "/health"),
    "opensandbox/server:v0.2.0": served(8090, "/health"),
    "minio/minio:RELEASE.2025-09-07T16-13-09Z": MINIO,
    "stawky/m3e-large-api:latest": model_server("m3e", "EXPOSE 6008"),
    "registry.cn-hangzhou.aliyuncs.com/coldsnap/m3e-large.openai-api:v2": model_server(
        "guide", "EXPOSE 8002", "ENV NUM_WORKERS=1"
    ),
    "ollama/ollama:0.3.12": model_server("ollama", "EXPOSE 11434", "ENV OLLAMA_HOST=0.0.0.0:11434"),
    "ghcr.io/open-webui/open-webui:v0.3.35": plain("open-webui"),
}  # fmt: skip
"""fact: the image names of FastGPT v4.6.8 to v4.15 and LibreChat v0.7.2 to v0.8.7 docker-compose.yml"""

SCRIPTS = {
    "busybox": ("standins",),
    "python": ("standins", "standins_python"),
    "mariadb": ("standins", "standins_debian"),
    "trixie": ("standins", "standins_debian"),
    "nginx": ("standins",),
}
"""Folders whose programs a base has; of two of the same name the later counts."""
SUPPORT = {
    "python": ("mongod*.py", "librechat_schema.py", "librechat_server.py"),
    "trixie": ("oneapi_server.py",),
}
"""Modules of ``tests/support`` that its programs import."""
VECTORS = HERE.parent / "data" / "librechat" / "validation-vectors.json"


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Run the docker client; its complaint becomes the exception's text."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode().strip()


def build(names: Iterable[str] = ()) -> dict[str, str]:
    """Make what is missing or out of date of these names, else of all.

    Returns why a base could not be made, by its name: what would stand on it is a container that only waits, which is
    enough for the tests of its neighbours. Raises CannotBuild where nothing can be made.
    """
    failed: dict[str, str] = {}
    with _alone():
        for base, wanted in _by_base(tuple(names) or tuple(IMAGES)).items():
            try:
                _name_all(_base(base), wanted)
            except NoPackages as error:
                failed[base] = str(error)
                _name_all(_base("busybox"), {name: plain(name.split("/")[-1]) for name in wanted})
    return failed


@contextmanager
def _alone() -> Iterator[None]:
    """Two workers want the same file systems at the same time: one makes them, the other finds them made."""
    with (Path(tempfile.gettempdir()) / "stackops-standins.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def put(name: str, image: Image) -> None:
    """Let something else stand behind a name for a while; ``build`` puts it back."""
    with _alone():
        _name_all(_base(image.base), {name: image})


def remove(*, everything: bool = False) -> None:
    """Give the upstream names back or away; ``everything``: and the file systems, which take long to make."""
    shown = ("--format", "{{.Repository}}:{{.Tag}}")
    listed = docker("image", "ls", "--filter", f"label={LABEL}", *shown).split()
    bases = docker("image", "ls", *shown, f"{REPOSITORY}/*").split()
    for names in ([name for name in listed if name in IMAGES], bases if everything else []):
        if names:
            subprocess.run(["docker", "image", "rm", "--force", *names], capture_output=True, check=False)
    subprocess.run(
        ["docker", "image", "prune", "--force", "--filter", f"label={LABEL}"], capture_output=True, check=False
    )
    for kept in docker("image", "ls", *shown, f"{KEPT}/*").split():
        give_back(bytes.fromhex(kept.removeprefix(f"{KEPT}/").partition(":")[0]).decode())


def keep(name: str) -> None:
    """Give the real image of this name another one, so that a stand-in can have its own."""
    docker("tag", name, f"{KEPT}/{name.encode().hex()}:latest")


def give_back(name: str) -> None:
    """The real image of this name has it again."""
    kept = f"{KEPT}/{name.encode().hex()}:latest"
    docker("tag", kept, name)
    docker("image", "rm", kept)


def _by_base(names: Iterable[str]) -> dict[str, dict[str, Image]]:
    found: dict[str, dict[str, Image]] = {}
    for name in names:
        found.setdefault(IMAGES[name].base, {})[name] = IMAGES[name]
    return found


def _name_all(base: str, wanted: dict[str, Image]) -> None:
    stale = {name: image for name, image in wanted.items() if _label_of(name) != _stamp(base, image)}
    for files in {tuple(image.files.items()) for image in stale.values()}:
        container = docker("create", "--label", "stackops.test=1", "--network", "none", base, "true")
        try:
            if files:
                docker(
                    "cp", "-", f"{container}:/", stdin=_tar({path.lstrip("/"): text.encode() for path, text in files})
                )
            for name, image in stale.items():
                if tuple(image.files.items()) == files:
                    _name(container, name, image, _stamp(base, image))
        finally:
            docker("rm", "--force", container)


def _name(container: str, name: str, image: Image, stamp: str) -> None:
    if _label_of(name) == "":
        keep(name)
    changes = (*image.changes, f"LABEL {LABEL}={stamp} stackops.test=1")
    docker("commit", "--pause=false", *(part for change in changes for part in ("-c", change)), container, name)


def _stamp(base: str, image: Image) -> str:
    return hashlib.sha256(f"{base}{image}".encode()).hexdigest()[:16]


def _label_of(name: str) -> str | None:
    """The stamp of a stand-in, "" for a real image, None for no image."""
    try:
        return docker("image", "inspect", "-f", f'{{{{index .Config.Labels "{LABEL}"}}}}', name)
    except CannotBuild:
        return None


def _base(base: str) -> str:
    """A file system with its programs, as a local image."""
    if not BUSYBOX.exists():
        raise CannotBuild("there is no /bin/busybox; install busybox-static")
    programs = _programs(base)
    below = {
        "mariadb": debian_roots.BOOKWORM, "trixie": debian_roots.TRIXIE, "nginx": debian_roots.NGINX,
    }.get(base)  # fmt: skip
    under = debian_roots.ensure(below) if below else python_root.ensure() if base == "python" else ""
    key = hashlib.sha256(programs + f"{under}{PATH}".encode()).hexdigest()[:12]
    tag = f"{REPOSITORY}/with-programs-{base}:{key}"
    if _label_of(tag) is not None:
        return tag
    if under:
        container = docker("create", "--label", "stackops.test=1", "--network", "none", under, "true")
        try:
            docker("cp", "--archive", "-", f"{container}:/", stdin=programs)
            changes = ("CMD []", f"ENV PATH={PATH}", f"LABEL {LABEL}=base stackops.test=1")
            docker("commit", "--pause=false", *(part for change in changes for part in ("-c", change)), container, tag)
        finally:
            docker("rm", "--force", container)
    else:
        docker("import", "-c", f"LABEL {LABEL}=base stackops.test=1", "-", tag, stdin=programs)
    forget_others(f"with-programs-{base}", tag)
    return tag


def _programs(base: str) -> bytes:
    """busybox, the base's own programs and what they import, as a tar: the same bytes every time."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    scripts = {path.name: path.read_bytes() for folder in SCRIPTS[base] for path in sorted((HERE / folder).iterdir())}
    files = {"bin/busybox": BUSYBOX.read_bytes(), **{f"usr/local/bin/{name}": text for name, text in scripts.items()}}
    for pattern in SUPPORT.get(base, ()):
        files |= {f"standin/support/{p.name}": p.read_bytes() for p in sorted((HERE.parent / "support").glob(pattern))}
    if base == "python":
        files["standin/data/validation-vectors.json"] = VECTORS.read_bytes()
    files["etc/passwd"] = "".join(f"{n}:x:{i}:{i}::/tmp:/bin/sh\n" for n, i in ACCOUNTS.items()).encode()
    files["etc/group"] = "".join(f"{n}:x:{i}:\n" for n, i in ACCOUNTS.items()).encode()
    files["etc/nsswitch.conf"] = b"hosts: files dns\n"
    links = {f"bin/{name}": "/bin/busybox" for name in {*applets} - {"busybox"} - {*scripts}}
    links["var/run"] = "/run"
    links |= {f"usr/local/bin/{name}": target for name, target in ALIASES.items() if name not in scripts}
    return _tar(files, links)


OWNED = {"data/db": 999, "data/configdb": 999, "app": 1000, "app/api": 1000}
FOLDERS = ("bin", "etc", "root", "data", "usr", "usr/local", "usr/local/bin", "app", "app/api", "tmp", "data/db",
           "data/configdb", "run", "standin", "standin/support", "standin/data", "var", "var/lib")  # fmt: skip


def _tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """``links``: a whole file system with its folders; None: a few files, into folders that are there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in FOLDERS if links is not None else ():
            info = tarfile.TarInfo(path)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
            info.uid = info.gid = OWNED.get(path, 0)
            tar.addfile(info)
        for path, content in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755 if "/bin/" in f"/{path}" else 0o644
            tar.addfile(info, io.BytesIO(content))
        for path, target in sorted((links or {}).items()):
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


if __name__ == "__main__":
    try:
        if "--remove" in sys.argv[1:]:
            remove(everything=True)
        else:
            for name, reason in build().items():
                sys.stderr.write(f"{name}: {reason}\n")
    except CannotBuild as error:
        sys.exit(str(error))
