"""When LibreChat's session cookie is Secure, release by release, and what its start command makes of NODE_ENV."""

from __future__ import annotations

import pytest
from stackops.console.products.librechat import env as rules
from stackops.console.products.librechat.env import Release, release

LAN = {"DOMAIN_SERVER": "http://192.168.1.50:3080"}
LOCAL = {"DOMAIN_SERVER": "http://localhost:3080"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("v0.8.7", Release((0, 8, 7))), ("0.7.2", Release((0, 7, 2))), ("0.7.7-rc1", Release((0, 7, 7), candidate=True)),
     ("v0.8.3-rc.2", Release((0, 8, 3), candidate=True)), ("latest", None), ("", None), (None, None), ("0.8", None)],
)  # fmt: skip
def test_a_release_is_read_from_a_banner_or_a_tag(text: str | None, wanted: Release | None) -> None:
    assert release(text) == wanted


def test_releases_are_ordered_and_a_candidate_comes_before_its_release() -> None:
    texts = ["v0.7.2", "v0.7.10", "v0.8.2", "v0.8.3-rc1", "v0.8.3", "v0.10.0"]
    found = [release(text) for text in texts]
    assert sorted(found, key=lambda one: one or Release((0, 0, 0))) == found
    assert [str(one) for one in found][3] == "v0.8.3-rc"


# fact: librechat-stack 6.2
@pytest.mark.parametrize(
    ("of", "node_env", "env", "wanted"),
    [
        ("0.7.2", "production", LOCAL, True), ("0.8.2", "production", LOCAL, True), ("0.8.2", "production", LAN, True),
        ("0.8.2", None, LAN, False), ("0.7.2", "development", LAN, False),
        ("0.8.3", "production", LOCAL, False), ("0.8.3", "production", LAN, True), ("0.8.5", "production", {}, True),
        ("0.8.4", "production", {"DOMAIN_SERVER": "https://chat.example.org"}, True),
        ("0.8.5", "production", LAN | {"SESSION_COOKIE_SECURE": "false"}, True),
        ("0.8.6", "production", LAN | {"SESSION_COOKIE_SECURE": "false"}, False),
        ("0.8.6", "production", LAN | {"SESSION_COOKIE_SECURE": " False "}, False),
        ("0.8.6", "production", LAN | {"SESSION_COOKIE_SECURE": "0"}, True),
        ("0.8.6", "development", LOCAL | {"SESSION_COOKIE_SECURE": "true"}, True),
        ("0.8.7", "production", LOCAL, False), ("0.8.7", "production", LAN, True), ("0.8.7", "development", LAN, False),
        (None, "production", LAN, True), (None, "production", LOCAL, None), (None, "development", LAN, False),
        (None, "production", LAN | {"SESSION_COOKIE_SECURE": "false"}, None),
        ("0.8.3-rc1", "production", LOCAL, None),
        ("0.8.6-rc1", "production", LAN | {"SESSION_COOKIE_SECURE": "false"}, None),
        ("0.8.3-rc1", "production", LAN, True),
    ],
)  # fmt: skip
def test_the_cookie_is_secure_as_the_release_decides(
    of: str | None, node_env: str | None, env: dict[str, str], *, wanted: bool | None
) -> None:
    assert rules.verdict(release(of), node_env, env) is wanted


@pytest.mark.parametrize(
    "address",
    ["http://localhost:3080", "localhost", "localhost:3080", "127.0.0.1:3080", "http://127.0.0.1", "http://LOCALHOST",
     "https://chat.localhost", "::1", "http://[::1]:3080"],
)  # fmt: skip
def test_addresses_of_this_machine(address: str) -> None:
    assert rules.is_local(address)


@pytest.mark.parametrize(
    "address",
    [None, "", "http://192.168.1.50", "http://localhost.example.org", "http://notlocalhost", "http://[", "127.0.0.2"],
)
def test_addresses_of_others_and_of_nobody(address: str | None) -> None:
    assert not rules.is_local(address)


# fact: librechat-stack 3.1
@pytest.mark.parametrize(
    ("words", "how", "node_env"),
    [
        (("npm", "run", "backend"), "backend", "production"),
        (("docker-entrypoint.sh", "npm", "run", "backend"), "backend", "production"),
        (("sh", "-c", "npm run backend"), "backend", "production"),
        (("npm", "run", "backend:dev"), "backend-dev", "development"),
        (("/bin/sh", "-c", "npm install -g nodemon && npm run backend:dev"), "backend-dev", "development"),
        (("npx", "nodemon", "api/server/index.js"), "backend-dev", None),
        (("node", "api/server/index.js"), "node", None),
        (("node", "server/index.js"), "node", None),
        (("node", "--max-old-space-size=4096", "server/index.js"), "node", None),
        (("sh", "-c", "NODE_ENV=development exec node api/server/index.js"), "node", "development"),
        (("npm", "run", "backend:stop"), "unknown", None),
        (("sh", "/start.sh"), "unknown", None),
        ((), "unknown", None),
    ],
)  # fmt: skip
def test_the_start_command_decides_on_node_env(words: tuple[str, ...], how: str, node_env: str | None) -> None:
    assert rules.launch(words) == how
    assert rules.given_node_env(words) == node_env


@pytest.mark.parametrize(
    ("image", "kind"),
    [("ghcr.io/danny-avila/librechat-dev:latest", "main"), ("librechat:v0.8.7", "main"),
     ("registry.librechat.ai/danny-avila/librechat-dev-api:latest", "api"),
     ("x/librechat-api@sha256:" + "0" * 64, "api"),
     ("my/chat:1", None), ("", None)],
)  # fmt: skip
def test_the_image_name_tells_the_kind(image: str, kind: str | None) -> None:
    assert rules.image_kind(image) == kind
