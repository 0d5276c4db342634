"""Health checks, and what ``container.unhealthy`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Snapshot

from examples import Example
from examples.container.common import app, finds, health
from examples.snapshots import NOW
from examples.wiring.folder import folder, service

TRACEBACK = 'Traceback (most recent call last):\n  File "<string>", line 1\nurllib.error.HTTPError: HTTP Error 500'

NO_CURL = (
    "OCI runtime exec failed: exec failed: unable to start container process: "
    'exec: "curl": executable file not found in $PATH: unknown'
)
NO_CURL_OLD = (
    "OCI runtime exec failed: exec failed: container_linux.go:370: starting container process caused: "
    'exec: "curl": executable file not found in $PATH: unknown'
)
NO_SHELL = NO_CURL.replace(
    '"curl": executable file not found in $PATH', '"/bin/sh": stat /bin/sh: no such file or directory'
)
"""fact: readur issue 149, DanielWinks/pwrstat_docker issue 9, promptfoo issue 1202: as the Engine kept them"""
ONE_API = service(
    "oneapi", "ghcr.io/songquanpeng/one-api:v0.6.7", health_test="CMD curl -f http://localhost:3000/api/status"
)
OLLAMA = service("ollama", "ollama/ollama:0.3.14", health_test="CMD-SHELL curl -sf http://localhost:11434/ || exit 1")


def ill(*outputs: str, streak: int = 3, code: int = 1, **more: Any) -> Snapshot:
    """Unhealthy, with these outputs."""
    return app(health=health("unhealthy", *outputs, streak=streak, code=code), **more)


FINDS = (
    finds("calls curl in the image of Ollama, and another waits for it", "no-program", folder(OLLAMA, service(
          "webui", "ghcr.io/open-webui/open-webui:main", depends_on=("ollama",), awaits_health=("ollama",)))),
    finds("calls curl there, and nobody waits", "no-program", folder(OLLAMA)),
    finds("says HTTP 500", "unhealthy", ill("HTTP 500")),
    finds("ends its check with a traceback", "unhealthy", ill(TRACEBACK, streak=84)),
    finds("calls curl, which its image lacks", "no-program", ill(NO_CURL, streak=87, code=-1)),
    finds("calls curl, which its image lacks, on an older Engine", "no-program", ill(NO_CURL_OLD, code=-1)),
    finds("calls curl in dash", "no-program", ill("/bin/sh: 1: curl: not found\n")),
    finds("calls curl in busybox", "no-program", ill("/bin/sh: curl: not found\n")),
    finds("calls curl in bash", "no-program", ill("bash: line 1: curl: command not found")),
    finds("calls a script that calls wget", "no-program", ill("/healthcheck.sh: 3: wget: not found", code=127)),
    finds("has no shell", "no-program", ill(NO_SHELL, code=-1)),
    finds("is being started, and its check can never succeed", "no-program",
          app(health=health("starting", NO_CURL, code=-1), started_at=NOW - 40)),
    finds("calls curl in One API's image, which was not started yet", "no-program", folder(ONE_API)),
    finds("calls wget in the image of Qdrant", "no-program", folder(service("qdrant", "qdrant/qdrant",
          health_test="CMD wget --spider http://localhost:6333/readyz"))),
    finds("says that a page was not found", "unhealthy", ill("curl: (22) returned error: 404 not found")),
    finds("says that a file was not found", "unhealthy", ill("cat: /tmp/ready: No such file or directory")),
    finds("tries wget after curl, which it lacks", "unhealthy",
          ill("/bin/sh: curl: not found\nwget: can't connect to remote host (127.0.0.1): Connection refused")),
    finds("has a check that prints nothing", "unhealthy", ill("")),
    finds("has a check that takes too long", "unhealthy", ill("Health check exceeded timeout (3s)")),
    finds("keeps no output", "unhealthy", ill()),
    finds("has failed once, with retries: 1", "unhealthy", ill("no", streak=1)),
    finds("has two different outputs", "unhealthy", ill("connection refused", "HTTP 502")),
    finds("writes escape sequences", "unhealthy", ill("\x1b[31mbad\x1b[0m")),
    finds("is still starting after a quarter of an hour", "slow-start",
          app(health=health("starting", "no"), started_at=NOW - 900)),
    finds("is unhealthy and was started again twice", "unhealthy", ill("no", restart_count=2)),
)  # fmt: skip

FINDS_NOT = (
    Example("has no health check", app(), "not_applicable"),
    Example("calls Ollama itself", folder(replace(OLLAMA, health_test="CMD ollama list")), "not_applicable"),
    Example(
        "tries wget where curl fails, in One API's image",
        folder(replace(ONE_API, health_test="CMD-SHELL curl -f localhost:3000 || wget -q localhost:3000")),
        "not_applicable",
    ),
    Example(
        "asks first whether curl is there",
        folder(replace(ONE_API, health_test="CMD-SHELL command -v curl && curl -f localhost:3000")),
        "not_applicable",
    ),
    Example(
        "calls wget in One API's image",
        folder(replace(ONE_API, health_test="CMD-SHELL wget -q -O - http://localhost:3000/api/status | grep success")),
        "not_applicable",
    ),
    Example("is healthy, though its check lacked a program once", app(health=health("healthy", NO_CURL, code=0)), "ok"),
    Example("calls curl in an image that is built here", folder(replace(OLLAMA, built=True)), "not_applicable"),
    Example(
        "installs curl at the start",
        folder(replace(OLLAMA, entrypoint=("bash", "-c", "apt-get install -y curl && ollama serve"))),
        "not_applicable",
    ),
    Example(
        "calls curl in another image of that name",
        folder(replace(OLLAMA, image="team/ollama-server:1")),
        "not_applicable",
    ),
    Example("has its health check switched off", app(health=health("none")), "not_applicable"),
    Example("is healthy", app(health=health("healthy", "ok", code=0)), "ok"),
    Example("is healthy after it failed once", app(health=health("healthy", "no", streak=1)), "ok"),
    Example("is starting", app(health=health("starting"), started_at=NOW - 20), "ok"),
    Example("is starting and failed twice", app(health=health("starting", "no", "no"), started_at=NOW - 60), "ok"),
    Example("was stopped while it was unhealthy", ill("no", state="exited", exit_code=137), "not_applicable"),
    Example("waits for its next start", ill("no", state="restarting", restart_count=3), "not_applicable"),
    Example("is paused", ill("no", state="paused"), "not_applicable"),
    Example("was only made", ill("no", state="created"), "not_applicable"),
    Example("has not been inspected yet", ill("no", detailed=False), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
