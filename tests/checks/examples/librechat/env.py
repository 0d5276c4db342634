"""What people write into LibreChat's .env and compose file, and what ``librechat.env`` must say of it."""

from __future__ import annotations

from examples import Example
from examples.librechat.chats import app, chats, stopped

RIGHT = ("HOST=0.0.0.0", "MONGO_URI=mongodb://mongodb:27017/LibreChat")
SHIPPED = (
    "HOST=localhost", "MONGO_URI=mongodb://127.0.0.1:27017/LibreChat", "DOMAIN_CLIENT=http://localhost:3080",
    "DOMAIN_SERVER=http://localhost:3080", "MEILI_HOST=http://0.0.0.0:7700",
)  # fmt: skip
BOTH = ("EditFile", "ComposeUp")
OWN = "MONGO_URI=mongodb://db.example.org:27017/LibreChat"

FINDS = (
    Example("handed .env of a server without Docker to the container", chats(app("HOST=localhost")), "finding",
            "listens-inside", BOTH),
    Example("wrote 127.0.0.1", chats(app("HOST=127.0.0.1")), "finding", "listens-inside", BOTH),
    Example("wrote the IPv6 address", chats(app("HOST=::1")), "finding", "listens-inside", BOTH),
    Example("has not started it yet", chats(app("HOST=localhost"), up=False), "finding", "listens-inside",
            ("EditFile",)),
    Example("stopped it", stopped(chats(app("HOST=localhost"))), "finding", "listens-inside", BOTH),
    Example("made it without Compose", chats(app("HOST=localhost"), alone=True), "finding",
            "listens-inside", ()),
    Example("wrote a database of their own into .env", chats(app(*RIGHT), dotenv=(OWN,)), "finding", "shadowed", ()),
    Example("did so before the first start", chats(app(*RIGHT), dotenv=(OWN,), up=False), "finding", "shadowed", ()),
    Example("wrote a search server of their own into .env",
            chats(app("MEILI_HOST=http://meilisearch:7700"), dotenv=("MEILI_HOST=http://10.0.0.4:7700",)), "finding",
            "shadowed", ()),
    Example("wrote a rag_api of their own into .env",
            chats(app("RAG_API_URL=http://rag_api:8000"), dotenv=("RAG_API_URL=http://10.0.0.4:8000",)), "finding",
            "shadowed", ()),
    Example("forgot https://", chats(app(*RIGHT), dotenv=("DOMAIN_CLIENT=chat.example.org",)), "finding", "no-scheme",
            ()),
    Example("forgot it twice",
            chats(app(*RIGHT), dotenv=("DOMAIN_CLIENT=10.0.0.4:3080", "DOMAIN_SERVER=10.0.0.4:3080")), "finding",
            "no-scheme", ()),
    Example("forgot DOMAIN_CLIENT",
            chats(app(*RIGHT), dotenv=(*SHIPPED[:4], "DOMAIN_SERVER=http://10.0.0.4:3080")), "finding", "local-client",
            ()),
)  # fmt: skip

FINDS_NOT = (
    Example("uses the files as they come", chats(app(*RIGHT), dotenv=SHIPPED), "ok"),
    Example("has not started them yet", chats(app(*RIGHT), dotenv=SHIPPED, up=False), "ok"),
    Example("has .env alone, and no HOST in it", chats(app(), dotenv=("PORT=3080",)), "ok"),
    Example("uses the machine's own network", chats(app("HOST=127.0.0.1", network_mode="host")), "ok"),
    Example("listens at one address of the container", chats(app("HOST=172.20.0.5")), "ok"),
    Example("wrote the same database twice", chats(app(*RIGHT), dotenv=RIGHT), "ok"),
    Example("kept a database of their own on loopback in .env, for a server without Docker",
            chats(app(*RIGHT), dotenv=("MONGO_URI=mongodb://127.0.0.1:27017/mine",)), "ok"),
    Example("wrote nothing behind MONGO_URI", chats(app(*RIGHT), dotenv=("MONGO_URI=",)), "ok"),
    Example("keeps the database in .env alone", chats(app("HOST=0.0.0.0"), dotenv=(OWN,)), "ok"),
    Example("gave both the LAN's address",
            chats(app(*RIGHT), dotenv=("DOMAIN_CLIENT=http://10.0.0.4:3080", "DOMAIN_SERVER=http://10.0.0.4:3080")),
            "ok"),
    Example("keeps DOMAIN_SERVER at localhost for the cookie",
            chats(app(*RIGHT), dotenv=("DOMAIN_CLIENT=http://10.0.0.4:3080", "DOMAIN_SERVER=http://localhost:3080")),
            "ok"),
    Example("writes the scheme in capitals", chats(app(*RIGHT), dotenv=("DOMAIN_CLIENT=HTTPS://chat.example.org",)),
            "ok"),
    Example("has a .env that nobody else may read", chats(app(*RIGHT), unread=True), "unknown"),
    Example("looks before the container was inspected", chats(app("HOST=localhost"), detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
