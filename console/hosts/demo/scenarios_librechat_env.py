"""What goes wrong with LibreChat's address, its ``.env``, and with edits that reach no container."""

from __future__ import annotations

from . import stack_librechat as stack
from .scenario import Hands, scenario

ENV = f"{stack.FOLDER}/.env"
COMPOSE = f"{stack.FOLDER}/docker-compose.yml"
LAN = "http://192.0.2.10:3080"
IMAGE = "librechat-dev:v0.7.2"


@scenario("librechat.cookie", "production")
def production(hands: Hands) -> None:
    """Switched the proxy with the expired certificate off, and put the plain address of the LAN into .env.

    v0.7.2 marks the session cookie Secure all the same, and everybody is back at the login after a reload.
    """
    _set(hands, DOMAIN_CLIENT=LAN, DOMAIN_SERVER=LAN)
    hands.compose(stack.FOLDER, "restart", "api")


@scenario("librechat.cookie", "domain")
def domain(hands: Hands) -> None:
    """Updated to v0.8.7 and set DOMAIN_SERVER to the address that people really type.

    From v0.8.3 on that is what makes the cookie Secure; the localhost of the example would have kept it plain.
    """
    _release(hands, "v0.8.7")
    production(hands)


@scenario("librechat.cookie", "forced")
def forced(hands: Hands) -> None:
    """Found SESSION_COOKIE_SECURE in a post about hardening and set it to true, without https anywhere.

    From v0.8.6 on the setting decides alone, and browsers drop the cookie that comes over http.
    """
    _release(hands, "v0.8.7")
    _set(hands, SESSION_COOKIE_SECURE="true")
    production(hands)


@scenario("librechat.cookie", "nodemon")
def nodemon(hands: Hands) -> None:
    """Followed the blog: ``command: npm run backend:dev`` in the override, on an image of 2025.

    nodemon was taken out of the images in May 2024, and this machine has no way to the internet: a restart loop.
    """
    _release(hands, "v0.7.5")
    text = stack.OVERRIDE_WITH_MOUNT.replace("  api:\n", "  api:\n    command: npm run backend:dev   # from the blog\n")
    _write(hands, stack.OVERRIDE, text)
    hands.compose(stack.FOLDER, "up", "-d", "api")


@scenario("librechat.not-applied", "stale-values")
def stale_values(hands: Hands) -> None:
    """Made a new JWT_SECRET, and restarted LibreChat with ``docker restart``.

    rag_api got the old one when it was made and keeps it: it answers every upload with 401.
    """
    _set(hands, JWT_SECRET="practice-9b1f6a30c2d94e7f8a55d0c1b2e3f4a5")  # noqa: S106 - of the practice stack
    hands.compose(stack.FOLDER, "restart", "api")


@scenario("librechat.not-applied", "override-not-in-use")
def override_not_in_use(hands: Hands) -> None:
    """Started the whole stack with ``-f docker-compose.yml``, as a post said, and wonders where his settings are.

    A list of files switches the automatic override off.
    """
    with hands.world.ago(300.0):
        hands.tree.drop(stack.CONFIG)
        _write(hands, stack.OVERRIDE, stack.OVERRIDE_WITHOUT_MOUNT)
    hands.compose(stack.FOLDER, "up", "-d", "--force-recreate", files=(COMPOSE,))


@scenario("librechat.not-applied", "definition")
def definition(hands: Hands) -> None:
    """Gave Meilisearch a newer image in docker-compose.yml and ran ``docker compose restart``.

    A restart keeps the container that there is, with the image it was made from.
    """
    text = hands.files.read(COMPOSE).decode()
    _write(hands, COMPOSE, text.replace("meilisearch:v1.7.3", "meilisearch:v1.7.6"))
    hands.compose(stack.FOLDER, "restart", "meilisearch")


@scenario("librechat.not-applied", "env-changed")
def env_changed(hands: Hands) -> None:
    """Closed the registration in .env and took it for done.

    LibreChat reads its .env when it starts, and that was before.
    """
    _set(hands, ALLOW_REGISTRATION="false")


def _set(hands: Hands, **values: str) -> None:
    lines = hands.files.read(ENV).decode().splitlines()
    for name, value in values.items():
        lines = [line for line in lines if not line.startswith(f"{name}=")] + [f"{name}={value}"]
    hands.tree.put(ENV, ("\n".join(lines) + "\n").encode(), mode=0o600, uid=stack.OPERATOR, gid=stack.OPERATOR)


def _release(hands: Hands, tag: str) -> None:
    text = hands.files.read(COMPOSE).decode()
    _write(hands, COMPOSE, text.replace(IMAGE, IMAGE.replace("v0.7.2", tag)))
    hands.compose(stack.FOLDER, "up", "-d", "api")


def _write(hands: Hands, path: str, text: str) -> None:
    hands.tree.put(path, text.encode(), uid=stack.OPERATOR, gid=stack.OPERATOR)
