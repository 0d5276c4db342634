"""Programs that are gone behind what started them, and what ``container.dead-inside`` must say of their containers."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.container.common import app, health

NODEMON = (
    "[nodemon] starting `node api/server/index.js`",
    "error: There was an uncaught error: Cannot set headers after they are sent to the client",
    "[nodemon] app crashed - waiting for file changes before starting...",
)
AGAIN = ("[nodemon] restarting due to changes...", "[nodemon] starting `node api/server/index.js`")
FATAL = (
    "2025-01-10 08:00:01,002 INFO spawned: 'api' with pid 7",
    "2025-01-10 08:00:02,410 WARN exited: api (exit status 1; not expected)",
    "2025-01-10 08:00:03,413 INFO gave up: api entered FATAL state, too many start retries too quickly",
)
ROUND = (
    "2025-01-10 08:00:01,002 INFO spawned: 'web' with pid 7",
    "2025-01-10 08:00:02,004 INFO success: web entered RUNNING state, process has stayed up for > than 1 seconds",
    "2025-01-10 08:00:02,410 WARN exited: web (exit status 1; not expected)",
)
WORKER = ("Process SpawnProcess-3:", "Traceback (most recent call last):", "ValueError: bad pdf")
ILL = {"health": health("unhealthy", streak=3)}
PM2 = 'PM2      | Script /app/index.js had too many unstable restarts (16). Stopped. "errored"'
S6 = "s6-rc: warning: unable to start service app: command exited 1"
UVICORN = (
    "INFO:     Started reloader process [1] using WatchFiles",
    "Process SpawnProcess-1:",
    "ModuleNotFoundError: x",
)
KILLED = "/app/start.sh: line 12:    31 Killed                  python server.py"
WATCH = "Failed running 'server.js'. Waiting for file changes before restarting..."
NPM = ("Error: Cannot find module 'x'", "npm error code 1", "npm error path /app", "npm error command sh -c node .")
RESTART = ("RestartContainer",)


def says(*lines: str, **more: Any) -> Snapshot:
    return app(lines=lines, **{"entrypoint": ("/app/start.sh",), **more})


def finds(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "gone", RESTART)


FINDS = (
    finds("runs backend:dev", says(*NODEMON)),
    finds("has changed a file, and it crashed again", says(*NODEMON, *AGAIN, *NODEMON[1:])),
    finds("has a program that ended well", says("[nodemon] clean exit - waiting for changes before restart")),
    finds("runs node --watch", says(WATCH)),
    finds("runs it under supervisord", says(*FATAL)),
    Example("runs two under supervisord, one of which lives",
            says("INFO success: nginx entered RUNNING state, process has stayed up", *FATAL), "finding", "gone", ()),
    Example("runs a helper under supervisord, and answers its health check", says(*FATAL, health=health("healthy")),
            "finding", "gone", ()),
    finds("runs one under supervisord that came up and ended", says(*ROUND, FATAL[2].replace("api", "web"))),
    finds("runs one that supervisord leaves alone after its end", says(*ROUND)),
    finds("runs it under pm2", says(PM2)),
    finds("runs it under s6", says(S6)),
    finds("runs uvicorn with --reload", says(*UVICORN)),
    finds("runs it behind a start script", says("loading the model", KILLED)),
    finds("runs npm in a script that then waits for ever", says(*NPM)),
    finds("was started again by the Engine long ago", says(*NODEMON, restart_count=2)),
    finds("was started again long ago, and fell ill since", says(*NODEMON, restart_count=2, **ILL)),
    finds("has a traceback behind it", says(UVICORN[1], 'File "/app/main.py", line 3, in <module>', "import x",
                                            UVICORN[2])),
)  # fmt: skip

FINDS_NOT = (
    Example("changed a file since", says(*NODEMON, *AGAIN), "ok"),
    Example("goes round itself", says(*NODEMON, state="restarting", restart_count=9, exit_code=1), "not_applicable"),
    Example("was started again just now", says(*NODEMON, restart_count=2, started_at=1_700_000_000.0 - 60), "ok"),
    Example("was started again by supervisord", says(*FATAL[:2], "INFO success: api entered RUNNING state"), "ok"),
    Example("had one end that supervisord mended", says(*ROUND, *ROUND[:2]), "ok"),
    Example("has a job that supervisord expects to end", says("INFO exited: migrate (exit status 0; expected)"), "ok"),
    Example("had a start script whose child was killed long ago", says(KILLED, "serving", "ready", "GET / 200"), "ok"),
    Example("runs npm in a script that tries again", says(*NPM, "next try in 5 s", "listening on 3000"), "ok"),
    Example("has workers of its own, one of which died", says(*WORKER, entrypoint=("python", "app.py"), **ILL), "ok"),
    Example("has such workers behind a start script, and goes on", says(*WORKER, "INFO: next job", **ILL), "ok"),
    Example("speaks of a crash", says("the app crashed yesterday, says the user"), "ok"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("was stopped", says(*NODEMON, state="exited"), "not_applicable"),
    Example("is paused", says(*NODEMON, state="paused"), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
