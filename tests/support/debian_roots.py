"""File systems of Debian packages as local images, for the tests: the real MariaDB, PostgreSQL, Redis and nginx.

Packages of a suite are downloaded with apt, without touching what is installed here, and unpacked into an empty folder
in the order that does not matter: no maintainer script runs, so nothing is configured and nothing is started. An image
is made once per machine and kept under ``stackops-standin/``; its tag says what it was made of.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "stackops-standin"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TOOLS = ("apt-get", "dpkg-deb", "tar")
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/include")
LIFE = "2"
"""Raised when the way a file system is made changes."""


class CannotBuild(Exception):
    """Why there is no such image, in one sentence."""


class NoPackages(CannotBuild):
    """Debian's packages cannot be had or unpacked on this machine."""


@dataclass(frozen=True)
class Recipe:
    """What a file system is made of."""

    name: str
    suite: str
    packages: tuple[str, ...]
    unneeded: tuple[str, ...] = ()
    """Beginnings of the names of dependencies that are left out: nothing that the tests run needs them."""
    compile: tuple[str, ...] = ()
    """Folders of Python modules that are compiled once, so that not every start of a container does it."""

    @property
    def tag(self) -> str:
        """The local image's name."""
        key = hashlib.sha256(repr((LIFE, self, LEFT_OUT)).encode()).hexdigest()[:12]
        return f"{REPOSITORY}/{self.name}:{key}"


SCRIPTS_ONLY = (
    "adduser", "debconf", "dpkg", "init-system", "libaudit-common", "libc-l10n", "libdb5", "libgdbm", "libio-pty",
    "libipc-run", "libjson-perl", "libpam-", "libperl", "libproc2", "libsemanage", "libsepol",
    "libtext-", "locales", "login", "mawk", "media-types", "netbase", "passwd", "perl", "postgresql-common",
    "procps", "sensible-utils", "ssl-cert", "sysvinit", "tar", "ucf", "openssl-provider",
)  # fmt: skip
"""What only the scripts of packages need, which are never run."""
BOOKWORM = Recipe("mariadb", "bookworm", ("mariadb-server-core", "mariadb-client-core"), SCRIPTS_ONLY)
NGINX = Recipe("nginx", "bookworm", ("nginx-light",), (*SCRIPTS_ONLY, "iproute2", "lsb-base", "libbpf", "libcap2-bin"))
TRIXIE = Recipe(
    "trixie",
    "trixie",
    (
        "postgresql-17", "postgresql-17-pgvector", "redis-server", "tzdata", "python3-minimal",
        "libpython3.13-stdlib", "python3-pymongo", "python3-pymysql", "python3-psycopg2", "python3-redis",
        "python3-ruamel.yaml",
    ),
    (*SCRIPTS_ONLY, "libllvm", "libz3"),  # what compiles queries; it is optional and three times the rest
    ("/usr/lib/python3", "/usr/lib/python3.13"),
)  # fmt: skip


def ensure(recipe: Recipe) -> str:
    """The image's name, made now if it is not there. Raises CannotBuild."""
    if _docker("image", "inspect", "-f", "{{.Id}}", recipe.tag, check=False):
        return recipe.tag
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or not KEYRING.exists():
        what = f"{', '.join(missing)} is" if missing else f"{KEYRING} is"
        raise NoPackages(f"{what} not on this machine, so Debian's packages cannot be unpacked")
    with tempfile.TemporaryDirectory(prefix="stackops-root-") as name:
        folder = Path(name)
        root = _unpacked(_downloaded(recipe, folder), folder)
        _imported(root, recipe)
    forget_others(recipe.name, recipe.tag)
    return recipe.tag


def forget_others(name: str, tag: str) -> None:
    """Remove older images of the same kind; one that something still needs stays."""
    listed = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{REPOSITORY}/{name}", check=False)
    for other in listed.split():
        if other != tag:
            _docker("image", "rm", other, check=False)


def _mirror() -> str:
    """Where this machine's own packages come from, for a mirror near it may be all that it reaches."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    found = [site for site in sites if "security" not in site]
    if not found:
        raise NoPackages("apt names no mirror of Debian on this machine")
    return found[0]


def _downloaded(recipe: Recipe, folder: Path) -> list[Path]:
    """The packages and what they depend on, seen from a machine on which nothing is installed."""
    for part in ("lists/partial", "cache/archives/partial", "debs"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {recipe.suite} main\n")
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-qq", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    _run([*apt, "update"])
    listed = _run([*apt, "install", "--yes", "--print-uris", *recipe.packages]).stdout.decode()
    names = {line.split()[1].partition("_")[0] for line in listed.splitlines() if line.startswith("'")}
    wanted = sorted(name for name in names if name in recipe.packages or not name.startswith(recipe.unneeded))
    _run([*apt, "download", *wanted], cwd=folder / "debs")
    return sorted((folder / "debs").glob("*.deb"))


def _unpacked(packages: list[Path], folder: Path) -> Path:
    root = folder / "root"
    for name in ("usr/lib", "usr/lib64", "usr/bin", "usr/sbin"):
        (root / name).mkdir(parents=True)
    for name in ("lib", "lib64"):  # bin is left to busybox
        (root / name).symlink_to(f"usr/{name}")
    skip = [f"--exclude=./{name}" for name in LEFT_OUT]
    for package in packages:
        content = _run(["dpkg-deb", "--fsys-tarfile", str(package)]).stdout
        _run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(root), *skip], stdin=content)
    return root


def _imported(root: Path, recipe: Recipe) -> None:
    packed = subprocess.Popen(["tar", "-c", "-C", str(root), "."], stdout=subprocess.PIPE)
    label = f"LABEL {REPOSITORY}.base={recipe.name} stackops.test=1"
    command = ["docker", "import", "-c", label, "-", recipe.tag]
    done = subprocess.run(command, stdin=packed.stdout, capture_output=True, text=True, check=False)
    if packed.wait() or done.returncode:
        raise CannotBuild(f"docker import {recipe.tag}: {done.stderr.strip()}")
    if recipe.compile:
        _compiled(recipe)


def _compiled(recipe: Recipe) -> None:
    command = ["/usr/bin/python3", "-m", "compileall", "-q", *recipe.compile]
    container = _docker("create", "--network", "none", "--label", "stackops.test=1", recipe.tag, *command)
    try:
        _docker("start", "--attach", container, check=False)  # a module for another platform may not compile
        _docker("commit", "-c", "CMD []", container, recipe.tag)
    finally:
        _docker("rm", "--force", container, check=False)


def _docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise CannotBuild(f"docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(
    command: list[str], *, cwd: Path | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise NoPackages(f"{Path(command[0]).name}: {words[-1]}")
    return done
