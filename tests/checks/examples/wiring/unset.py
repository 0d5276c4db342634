"""Variables that nothing sets, and what ``wiring.unset`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import EnvVar, LastWords, Snapshot

from examples import Example
from examples.container.common import health
from examples.wiring.folder import folder, live, service


def panel(secret: str, *said: str, runs: bool = True, dotenv: str = "") -> Snapshot:
    """LibreChat's admin panel with a secret from ``.env``, and what it says before it ends."""
    image = "ghcr.io/clickhouse/librechat-admin-panel:latest"
    given = (EnvVar("ADMIN_PANEL_SESSION_SECRET", dotenv or secret),)
    snapshot = (live if runs else folder)(service("panel", image, f"SESSION_SECRET={secret}"), env=given)
    words = tuple(LastWords(one.id, said, ended=True) for one in snapshot.containers if said)
    return replace(snapshot, last_words=words)


TOO_SHORT = "Error: SESSION_SECRET must be at least 32 characters"


def one(*blank: str, env: tuple[str, ...] = (), runs: bool = False) -> Snapshot:
    """A service in which ``NAME=${VARIABLE}`` came to nothing."""
    pairs = tuple((name, variable) for name, _, variable in (each.partition("=") for each in blank))
    written = (*(f"{name}=" for name, _ in pairs), *env)
    return (live if runs else folder)(service("panel", "example/panel:1", *written, blank=pairs))


FINDS = tuple(
    Example(name, snapshot, "finding", "empty", ())
    for name, snapshot in (
        ("forgot the secret of the admin panel", one("SESSION_SECRET=ADMIN_PANEL_SESSION_SECRET")),
        ("forgot it, and it runs", one("SESSION_SECRET=ADMIN_PANEL_SESSION_SECRET", runs=True)),
        ("forgot a key", one("MEILI_MASTER_KEY=MEILI_MASTER_KEY")),
        ("forgot a password", one("POSTGRES_PASSWORD=PG_PASSWORD")),
        ("forgot a token", one("API_TOKEN=TOKEN")),
        ("forgot a connection string", one("MONGODB_URI=MONGO")),
        ("forgot an address", one("OPENAI_BASE_URL=BASE")),
        ("forgot two", one("A_KEY=A", "B_KEY=B")),
        ("forgot one for two", one("A_KEY=X", "B_KEY=X")),
        ("has no token of Hugging Face", one("HF_TOKEN=HF_TOKEN", "HUGGING_FACE_HUB_TOKEN=HF_TOKEN")),
        ("forgot a DSN", one("SQL_DSN=DSN")),
        ("forgot one of three", one("JWT_SECRET=JWT", env=("CREDS_KEY=x",))),
    )
)

FINDS += (
    Example("left the secret empty in .env, and the panel ends over it", panel("", TOO_SHORT), "finding", "empty", ()),
    Example("chose a short secret", panel("changeme", runs=False), "finding", "short", ()),
    Example("chose a short secret, and the panel ends over it", panel("changeme", TOO_SHORT), "finding", "short", ()),
)

FINDS_NOT = (
    *(
        Example(name, snapshot, "ok")
        for name, snapshot in (
            ("set all", one(env=("JWT_SECRET=x",))),
            ("left a text empty", one("APP_TITLE=TITLE")),
            ("left a flag empty", one("DEBUG=DEBUG")),
            ("left a user empty", one("USER=UID")),
            ("left a path empty", one("DATA_PATH=DATA")),
            ("has it from somewhere else all the same", one("JWT_SECRET=JWT", env=("JWT_SECRET=x",))),
            ("has no variables at all", one()),
            ("left a port empty", one("PORT=PORT")),
            ("left a list of origins empty", one("ORIGINS=ORIGINS")),
            ("runs with all set", one(env=("JWT_SECRET=x",), runs=True)),
        )
    ),
)


def meili(*said: str, **state: object) -> Snapshot:
    """A Meilisearch without a key, which its log mentions."""
    snapshot = live(service("meili", "getmeili/meilisearch:v1.12", "MEILI_MASTER_KEY="))
    (container,) = snapshot.containers
    told = (LastWords(container.id, said),)
    return replace(snapshot, containers=(replace(container, **state),), last_words=told)


MENTIONS = "No master key was found; pass --master-key or MEILI_MASTER_KEY"
ENDS = {"state": "restarting", "restart_count": 3, "exit_code": 1}
FINDS += (Example("has no master key, and it ends over it", meili(MENTIONS, **ENDS), "finding", "empty", ()),)
FINDS_NOT += (
    Example("chose a short secret, and the panel takes it", replace(panel("changeme"), last_words=()), "ok"),
    Example("has no master key, and runs", meili(MENTIONS, health=health("unhealthy", streak=3)), "ok"),
    Example("left the secret empty in .env, and nothing complains yet", panel("", runs=False), "ok"),
    Example("chose a long secret", panel("0123456789abcdef0123456789abcdef"), "ok"),
    Example("chose a long secret, and the panel ends over something else", panel("x" * 40, "fetch failed"), "ok"),
)

EXAMPLES = FINDS + FINDS_NOT
