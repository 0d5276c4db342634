"""The server's half of SCRAM-SHA-1 and SCRAM-SHA-256, with the signature that real drivers check. RFC 5802, RFC 7677.

fact: mongo-docker-db 6.3: SHA-1 takes md5(user:mongo:password) as the password; iterations are 10000 and 15000.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

MECHANISMS = {"SCRAM-SHA-1": ("sha1", 10_000, 16), "SCRAM-SHA-256": ("sha256", 15_000, 28)}
"""Digest, iterations, bytes of salt."""


class LoginFailed(Exception):
    """Wrong user, wrong password, or nonsense: mongod says 18 to all of them."""


@dataclass
class Conversation:
    """One login. ``first`` answers the client's first message, ``final`` its proof."""

    mechanism: str
    user: str = ""
    _password: str = ""
    _nonce: str = ""
    _first_bare: str = ""
    _server_first: str = ""

    def first(self, payload: bytes, password_of: dict[str, str]) -> bytes:
        """``n,,n=USER,r=NONCE`` -> ``r=...,s=SALT,i=ITERATIONS``."""
        parts = payload.decode().split(",", 2)
        if len(parts) != 3 or parts[0] not in ("n", "y"):
            raise LoginFailed
        self._first_bare = parts[2]
        fields = _fields(self._first_bare)
        self.user = fields.get("n", "").replace("=2C", ",").replace("=3D", "=")
        if self.mechanism not in MECHANISMS or self.user not in password_of:
            raise LoginFailed
        self._password = password_of[self.user]
        self._nonce = fields.get("r", "") + base64.b64encode(secrets.token_bytes(24)).decode()
        salt = base64.b64encode(self._salt()).decode()
        self._server_first = f"r={self._nonce},s={salt},i={MECHANISMS[self.mechanism][1]}"
        return self._server_first.encode()

    def final(self, payload: bytes) -> bytes:
        """``c=biws,r=NONCE,p=PROOF`` -> ``v=SIGNATURE``. Raises LoginFailed for a wrong proof."""
        text = payload.decode()
        fields = _fields(text)
        without_proof = text.rpartition(",p=")[0]
        message = f"{self._first_bare},{self._server_first},{without_proof}".encode()
        digest = MECHANISMS[self.mechanism][0]
        salted = self._salted()
        client_key = hmac.digest(salted, b"Client Key", digest)
        signature = hmac.digest(hashlib.new(digest, client_key).digest(), message, digest)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
        if fields.get("r") != self._nonce or not hmac.compare_digest(fields.get("p", ""), proof):
            raise LoginFailed
        server = hmac.digest(hmac.digest(salted, b"Server Key", digest), message, digest)
        return f"v={base64.b64encode(server).decode()}".encode()

    def _salt(self) -> bytes:
        return hashlib.sha256(f"{self.mechanism}:{self.user}".encode()).digest()[: MECHANISMS[self.mechanism][2]]

    def _salted(self) -> bytes:
        digest, iterations, _ = MECHANISMS[self.mechanism]
        password = self._password.encode()
        if digest == "sha1":
            password = hashlib.md5(f"{self.user}:mongo:{self._password}".encode()).hexdigest().encode()
        return hashlib.pbkdf2_hmac(digest, password, self._salt(), iterations)


def _fields(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in text.split(","))
