"""Pitfalls of MySQL and MariaDB, and the commands that people are told for them."""

from __future__ import annotations

import shlex

from ...console.model import Container
from ...console.products.versions import parts_of


def client(server: Container, statement: str = "") -> str:
    """The command that opens MySQL's own client inside a server's container, as root; it asks for the password.

    fact: images of MariaDB have called it ``mariadb`` since 10.4, and no longer ``mysql`` from 11 on
    """
    program = "mariadb" if "maria" in parts_of(server.image).last else "mysql"
    more = ("-e", statement) if statement else ()
    return shlex.join(("docker", "exec", "-it", server.name, program, "-uroot", "-p", *more))


def quoted(name: str) -> str:
    """A name as MySQL's statements want it."""
    return "`" + name.replace("`", "``") + "`"
