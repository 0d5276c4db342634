"""Starts that failed, and what ``container.not-started`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.container.common import app, finds

TAKEN = (
    "driver failed programming external connectivity on endpoint app (f00d): Bind for 0.0.0.0:3080 failed: "
    "port is already allocated"
)
IN_USE = (
    "driver failed programming external connectivity on endpoint app (f00d): Error starting userland proxy: "
    "listen tcp4 127.0.0.1:8081: bind: address already in use"
)
MOUNT = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: error during container init: error mounting "/srv/nginx.conf" to rootfs at '
    '"/etc/nginx/nginx.conf": mount src=/srv/nginx.conf, dst=/etc/nginx/nginx.conf: not a directory: unknown'
)


HELD = ((3080, "tcp", "librechat"), (8081, "udp", "resolver"), (443, "tcp", "page"))


def refused(error: str, **more: Any) -> Snapshot:
    """Made and not started."""
    return app(state="created", error=error, exit_code=128, started_at=None, **more)


FINDS = (
    finds("has a port that another container publishes", "port-taken", refused(TAKEN, port_holders=HELD)),
    finds("has a port that somebody else holds", "port-taken", refused(IN_USE)),
    finds("has a port on IPv6", "port-taken", refused("listen tcp6 [::]:8080: bind: address already in use")),
    finds("has a file where a folder is", "refused", refused(MOUNT)),
    finds("has a program that is not in the image", "refused", refused('exec: "serve": executable file not found in '
          "$PATH: unknown")),
    finds("asks for a GPU that Docker cannot give", "refused", refused('could not select device driver "nvidia" with '
          "capabilities: [[gpu]]")),
    finds("has a folder that is not there", "refused", refused("error while mounting volume '/x': no such file or "
          "directory")),
    finds("ended and could not be started again after a reboot", "port-taken", app(state="exited", exit_code=128,
          error=TAKEN)),
    finds("gets a reason of which nobody has heard", "refused", refused("the flux capacitor is empty")),
    finds("has a network that is gone", "refused", refused("network 0123abcd not found")),
)  # fmt: skip

FINDS_NOT = (
    Example("was made and not started yet", app(state="created", started_at=None), "ok"),
    *(
        Example(name, snapshot, "not_applicable")
        for name, snapshot in (
            ("runs", app()),
            ("ended by itself", app(state="exited", exit_code=1)),
            ("runs, with the reason of a start before", app(error=TAKEN)),
            ("is paused", app(state="paused", error=TAKEN)),
            ("waits for its next start", app(state="restarting", restart_count=4, error=TAKEN)),
            ("is being removed", app(state="removing", error=TAKEN)),
            ("has not been inspected yet", refused(TAKEN, detailed=False)),
            ("lies stopped by somebody", app(state="exited", exit_code=137)),
            ("ended well", app(state="exited", exit_code=0, restart_policy="no")),
        )
    ),
)

EXAMPLES = FINDS + FINDS_NOT
