"""A LibreChat server for tests: configuration and log lines of its release, session cookie, routes of the probes.

    server = LibreChat(release=(0, 7, 2), env={"NODE_ENV": "production"}, folder=Path("/app"))
    server.answer("POST", "/api/auth/login", {}, body)      # 200, headers with Set-Cookie, body

What it imitates, and the fact it copies: dotenv that never overwrites the environment (librechat-stack 3.1); what
becomes of librechat.yaml (5.1, 5.3); when the cookie is Secure (6.2); login, its limit of 7 in 5 minutes, two factors
(6.3); /health, /api/config and unknown paths by release (7). There is one account, and nobody can register.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .librechat_schema import Release, Verdict, judged, lines, tried

EMAIL, PASSWORD = "operator@example.org", "correct horse battery"
TWO_FACTORS = "careful@example.org"
ATTEMPTS, WINDOW = 7, 300.0
CONFIG = "/app/librechat.yaml"
COLOURS = {"info": 32, "error": 31, "warn": 33}
Answer = tuple[int, list[tuple[str, str]], bytes]


class Ends(Exception):
    """The process ends with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit {code}")
        self.code = code


def coloured(level: str, message: str, moment: float) -> str:
    """As winston prints it. fact: librechat-stack 5.1, colours without a terminal, each line by itself."""
    colour = COLOURS[level]
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
    body = "\n".join(f"\x1b[{colour}m{line}\x1b[39m" for line in message.split("\n"))
    return f"{at} \x1b[{colour}m{level}\x1b[39m: {body}"


def dotenv(text: str) -> dict[str, str]:
    """``NAME=value`` lines; quotes around a value are not part of it."""
    rows = re.findall(r"(?m)^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*(.*?)[ \t]*$", text)
    return {name: _unquoted(value) for name, value in rows}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]:
        return value[1:-1]
    return value.split(" #", maxsplit=1)[0]


@dataclass
class LibreChat:
    """One process."""

    release: Release
    env: Mapping[str, str]
    """What its container gives it; ``.env`` in the folder adds what is not there."""
    folder: Path
    vectors: Path | None = None
    now: float | None = None
    """Its clock where a test owns it."""
    printed: list[str] = field(default_factory=list)
    _attempts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        file = self.folder / ".env"
        own = dotenv(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else {}
        self.env = {**own, **self.env}

    def say(self, level: str, message: str) -> None:
        line = coloured(level, message, self.time)
        self.printed.append(line)
        print(line, flush=True)

    @property
    def time(self) -> float:
        return time.time() if self.now is None else self.now

    # -- start ------------------------------------------------------------------------------------------------------

    def start(self) -> Verdict | None:
        """Read the configuration. Raises Ends where the real one would end."""
        if not self.env.get("JWT_SECRET"):
            self.say("error", "There was an uncaught error: JwtStrategy requires a secret or key")
            raise Ends(1)
        self.say("info", "Connected to MongoDB")
        verdict = self._configured()
        if verdict is not None and verdict.boot == "crash":
            self.say("error", f"There was an uncaught error: {verdict.said}")
            raise Ends(1)
        if verdict is not None and verdict.boot == "exit 1":
            if self.env.get("CONFIG_BYPASS_VALIDATION") != "true":
                raise Ends(1)
            self.say("warn", "CONFIG_BYPASS_VALIDATION is enabled. Continuing with default configuration despite "
                     "validation errors.")  # fmt: skip
        port = self.env.get("PORT") or "3080"
        self.say("info", f"Server listening on all interfaces at port {port}. Use http://localhost:{port} to access it")
        return verdict

    def _configured(self) -> Verdict | None:
        path = self.env.get("CONFIG_PATH") or CONFIG
        bad = "Config file YAML format is invalid:"
        try:
            text = (self.folder / path).read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            self.say("error", f"{bad} ENOENT: no such file or directory, open '{path}'")
        except IsADirectoryError:
            self.say("error", f"{bad} EISDIR: illegal operation on a directory, read")
        except PermissionError:
            self.say("error", f"{bad} EACCES: permission denied, open '{path}'")
        else:
            known = tried(self.release, self.vectors) if self.vectors else {}
            verdict = judged(text, self.release, self.env, known)
            for level, words in lines(verdict, path, self.release):
                self.say(level, words)
            return verdict
        return None

    # -- the cookie ---------------------------------------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        """fact: librechat-stack 6.2"""
        setting = self.env.get("SESSION_COOKIE_SECURE", "").lower()
        if self.release >= (0, 8, 6) and setting in ("true", "false"):
            return setting == "true"
        if self.env.get("NODE_ENV") != "production":
            return False
        if self.release < (0, 8, 3):
            return True
        host = urlsplit(self.env.get("DOMAIN_SERVER") or "").hostname or ""
        return not (host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost"))

    def cookies(self) -> list[tuple[str, str]]:
        ends = formatdate(self.time + 604800, usegmt=True)
        tail = f"; Path=/; Expires={ends}; HttpOnly{'; Secure' if self.secure else ''}; SameSite=Strict"
        found = [("Set-Cookie", f"refreshToken=eyJhbGciOiJIUzI1NiJ9.{int(self.time):x}.c2ln{tail}")]
        if self.release >= (0, 8, 0):
            found.append(("Set-Cookie", f"token_provider=librechat{tail}"))
        return found

    # -- HTTP -------------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = urlsplit(target).path
        if path == "/api/auth/login" and method == "POST":
            return self._login(body)
        if path == "/api/auth/refresh" and method == "POST":
            if "refreshToken=" not in headers.get("cookie", ""):
                return 200, [("Content-Type", "text/html; charset=utf-8")], b"Refresh token not provided"
            return _json(200, {"token": "short", "user": {"email": EMAIL}})
        if path == "/health" or (path == "/livez" and self.release >= (0, 8, 6)):
            return 200, [("Content-Type", "text/html; charset=utf-8")], b"OK"
        if path == "/api/config":
            domain = self.env.get("DOMAIN_SERVER") or "http://localhost:3080"
            return _json(200, {"appTitle": self.env.get("APP_TITLE", "LibreChat"), "serverDomain": domain})
        if path.startswith("/api/") and self.release >= (0, 8, 3):
            return _json(404, {"message": "Endpoint not found"})
        status = 404 if self.release < (0, 7, 3) else 200
        return status, [("Content-Type", "text/html; charset=utf-8")], b"<!DOCTYPE html><title>LibreChat</title>"

    def _login(self, body: bytes) -> Answer:
        self._attempts[:] = [at for at in self._attempts if self.time - at < WINDOW]
        if len(self._attempts) >= ATTEMPTS:
            return _json(429, {"message": "Too many login attempts, please try again after 5 minutes."})
        self._attempts.append(self.time)
        try:
            told = json.loads(body)
            email, password = told["email"], told["password"]
        except (ValueError, KeyError, TypeError):
            return _json(422, {"message": "Invalid input"})
        if email == TWO_FACTORS and password == PASSWORD:
            return _json(200, {"twoFAPending": True, "tempToken": "temp"})
        if (email, password) != (EMAIL, PASSWORD):
            return _json(404, {"message": "Incorrect password." if email == EMAIL else "Email does not exist."})
        status, headers, content = _json(200, {"token": "short", "user": {"email": EMAIL}})
        return status, [*headers, *self.cookies()], content


def _json(status: int, data: Any) -> Answer:
    return status, [("Content-Type", "application/json; charset=utf-8")], json.dumps(data).encode()
