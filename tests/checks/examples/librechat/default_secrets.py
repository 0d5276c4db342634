"""Secrets that people give LibreChat, and what ``librechat.default-secrets`` must say of them."""

from __future__ import annotations

from stackops.checks.librechat.default_secrets import PUBLIC

from examples import Example
from examples.librechat.chats import app, chats

SHIPPED = tuple(f"{name}={value}" for name, value in PUBLIC.items())
OWN = ("JWT_SECRET=0a1b", "JWT_REFRESH_SECRET=0c", f"CREDS_KEY={'0d' * 32}", f"CREDS_IV={'0e' * 16}")
OTHERS = "DOMAIN_CLIENT=https://chat.example.org"


def one(name: str) -> str:
    """One variable as it comes."""
    return f"{name}={PUBLIC[name]}"


FINDS = (
    Example("kept the example's .env", chats(app(), dotenv=SHIPPED), "finding", "as-shipped", ()),
    Example("kept it, and has not started yet", chats(app(), dotenv=SHIPPED, up=False), "finding", "as-shipped", ()),
    Example("hands it over with env_file", chats(app(*SHIPPED, dotenv=False)), "finding", "as-shipped", ()),
    *(Example(f"kept {name}", chats(app(), dotenv=(*OWN, one(name))), "finding", "as-shipped", ())
      for name in PUBLIC),
    Example("kept it on the machine alone", chats(app(), dotenv=(*SHIPPED, "DOMAIN_CLIENT=http://localhost:3080")),
            "finding", "as-shipped", ()),
    Example("kept it for everybody to see", chats(app(), dotenv=(*SHIPPED, OTHERS)), "finding", "reachable", ()),
    Example("kept JWT_SECRET in the LAN",
            chats(app(), dotenv=(*OWN, one("JWT_SECRET"), "DOMAIN_SERVER=http://10.0.0.4:3080")), "finding",
            "reachable", ()),
    Example("wrote a password as CREDS_KEY", chats(app(), dotenv=(*OWN, "CREDS_KEY=correct horse")), "finding",
            "malformed", ()),
    Example("cut CREDS_IV short", chats(app(), dotenv=(*OWN, "CREDS_IV=0e0e")), "finding", "malformed", ()),
    Example("made both with openssl rand -base64", chats(app(), dotenv=(*OWN, f"CREDS_KEY={'A/+=' * 16}")), "finding",
            "malformed", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("made secrets of their own", chats(app(), dotenv=OWN), "ok"),
    Example("made them before the first start", chats(app(), dotenv=OWN, up=False), "ok"),
    Example("made them, and is on the internet", chats(app(), dotenv=(*OWN, OTHERS)), "ok"),
    Example("gives them in the compose file", chats(app(*OWN, dotenv=False)), "ok"),
    Example("left them blank, so that LibreChat makes them", chats(app(), dotenv=("CREDS_KEY=", "CREDS_IV=")), "ok"),
    Example("has no secrets in .env at all", chats(app(), dotenv=("PORT=3080",)), "ok"),
    Example("has no .env at all", chats(app(dotenv=False)), "ok"),
    Example("writes them in capitals", chats(app(), dotenv=(*OWN, f"CREDS_KEY={'AB' * 32}")), "ok"),
    Example("has a .env that nobody else may read", chats(app(), unread=True), "unknown"),
    Example("looks before the container was inspected", chats(app(), dotenv=SHIPPED, detailed=False),
            "unknown"),
    Example("has another value in the container than in .env, of their own",
            chats(app("JWT_SECRET=0f"), dotenv=(*OWN[1:], one("JWT_SECRET"))), "ok"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
