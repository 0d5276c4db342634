"""Every way a mirror can answer, asked over a real socket as the Engine asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from examples.snapshots import ENGINE
from msgspec.structs import replace
from stackops.console.collect import mirror_probe
from stackops.console.collect.mirror_probe import MirrorQuestion, named, probe_all, seed, to_ask_for
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.products.addresses import proxy_for, trusts
from stackops.console.products.versions import place_of
from support.memory_host import until
from support.registries import Registry, nobody, registry

MONGO, PGVECTOR = place_of("mongo:5.0.18"), place_of("pgvector/pgvector:0.7.0-pg15")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """No registry may seem to hang because this machine is busy; only one that does is given a short deadline."""
    monkeypatch.setattr(mirror_probe, "EACH", 60.0)
    monkeypatch.setattr(mirror_probe, "TOTAL", 100.0)


async def asked(address, *images, engine=ENGINE, what="mirror"):
    (one,) = await probe_all(LocalHttp(), [MirrorQuestion(address, what, images or (MONGO, PGVECTOR))], engine, 100.0)
    return one


async def test_a_healthy_one_is_asked_for_a_token_and_the_heads_of_the_manifests():
    with registry("healthy") as one:
        found = await asked(one.url)
        assert (found.state, found.at, found.says) == ("ok", 100.0, "")
        assert [(image.image, image.state) for image in found.images] == [
            ("library/mongo:5.0.18", "ok"), ("pgvector/pgvector:0.7.0-pg15", "ok"),
        ]  # fmt: skip
        assert one.requests == [
            "GET /v2/",
            "GET /token?scope=repository%3Alibrary%2Fmongo%3Apull&service=registry.example",
            "HEAD /v2/library/mongo/manifests/5.0.18",
            "GET /token?scope=repository%3Apgvector%2Fpgvector%3Apull&service=registry.example",
            "HEAD /v2/pgvector/pgvector/manifests/0.7.0-pg15",
        ]
        assert one.clients == {"docker/20.10.24 (stackops)"}


@pytest.mark.parametrize(
    ("kind", "state", "requests"),
    [
        ("open", "ok", 3), ("allow-list", "not-allowed", 5), ("closed", "not-allowed", 1), ("busy", "rate-limited", 1),
        ("page", "not-a-registry", 1), ("hangs", "hangs", 1), ("empty", "missing", 5), ("login", "needs-login", 1),
        ("no-token", "needs-login", 3), ("broken", "broken", 1), ("garbage", "not-a-registry", 1),
    ],
)  # fmt: skip
async def test_each_manner_has_its_class_and_few_requests(monkeypatch, kind, state, requests):
    if kind == "hangs":
        monkeypatch.setattr(mirror_probe, "EACH", 0.4)
    with registry(kind) as one:
        found = await asked(one.url)
        assert found.state == state
        await until(lambda: one.asked == requests)
        assert (found.says == "") == (state == "ok")


async def test_nobody_there_an_unknown_name_and_a_certificate_nobody_knows(tmp_path):
    with nobody() as address:
        assert (await asked(address)).state == "refused"
    with registry("https", folder=tmp_path) as one:
        assert (await asked(one.url)).state == "tls"
        trusting = replace(ENGINE, insecure_registries=("127.0.0.0/8",))
        found = await asked(one.url, engine=trusting)
        assert found.state == "unknown", "the Engine goes there without verifying: that cannot be judged from here"


async def test_an_allow_list_is_seen_through_the_images_of_the_stack_and_no_others():
    with registry("allow-list", allowed=("library/mongo",)) as one:
        found = await asked(one.url)
        assert found.state == "not-allowed"
        assert [(image.state, image.status) for image in found.images] == [("ok", 200), ("not-allowed", 403)]
        assert (await asked(one.url, MONGO)).state == "ok"
    with registry("closed") as one:
        assert "only from inside the campus" in (await asked(one.url)).says


async def test_all_are_asked_at_once_and_each_has_its_own_deadline(monkeypatch):
    monkeypatch.setattr(mirror_probe, "EACH", 0.4)

    class Http(LocalHttp):
        async def get(self, url, *, deadline, **more):
            if url.startswith(third.url):
                return await super().get(url, deadline=60.0, **more)
            await until(lambda: third.asked)  # one after another they would wait for ever
            return await super().get(url, deadline=deadline, **more)

        async def head(self, url, *, deadline, **more):
            return await super().head(url, deadline=60.0, **more)

    with registry("hangs") as first, registry("hangs") as second, registry("open") as third:
        questions = [MirrorQuestion(one.url, "mirror", (MONGO,)) for one in (first, second, third)]
        found = await probe_all(Http(), questions, ENGINE, 1.0)
        assert [one.state for one in found] == ["hangs", "hangs", "ok"]
        assert found[0].seconds == 0.4


async def test_an_engine_with_containerds_images_names_the_registry_to_a_mirror():
    with registry("open") as one:
        await asked(one.url, MONGO, engine=replace(ENGINE, storage_driver="overlayfs"))
        assert one.requests[-1] == "HEAD /v2/library/mongo/manifests/5.0.18?ns=docker.io"
        await asked(one.url, MONGO, engine=replace(ENGINE, storage_driver="overlayfs"), what="registry")
        assert one.requests[-1] == "HEAD /v2/library/mongo/manifests/5.0.18"


async def test_a_token_server_elsewhere_is_only_followed_over_the_same_scheme():
    with registry("healthy") as one:
        for realm in ("file:///etc/passwd", "https://127.0.0.1:1/token", "http://user:pw@127.0.0.1:1/token", "",
                      "http://[::1", "http://127.0.0.1:99999/token"):  # fmt: skip
            found = await asked_with_realm(one, realm)
            assert found.state == "needs-login"
        assert not [request for request in one.requests if "token" in request]


async def test_a_token_server_at_the_mirror_itself_is_asked_however_it_is_spelled():
    with registry("healthy") as one:
        port = one.url.rpartition(":")[2]
        await asked_with_realm(one, f"http://LOCALHOST:{port}/token", f"http://localhost:{port}")
        assert [request.partition("?")[0] for request in one.requests] == ["GET /v2/", "GET /token"]


INSIDE = (
    "http://169.254.169.254/latest", "http://127.0.0.1:1", "http://localhost:1", "http://10.0.0.1", "http://[::1]:1",
    "http://[::ffff:169.254.169.254]", "http://0x7f000001:1", "http://2130706433:1", "http://100.100.100.200",
)  # fmt: skip


@pytest.fixture
def door(monkeypatch) -> Iterator[tuple[Registry, list[str]]]:
    """A registry, and host and port of every connection that was asked for; none but to the registry is begun."""
    asked_for: list[str] = []
    real = LocalHttp._sent
    with registry("healthy") as one:

        async def sent(self, through, ask, named, to, headers):
            asked_for.append(f"http://{to.netloc.decode()}")
            if asked_for[-1] != one.url:
                raise AssertionError(f"a connection to {asked_for[-1]}")
            return await real(self, through, ask, named, to, headers)

        monkeypatch.setattr(LocalHttp, "_sent", sent)
        yield one, asked_for


@pytest.mark.parametrize("address", INSIDE)
async def test_a_mirror_cannot_make_us_ask_behind_our_door(door, address):
    one, asked_for = door
    found = await asked_with_realm(one, f"{address}/token")
    assert (found.state, set(asked_for)) == ("unknown", {one.url}), found.says
    assert "not asked" in found.says
    assert not [request for request in one.requests if "token" in request]


async def test_what_a_mirror_names_on_this_very_machine_is_reached_by_nothing():
    with registry("healthy") as hidden, registry("healthy") as one:
        found = await asked_with_realm(one, f"{hidden.url}/token")
        assert (found.state, hidden.requests) == ("unknown", [])
        for status in (301, 302, 307, 308):
            one.moved = status, hidden.url
            found = await asked(one.url)
            assert (found.state, hidden.requests) == ("unknown", []), found.says


async def test_a_mirror_that_names_a_public_token_server_is_followed(monkeypatch):
    monkeypatch.setattr("stackops.console.hosts.local.http.is_public", lambda _: True)
    with registry("healthy") as other, registry("healthy") as one:
        await asked_with_realm(one, f"{other.url}/token")
        assert [request.partition("?")[0] for request in other.requests] == ["GET /token"]


async def asked_with_realm(one, realm, address=None):
    class Http(LocalHttp):
        async def get(self, url, **more):
            reply = await super().get(url, **more)
            told = {**reply.headers, "www-authenticate": f'Bearer realm="{realm}",service="x"'}
            return type(reply)(reply.status, reply.url, told, reply.body)

    (found,) = await probe_all(Http(), [MirrorQuestion(address or one.url, "mirror", (MONGO,))], ENGINE, 1.0)
    return found


def test_which_images_a_mirror_is_asked_for():
    needed = ["mongo:5", "mysql:8", "pgvector/pgvector:1", "ghcr.io/x/y:1", "minio/minio:2", "sha256:" + "a" * 64]
    assert [place.repository for place in to_ask_for(needed, [])] == ["library/mongo", "minio/minio", "library/mysql"]
    assert to_ask_for(needed, ["redis:7"])[0].repository == "library/redis"
    assert [place.repository for place in to_ask_for((), ["ghcr.io/x/y:1", "mongo:5"], "ghcr.io")] == ["x/y"]
    assert to_ask_for([], []) == ()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("mongo", ("docker.io", "library/mongo", "latest")), ("mongo:5.0.18", ("docker.io", "library/mongo", "5.0.18")),
        ("docker.io/mongo:5", ("docker.io", "library/mongo", "5")), ("a/b", ("docker.io", "a/b", "latest")),
        ("index.docker.io/library/redis:7", ("docker.io", "library/redis", "7")),
        ("ghcr.io/danny-avila/librechat:v0.7.2", ("ghcr.io", "danny-avila/librechat", "v0.7.2")),
        ("registry.cn-x.aliyuncs.com/fastgpt/mongo:5", ("registry.cn-x.aliyuncs.com", "fastgpt/mongo", "5")),
        ("localhost:5000/x:1", ("localhost:5000", "x", "1")), ("localhost/x", ("localhost", "x", "latest")),
        ("a/../../x", None), ("mongo:5?x=1", None), ("mongo:5/../..", None), ("a b", None), ("", None),
        ("sha256:" + "a" * 64, None), ("${TAG}", None),
        ("x@sha256:" + "b" * 64, ("docker.io", "library/x", "sha256:" + "b" * 64)),
    ],
)  # fmt: skip
def test_where_an_image_comes_from(name, place):
    found = place_of(name)
    assert (tuple(found) if found else None) == place


def test_the_seed_is_dated_and_the_settings_take_its_place():
    shipped = seed()
    assert len(shipped.mirrors) >= 5
    assert all(one.startswith("https://") and not one.endswith("/") for one in shipped.mirrors)
    assert shipped.dated[:2] == "20"
    assert shipped.overrides["ghcr.io"]
    own = seed(("https://One.example/", "no scheme", "https://one.example"))
    assert (own.mirrors, own.dated) == (("https://one.example",), "your settings")


def test_only_what_the_engine_would_take_is_asked():
    from stackops.console.model import DaemonConfig

    config = DaemonConfig(
        "/x", "file", mirrors=("https://a.example/", "ftp://b"), typo_mirrors=("https://u:p@c.example",),
        flags={"registry-mirrors": ("https://d.example",)},
    )  # fmt: skip
    engine = replace(ENGINE, registry_mirrors=("https://a.example/", "https://e.example/"))
    assert named(engine, config) == ("https://a.example", "https://e.example", "https://d.example")


def test_the_engines_own_proxy_is_used_and_its_exceptions_count():
    engine = replace(
        ENGINE,
        http_proxy="http://p:1",
        https_proxy="p:2",
        no_proxy="10.0.0.0/8,.inside.example,other.example:5000,*.x.y",
    )
    assert proxy_for("https://hub.example", engine) == "http://p:2"
    assert proxy_for("http://hub.example", engine) == "http://p:1"
    for direct in ("http://127.0.0.1:5000", "https://localhost", "http://10.1.2.3", "https://a.inside.example",
                   "http://other.example:5000", "https://z.x.y"):  # fmt: skip
        assert proxy_for(direct, engine) is None, direct
    assert proxy_for("https://inside.example", engine) == "http://p:2"
    assert proxy_for("http://other.example", engine) == "http://p:1"
    assert proxy_for("https://a.example", replace(engine, no_proxy="*")) is None
    assert proxy_for("https://a.example", ENGINE) is None


def test_whom_the_engine_trusts_without_a_certificate():
    engine = replace(ENGINE, insecure_registries=("127.0.0.0/8", "a.example", "b.example:5000"))
    assert trusts(engine, "https://127.0.0.1:5000")
    assert trusts(engine, "https://a.example:444")
    assert trusts(engine, "https://b.example:5000")
    assert not trusts(engine, "https://b.example")
    assert not trusts(engine, "https://192.0.2.1")


async def test_a_proxy_with_a_masked_password_makes_the_answer_unknown():
    with nobody() as proxy:
        masked = proxy.replace("http://", "http://xxxxx:xxxxx@")
        found = await asked("http://mirror.example", engine=replace(ENGINE, http_proxy=masked))
        assert found.state == "unknown"
        assert "proxy" in found.says
