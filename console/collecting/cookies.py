"""The session cookie of a LibreChat, seen by a login of the operator's own: on request only, never by itself.

Nothing is sent unless the settings name an account and somebody asked for it in this very look. What was heard is
remembered for the life of the container, so that the many looks of a fix being verified cost one login; a life has at
most three in five minutes (LibreChat allows seven), and an account that was refused is not tried again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..hosts import Host
from ..model import Container, CookieProof
from ..settings import Settings
from ..sources.librechat_cookie import address_of, prove
from ..stacks.services import role_of_container
from .board import Board

LOGIN = "librechat-login"
"""What has to be named in ``on_request`` for a login to be sent."""
WINDOW, MOST = 300.0, 3
"""Seconds, and logins in them at most. fact: librechat-stack 6.3, LOGIN_WINDOW and LOGIN_MAX allow 7."""
PASSING = frozenset({"unreachable", "rate-limited", "withheld", "unexpected"})
"""Answers that may be different next time."""


@dataclass
class _Known:
    """What was heard of one container."""

    life: float | None = None
    proof: CookieProof | None = None
    sent: list[float] = field(default_factory=list)
    """When a login went out, by the monotonic clock."""
    refused: tuple[str, str] | None = None
    """The account that was refused; it is not tried again, whatever life the container has."""


_Memory = MutableMapping[str, _Known]
_MEMORIES: WeakKeyDictionary[Host, _Memory] = WeakKeyDictionary()


def memory_of(host: Host) -> _Memory:
    """What is remembered of a host's LibreChats; nothing where the host cannot be a key."""
    try:
        return _MEMORIES.setdefault(host, {})
    except TypeError:
        return {}


class Cookies:
    """The part ``cookie_proofs``."""

    def __init__(self, host: Host, board: Board, settings: Settings, *, on_request: Collection[str] = ()) -> None:
        self._host = host
        self._board = board
        self._names = (settings.librechat.email_env, settings.librechat.password_env)
        self._asked_for = LOGIN in on_request
        self._memory = memory_of(host)
        self._wake = asyncio.Event()

    def request(self) -> None:
        """Somebody asks for a look: it may log in once."""
        self._asked_for = True
        self._wake.set()

    def containers_changed(self) -> None:
        """What was seen of a process is worth nothing once it has ended."""
        if self._board.parts.cookie_proofs:
            self._wake.set()

    async def watch(self) -> None:
        """Wait for somebody who asks, for ever."""
        while True:
            self._wake.clear()
            await self.read()
            await self._wake.wait()

    async def read(self) -> None:
        """Show what is known of the running containers; log in where that was asked for and is allowed."""
        asked, self._asked_for = self._asked_for, False
        if not any(self._names):
            return
        wanted = self._wanted()
        with self._board.catch("librechat-login"):
            if asked:
                await self._ask(wanted)
        lives = {one.id: one.started_at for one in wanted}
        known = [self._memory[ident] for ident, life in lives.items() if self._life(ident) == life]
        self._board.put(cookie_proofs=tuple(one.proof for one in known if one.proof is not None))

    def _life(self, ident: str) -> float | None:
        return self._memory[ident].life if ident in self._memory else -1.0

    def _wanted(self) -> list[Container]:
        parts = self._board.parts.containers
        return [c for c in parts if c.detailed and c.state == "running" and role_of_container(c) == "librechat"]

    async def _ask(self, wanted: list[Container]) -> None:
        account, why = self._account()
        if account is not None and len(wanted) > 1:
            why = f"There are {len(wanted)} LibreChats here: name the one that the login belongs to with --project"
        for container in wanted:
            known = self._known(container)
            if account is None or len(wanted) > 1:
                known.proof = self._withheld(container, why)
            elif known.proof is None or known.proof.outcome in PASSING:
                known.proof = await self._log_in(container, known, account) or known.proof

    def _known(self, container: Container) -> _Known:
        known = self._memory.setdefault(container.id, _Known())
        if known.life != container.started_at:
            known.life, known.proof = container.started_at, None
        return known

    def _account(self) -> tuple[tuple[str, str] | None, str]:
        """E-mail address and password; else why there are none."""
        from ..text import SECRETS

        email, password = self._names
        if not (email and password):
            missing = "password_env" if email else "email_env"
            return None, f"The settings name no [librechat] {missing}, and a login needs both"
        found = (os.environ.get(email, ""), os.environ.get(password, ""))
        unset = next((name for name, value in zip((email, password), found, strict=True) if not value), None)
        if unset:
            return None, f"The environment variable {unset}, named in the settings, is not set"
        SECRETS.learn("PASSWORD", found[1])
        return found, ""

    async def _log_in(self, container: Container, known: _Known, account: tuple[str, str]) -> CookieProof | None:
        """What one login shows; None where none can be sent at all."""
        now = self._host.clock.monotonic()
        known.sent = [at for at in known.sent if now - at < WINDOW]
        acts, address = self._host.http_acts, self._address(container)
        if acts is None or address is None:
            return None
        if known.refused == account:
            return self._withheld(container, "This account was refused before, and is not tried again", address)
        if len(known.sent) >= MOST:
            why = f"{MOST} logins have been sent in the last five minutes, and LibreChat counts them"
            return self._withheld(container, why, address)
        proof = await prove(acts, container.id, address, *account, now=self._host.clock.now())
        if proof.outcome not in ("unreachable", "withheld"):
            known.sent.append(now)
        known.refused = account if proof.outcome in ("refused", "banned") else None
        return proof

    def _withheld(self, container: Container, why: str, address: str | None = None) -> CookieProof:
        return CookieProof(container.id, self._host.clock.now(), "withheld", address, sentence=why)

    def _address(self, container: Container) -> str | None:
        """Nothing is sent where the Engine is another machine's: its addresses are not ours."""
        engine = self._host.engine
        if engine is None or not engine.local:
            return None
        project = next((one for one in self._board.parts.projects if one.name == container.project), None)
        port = next((var.value for var in project.env if var.name == "PORT"), None) if project else None
        return address_of(container, port)
