"""A single file is to be mounted, and there is a directory in its place, or nothing yet; or a file, for a folder.

What it does
    Looks at every bind mount whose path in the container is that of a file by its name (`nginx.conf`, `config.yaml`,
    `init.sql`, `.env`), and at what lies on this machine: a directory, or nothing. The key file of a MongoDB and the
    configuration of LibreChat and FastGPT have checks of their own. The other way round: a file of this machine at a
    path that is a folder in the image, such as a database's data (`/var/lib/mysql`) or `/etc/nginx/conf.d`.

Why it matters
    Docker makes an empty directory of a source that does not exist, as root, and says nothing. Where the image has a
    file at that path the container cannot start ("not a directory"); elsewhere the program finds a directory in place
    of its settings. It stays when the file is put somewhere else, and a restart does not help.

Fix
    Explained: only you have the file. The directory that Docker made goes with `rmdir`, which removes nothing that
    holds something. The service is then made anew: its old container was made for a directory. Where just that is left
    to do, one key does it.

Sources
    Docker's manual, "Bind mounts": -v makes a directory of a source that does not exist; runc's "not a directory: Are
    you trying to mount a directory onto a file (or vice-versa)?".
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.model import FileFact, Mount, Volume
from ...console.products.librechat.reading import WRITTEN
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual, repair
from ..compose import Placed
from ..librechat.process import api_of
from ..mongo.start import key_files
from ..oneapi.restart import TARGET
from ..subjects import fact_of, file_evidence

DIRECTORY = Form(
    "directory",
    "{source} is a directory, {service} needs a file there",
    "The file did not exist when the service was first started, so Docker made a directory of its name",
    "put the file in the place of the directory, then make the service anew",
)
MISSING = Form(
    "missing",
    "{source} does not exist, and {service} needs that file",
    "Docker makes a directory of a missing source when the service is started, or does not start it",
    "put the file there before the service is started",
)
MADE_ON_DIRECTORY = Form(
    "made-on-directory",
    "{source} is a file now, but the container of {service} was made on a directory",
    "The container keeps what it was made with, so that it cannot be started any more",
    "recreate the service",
)
OF_ITS_IMAGE = replace(
    MADE_ON_DIRECTORY,
    variant="image",
    title="{source} is a file, but the container of {service} cannot be started with it",
    because="It was made on a directory, or its image has a directory at {target}",
    fix="recreate the service; where that fails too, mount the file at another path",
)
"""The file is older than the container: that the container was made on a directory is not told by it."""
FILE_FOR_FOLDER = Form(
    "file-for-folder",
    "{source} is a file, {service} needs a folder there",
    "{target} is a folder in the image: Docker starts no container that mounts a file onto a folder",
    "mount a folder there, or the file at a path inside of it",
)
FOLDERS = frozenset({
    "/app/images", "/app/public/images", "/bitnami/mongodb", "/bitnami/mysql", "/bitnami/postgresql", "/bitnami/redis",
    "/data/configdb", "/data/db", "/docker-entrypoint-initdb.d", "/etc/mysql", "/etc/nginx", "/meili_data",
    "/qdrant/storage", "/root/.cache", "/root/.cache/huggingface", "/root/.ollama", "/usr/share/nginx/html",
    "/usr/share/elasticsearch/data", "/var/lib/clickhouse", "/var/lib/milvus", "/var/lib/mysql", "/var/lib/postgresql",
    "/var/lib/postgresql/data", "/var/lib/redis", "/var/lib/weaviate", "/var/log/nginx", *WRITTEN,
})  # fmt: skip
"""Paths that are folders in the images of the field, as is whatever ends with ``.d``."""
FOLDERS_TOO = (".db", ".js", ".log", ".mjs", ".py")
"""Endings that folders have as well: sources of a program, a database of several files."""
NO_FILE = {"directory": DIRECTORY, "missing": MISSING}


@dataclass(frozen=True)
class FileMount:
    """A mount that is to bring one file."""

    place: Placed
    mount: Mount | Volume
    fact: FileFact


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service with a single file among its mounts that could be looked at."""
    owned = set(_owned(snapshot))
    # on Docker Desktop the Engine's machine is another one than that whose files are read
    elsewhere = "Docker Desktop" in ((snapshot.engine.os if snapshot.engine else None) or "")
    for place in compose.everybody(snapshot):
        if place.container is None and place.broken_file:
            continue  # Compose starts nothing of this
        mounts = [each for each in _files_of(place, snapshot) if (place.subject, _path(each)) not in owned]
        bad = [(form, each) for each in mounts if (form := _form(each)) and not (elsewhere and form is MISSING)]
        yield from (_case(form, each) for form, each in bad)
        if mounts and not bad and all(each.fact.kind == "file" for each in mounts):
            yield Fine(
                place.subject, _("Every file that {place} is given is a file on this machine", place=place.subject)
            )


def _owned(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Files of which a check of their own tells: who has them, and where."""
    for place, _rest, key in key_files(snapshot):
        yield place.subject, posixpath.normpath(key.mount.target) if key else ""
    for place in compose.placed(snapshot, "librechat"):
        yield place.subject, api_of(place, snapshot).config_path[1]
    for place in compose.placed(snapshot, "fastgpt"):
        yield place.subject, TARGET


def _files_of(place: Placed, snapshot: Snapshot) -> Iterator[FileMount]:
    """Its mounts of which a file is expected: but for LibreChat's folders, nothing else that is no file has a fact."""
    for mount in place.mounts:
        fact = fact_of(snapshot, mount.source) if mount.kind == "bind" else None
        if fact is not None and (mount.target not in WRITTEN or fact.kind == "file"):
            yield FileMount(place, mount, fact)


def _path(each: FileMount) -> str:
    return posixpath.normpath(each.mount.target)


def _form(each: FileMount) -> Form | None:
    container, fact = each.place.container, each.fact
    error = (container.error if container else None) or ""
    refused = "not a directory" in error and f'"{each.mount.source}"' in error
    settled = container is not None and container.alive and not container.restart_count
    if fact.kind == "file" and (_path(each) in FOLDERS or _path(each).endswith(".d")):
        return None if settled else FILE_FOR_FOLDER
    if fact.kind == "file":
        newer = container is not None and (fact.mtime or 0.0) > (container.created_at or 0.0)
        return None if not refused else MADE_ON_DIRECTORY if newer else OF_ITS_IMAGE
    if fact.kind == "directory" and fact.empty is False and not refused:
        # somebody filled it: on purpose, as far as can be told, where the program runs with it or it may be a folder
        return None if settled or posixpath.splitext(_path(each))[1] in FOLDERS_TOO else DIRECTORY
    return NO_FILE.get(fact.kind)


def _case(form: Form, each: FileMount) -> Case[FileMount]:
    place, container = each.place, each.place.container
    rows = (
        *file_evidence(each.fact, each.mount.source),
        Evidence(_("mounted at"), each.mount.target, place.source),
        *((Evidence(_("the Engine says"), container.error, place.source),) if container and container.error else ()),
    )
    runs = form is MISSING and container is not None and container.alive
    words = {"source": each.mount.source, "service": place.service or place.subject, "target": each.mount.target}
    severity = "warning" if runs else compose.severity_of(container, "error")
    return Case(place.subject, form, each, rows, words, severity, about=each.mount.source)


def plan(case: Case[FileMount], _answers: Answers) -> Plan:
    """Where the file goes; a container that was made on the directory is made anew."""
    each, place = case.facts, case.facts.place
    up = compose.bring_up(place, force=True)
    if case.form is MADE_ON_DIRECTORY and up:
        return repair(up, says=(compose.NO_PULL,), restarts=(case.subject,), lock=place.directory, settle=5.0)
    path, says = shlex.quote(each.mount.source), []
    if case.form is FILE_FOR_FOLDER:
        says.append(
            _("Write a folder in the place of {source}, or a path below {target} behind it.",
              source=each.mount.source, target=each.mount.target)
        )  # fmt: skip
    if case.form is DIRECTORY and each.fact.empty is not True:
        says.append(_("See what is in it, which is not deleted: sudo ls -la {path}. Then move it away.", path=path))
    elif case.form is DIRECTORY:
        says.append(
            _("Remove the empty directory: sudo rmdir {path} (stop {case} first where it runs)", path=path,
              case=case.subject)
        )  # fmt: skip
    if case.form.id == MADE_ON_DIRECTORY.id:
        says.append(
            _("Where the image itself has a directory at {target}, mount the file inside of it.",
              target=each.mount.target)
        )  # fmt: skip
    elif case.form is not FILE_FOR_FOLDER:
        says.append(
            _("Put the file for {target} there: {path}. Only you have it; a guide names its source.",
              target=each.mount.target, path=path)
        )  # fmt: skip
    again = f"docker compose up -d --force-recreate {place.service}" if place.service else _("make the container anew")
    return manual(*says, _("Then: {again}; a restart is not enough.", again=again))


CHECK = Check(
    "docker.bind-directory", "Every file that is mounted is a file", __doc__ or "",
    (DIRECTORY, MISSING, MADE_ON_DIRECTORY, OF_ITS_IMAGE, FILE_FOR_FOLDER), find, plan,
    reads=("engine", "containers", "projects", "services", "files", "mongod_configs"),
)  # fmt: skip
