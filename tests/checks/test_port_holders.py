"""Of which container it is said that it has the port which another one could not get."""

from __future__ import annotations

import pytest
from examples.container.not_started import refused
from stackops.checks.container.not_started import CHECK
from stackops.console.settings import Settings

HELD = ((80, "tcp", "page"), (443, "tcp", "shop"), (443, "udp", "quic"), (80, "tcp", "again"))


@pytest.mark.parametrize(
    ("error", "holder"),
    [
        ("Bind for 0.0.0.0:80 failed: port is already allocated", "again and page"),
        ("listen udp4 0.0.0.0:443: bind: address already in use", "quic"),
        ("listen tcp4 0.0.0.0:443: bind: address already in use", "shop"),
        ("Ports are not available: exposing port TCP 0.0.0.0:443 -> 127.0.0.1:0: listen tcp 0.0.0.0:443: bind", "shop"),
        ("listen udp4 0.0.0.0:80: bind: address already in use", "somebody else"),
        ("Bind for 0.0.0.0:81 failed: port is already allocated", "somebody else"),
    ],
)
def test_only_who_has_the_refused_port_is_named(error: str, holder: str) -> None:
    (found,) = CHECK.examine(refused(error, port_holders=HELD), Settings())
    assert found.title.endswith(f"is held by {holder}")


def test_a_program_that_holds_a_udp_port_is_seen_by_the_command_that_is_named() -> None:
    """fact: ss(8): ``-t`` shows TCP alone."""
    snapshot = refused("listen udp4 0.0.0.0:53: bind: address already in use")
    (found,) = CHECK.examine(snapshot, Settings())
    assert CHECK.plan is not None
    assert "ss -ltunp 'sport = :53'" in " ".join(CHECK.plan(found, snapshot, Settings(), {}).says)
