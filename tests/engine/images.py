"""Stand-in images with upstream names, so that the real compose files come up without pulling anything.

One file system of busybox and a few scripts (``standins/``), imported under many names with different start commands.
Everything carries the labels ``stackops.standin`` and ``stackops.test``; a real image of the same name is never
replaced. As a program: ``python tests/engine/images.py`` builds what is missing, ``--remove`` takes it away.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

LABEL = "stackops.standin"
"""On every stand-in, and so on every container of one; the value says what it was made of."""
BUSYBOX = Path("/bin/busybox")
SCRIPTS = Path(__file__).parent / "standins"
MONGO = ('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mongod"]', "WORKDIR /")
LIBRECHAT = ('CMD ["npm","run","backend"]', "WORKDIR /app", "USER node", "ENV HOST=0.0.0.0", "EXPOSE 3080")


def _plain(name: str) -> tuple[str, ...]:
    return ('ENTRYPOINT ["wait-forever"]', f'CMD ["{name}"]')


IMAGES: dict[str, tuple[str, ...]] = {
    "mongo:latest": MONGO,
    "mongo:5.0.18": MONGO,
    "registry.cn-hangzhou.aliyuncs.com/fastgpt/mongo:5.0.18": MONGO,
    "ghcr.io/danny-avila/librechat-dev:latest": LIBRECHAT,
    "ghcr.io/danny-avila/librechat-dev:v0.7.5": (*LIBRECHAT, "ENV STANDIN_RELEASE=v0.7.5"),
    "ghcr.io/danny-avila/librechat-dev:v0.8.7": (*LIBRECHAT, "ENV STANDIN_RELEASE=v0.8.7"),
    "ankane/pgvector:v0.5.0": _plain("postgres"),
    "ankane/pgvector:latest": _plain("postgres"),
    "ghcr.io/labring/fastgpt:latest": _plain("fastgpt"),
    "registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt:v4.6.9": _plain("fastgpt"),
    "mysql:8.0.36": ('ENTRYPOINT ["mysqld"]', "EXPOSE 3306"),
    "ghcr.io/songquanpeng/one-api:latest": ('ENTRYPOINT ["one-api"]', "WORKDIR /data", "EXPOSE 3000"),
    "getmeili/meilisearch:v1.7.3": _plain("meilisearch"),
    "stawky/m3e-large-api:latest": ('ENTRYPOINT ["model-server","m3e"]', "EXPOSE 6008"),
    "registry.cn-hangzhou.aliyuncs.com/coldsnap/m3e-large.openai-api:v2": (
        'ENTRYPOINT ["model-server","guide"]',
        "EXPOSE 8002",
        "ENV NUM_WORKERS=1",
    ),
    "ollama/ollama:0.3.12": ('ENTRYPOINT ["model-server","ollama"]', "EXPOSE 11434", "ENV OLLAMA_HOST=0.0.0.0:11434"),
    "ghcr.io/open-webui/open-webui:v0.3.35": _plain("open-webui"),
    "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest": _plain("rag_api"),
}
"""fact: the image names of FastGPT v4.6.8 and v4.7 and LibreChat v0.7.2 docker-compose.yml"""


class CannotBuild(Exception):
    """Why there are no stand-ins, in one sentence."""


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Run the docker client; its complaint becomes the exception's text."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode().strip()


def build() -> None:
    """Import what is missing or out of date. Raises CannotBuild, also where a real image has the name."""
    if not BUSYBOX.exists():
        raise CannotBuild("there is no /bin/busybox; install busybox-static")
    tree = _tree()
    for name, changes in IMAGES.items():
        stamp = hashlib.sha256(tree + repr(changes).encode()).hexdigest()[:16]
        known = _label_of(name)
        if known == stamp:
            continue
        if known is not None and not known:
            raise CannotBuild(f"a real image {name} is on this machine and is not replaced")
        options = [part for change in (*changes, f"LABEL {LABEL}={stamp} stackops.test=1") for part in ("-c", change)]
        docker("import", *options, "-", name, stdin=tree)


def remove() -> None:
    """Take the stand-ins away, and nothing else."""
    ours = [name for name in IMAGES if _label_of(name)]
    if ours:
        docker("image", "rm", "--force", *ours)


def _label_of(name: str) -> str | None:
    """The stamp of a stand-in, "" for a real image, None for no image."""
    try:
        return docker("image", "inspect", "-f", f'{{{{index .Config.Labels "{LABEL}"}}}}', name)
    except CannotBuild:
        return None


def _tree() -> bytes:
    """The file system as a tar, the same bytes every time."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    names = sorted({*applets} - {"busybox"})
    scripts = {path.name: path.read_bytes() for path in sorted(SCRIPTS.iterdir())}
    passwd = b"root:x:0:0::/root:/bin/sh\nmongodb:x:999:999::/data/db:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n"
    group = b"root:x:0:\nmongodb:x:999:\nnode:x:1000:\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _folders(tar)
        _file(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for name in names:
            if name not in scripts:
                _link(tar, f"bin/{name}", "/bin/busybox")
        for name, content in scripts.items():
            _file(tar, f"usr/local/bin/{name}", content, 0o755)
        _file(tar, "etc/passwd", passwd, 0o644)
        _file(tar, "etc/group", group, 0o644)
    return buffer.getvalue()


def _folders(tar: tarfile.TarFile) -> None:
    for path in ("bin", "etc", "root", "data", "usr", "usr/local", "usr/local/bin", "app", "app/api", "tmp",
                 "data/db", "data/configdb"):  # fmt: skip
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
        info.uid = info.gid = {"data/db": 999, "data/configdb": 999, "app": 1000, "app/api": 1000}.get(path, 0)
        tar.addfile(info)


def _file(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


def _link(tar: tarfile.TarFile, path: str, target: str) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)


if __name__ == "__main__":
    try:
        remove() if "--remove" in sys.argv[1:] else build()
    except CannotBuild as error:
        sys.exit(str(error))
