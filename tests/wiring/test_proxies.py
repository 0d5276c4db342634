"""To whom nginx, Caddy and Traefik pass requests on: what their files and labels say, and what cannot be known."""

from __future__ import annotations

from typing import Any

import pytest
from examples.snapshots import NOW, container_id
from examples.wiring.broken import box
from stackops.checks.registry import examine
from stackops.console.hosts import NotPermitted
from stackops.console.judge import needs_of
from stackops.console.model import Container, Edge, HostInfo, Mount, NetworkLink, ProxyConfig, Snapshot
from stackops.console.products.edges import edges
from stackops.console.products.proxies import caddy_addresses, directives, nginx_addresses, proxy_configs
from stackops.console.settings import Settings
from support.memory_files import MemoryFiles

LIBRECHAT = """# fact: danny-avila/LibreChat v0.8.2, client/nginx.conf, its lines about requests
server {
  listen 80;
  server_name localhost;
  client_max_body_size 25M;
  location /api/ {
    proxy_pass http://api:3080$request_uri;
  }
  location / { proxy_pass http://api:3080/; }   # the pages
}
"""


def nginx(text: str) -> list[tuple[str, int, int | None, bool]]:
    found = nginx_addresses(list(directives(text, "/x.conf"))).get("/x.conf", [])
    return [(one.host, one.port, one.line, one.tls) for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (LIBRECHAT, [("api", 3080, 7, False), ("api", 3080, 9, False)]),
        ("location / { proxy_pass https://chat.example.org; }", [("chat.example.org", 443, 1, True)]),
        ("location / { proxy_pass http://[fd00::2]:3080/x; }", [("fd00::2", 3080, 1, False)]),
        ("upstream app { server api:3080 weight=2;\nserver b; server c:1 down; server unix:/x; }\nproxy_pass http://app/x;",
         [("api", 3080, 1, False), ("b", 80, 2, False)]),
        ("upstream unused { server api:3080; }", []),
        ("set $up http://api:3080;\nlocation / { proxy_pass $up$request_uri; }", [("api", 3080, 2, False)]),
        ('set $up "api"; proxy_pass "http://${up}:3080";', [("api", 3080, 1, False)]),
        ("proxy_pass http://$backend;", []),
        ("proxy_pass http://$host:3080;", []),
        ("proxy_pass http://unix:/run/app.sock;", []),
        ("# proxy_pass http://api:3080;\nlog_format x '; proxy_pass http://api:1;';", []),
        ("proxy_pass;", []),
        ("proxy_pass ftp://api;", []),
        ("} } proxy_pass http://api:99999;", []),
        ("{" * 5000, []),
        ("\x00\xff \"never ends", []),
    ],
)  # fmt: skip
def test_what_an_nginx_is_told(text: str, found: list[Any]) -> None:
    assert nginx(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("chat.example.org {\n  reverse_proxy api:3080\n}", [("api", 3080, 2, False)]),
        ("chat.example.org\nreverse_proxy localhost:3080", [("localhost", 3080, 2, False)]),
        (":80 {\n reverse_proxy /api/* @x http://api:3080 b\n}", [("api", 3080, 2, False), ("b", 80, 2, False)]),
        ("x {\n reverse_proxy {\n to api:3080 https://b\n lb_policy first\n }\n}",
         [("api", 3080, 3, False), ("b", 443, 3, True)]),
        ("x {\n reverse_proxy api:3080 { # the app\n transport http {\n tls_insecure_skip_verify\n }\n }\n}",
         [("api", 3080, 2, True)]),
        ("x {\n tls internal\n reverse_proxy :3080\n}", [("localhost", 3080, 3, False)]),
        ("x {\n # reverse_proxy api:3080\n respond hello\n}", []),
        ("x {\n reverse_proxy {$UNSET}\n reverse_proxy unix//run/x.sock\n reverse_proxy {env.X}:80\n}", []),
        ("}\n}\nreverse_proxy", []),
        ("reverse_proxy api:99999", []),
    ],
)  # fmt: skip
def test_what_a_caddy_is_told(text: str, found: list[Any]) -> None:
    assert [(one.host, one.port, one.line, one.tls) for one in caddy_addresses(text)] == found


SLOW = ("\n" * 250_000, "{$A:" * 60_000, 'import "' * 30_000, "a{" * 100_000, "x;" * 100_000)


@pytest.mark.parametrize("text", SLOW, ids=lambda text: repr(text[:4]))
def test_a_file_made_to_be_slow_is_read_all_the_same(text: str) -> None:
    one = proxy("caddy:2", ("/srv/f", "/etc/caddy/Caddyfile"))
    other = proxy("nginx:1.27", ("/srv/f", "/etc/nginx/nginx.conf"))
    assert [found for _, found, _ in (*read(one, f=text), *read(other, f=text))] == [[], []]


def test_of_very_many_addresses_the_first_are_followed() -> None:
    many = "upstream app { " + "server api:1;" * 9000 + " } " + "proxy_pass http://app;" * 9000
    assert len(nginx(many)) == 24


def proxy(image: str, *mounts: tuple[str, str], **more: Any) -> Container:
    binds = tuple(Mount("bind", source, target) for source, target in mounts)
    return box(image.partition(":")[0], image, mounts=binds, **more)


def read(one: Container, **content: Any) -> list[tuple[str, list[str], str | None]]:
    files = MemoryFiles({f"/srv/{name.replace('__', '/').replace('_', '.')}": text for name, text in content.items()})
    told = proxy_configs(files, (one,))
    return [(each.path, [f"{at.host}:{at.port}" for at in each.addresses], each.problem) for each in told]


PASS = "server { location / { proxy_pass http://%s; } }"
TO_API, TO_OTHER = PASS % "api:3080", PASS % "other:1"


def test_the_file_behind_each_mount_is_read() -> None:
    one = proxy("nginx:1.27", ("/srv/nginx.conf", "/etc/nginx/conf.d/default.conf"))
    assert read(one, nginx_conf=TO_API) == [("/srv/nginx.conf", ["api:3080"], None)]
    folder = proxy("nginx:1.27", ("/srv/d", "/etc/nginx/conf.d"))
    told = read(folder, d__a_conf=TO_API, d__b_bak=TO_OTHER)
    assert told == [("/srv/d/a.conf", ["api:3080"], None)]


def test_a_main_file_decides_what_else_counts() -> None:
    both = (("/srv/n.conf", "/etc/nginx/nginx.conf"), ("/srv/d", "/etc/nginx/conf.d"))
    one = proxy("nginx:1.27", *both)
    alone = read(one, n_conf="http { %s }" % TO_API, d__a_conf=TO_OTHER)  # noqa: UP031 - braces
    assert alone == [("/srv/n.conf", ["api:3080"], None)]
    more = read(one, n_conf="http { include conf.d/*.conf; }", d__a_conf=TO_OTHER)
    assert more == [("/srv/n.conf", [], None), ("/srv/d/a.conf", ["other:1"], None)]
    itself = read(one, n_conf="include nginx.conf; include /etc/nginx/*.conf; include /etc/passwd;")
    assert itself == [("/srv/n.conf", [], None)]


def test_an_upstream_may_stand_in_another_file() -> None:
    one = proxy("nginx:1.27", ("/srv/d", "/etc/nginx/conf.d"))
    told = read(one, d__a_conf=PASS % "app", d__b_conf="upstream app { server api:3080; }")
    assert told == [("/srv/d/a.conf", [], None), ("/srv/d/b.conf", ["api:3080"], None)]


def test_a_template_is_filled_as_the_image_fills_it() -> None:
    one = proxy("nginx:1.27", ("/srv/t", "/etc/nginx/templates"), env={"APP": "api:3080"})
    assert read(one, t__a_conf_template=PASS % "${APP}")[0][1] == ["api:3080"]
    assert read(one, t__a_conf_template=PASS % "${ELSE}")[0][1] == []


def test_a_caddyfile_is_read_with_its_variables_and_imports() -> None:
    one = proxy("caddy:2", ("/srv/caddy", "/etc/caddy"), env={"APP": "api:3080"})
    told = read(
        one, caddy__Caddyfile="x {\n reverse_proxy {$APP} {$B:b:1}\n import snippet\n}\nimport sites/*",
        caddy__sites__a="y {\n reverse_proxy c\n}",
    )  # fmt: skip
    assert told == [("/srv/caddy/Caddyfile", ["api:3080", "b:1"], None), ("/srv/caddy/sites/a", ["c:80"], None)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (NotPermitted("/srv/n.conf: permission denied", "sudo cat /srv/n.conf"), "permission denied"),
        (None, "is a directory"),
        (b"x" * 300_000, "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: Any, problem: str) -> None:
    one = proxy("nginx:1.27", ("/srv/n.conf", "/etc/nginx/conf.d/default.conf"))
    ((path, addresses, why),) = read(one, n_conf=content)
    assert (path, addresses) == ("/srv/n.conf", [])
    assert problem in (why or "")


def test_a_folder_that_cannot_be_listed_says_why() -> None:
    one = proxy("nginx:1.27", ("/srv/d", "/etc/nginx/conf.d"))
    ((path, _, why),) = read(one, d=NotPermitted("denied", "sudo ls"))
    assert (path, bool(why)) == ("/srv/d", True)


@pytest.mark.parametrize(
    "one",
    [
        proxy("nginx:1.27"),
        proxy("nginx:1.27", ("/srv/html", "/usr/share/nginx/html")),
        proxy("nginx:1.27", ("/srv/n.conf", "/etc/nginx/conf.d/default.conf"), state="exited"),
        proxy("fastgpt:v4.8.4", ("/srv/n.conf", "/etc/nginx/conf.d/default.conf")),
        box("nginx", "nginx:1.27", mounts=(Mount("volume", "/srv", "/etc/nginx/conf.d"),)),
    ],
)
def test_of_whom_nothing_is_read(one: Container) -> None:
    assert read(one, n_conf=TO_API, html__index_html="x") == []


@pytest.mark.parametrize(
    ("text", "late"),
    [
        ("set $up api; proxy_pass http://$up:3080;", [True]),
        ("proxy_pass http://api:3080$request_uri;", [True]),
        ("proxy_pass http://api:3080$request_uri; proxy_pass http://api:3080/;", [False, False]),
        ("upstream app { zone app 64k; server api:3080 resolve; server b:1; } proxy_pass http://app;", [True, False]),
        ("upstream app { server api:3080; } set $up app; proxy_pass http://$up;", [False]),
        ("proxy_pass http://api:3080;", [False]),
    ],
)
def test_what_nginx_looks_up_with_each_request(text: str, late: list[bool]) -> None:
    found = nginx_addresses(list(directives(text, "/x.conf")))["/x.conf"]
    assert [one.late for one in found] == late


def test_whoever_is_looked_up_late_may_be_away() -> None:
    late = configs(FRONT, "resolver 127.0.0.11; set $up api; location / { proxy_pass http://$up:3080; }")
    assert arrows(FRONT, proxies=late) == {}
    assert arrows(FRONT, box("api", state="exited"), proxies=late) == {}
    assert arrows(FRONT, box("api", networks=("other",)), proxies=late) == {}
    assert list(arrows(FRONT, API, proxies=late)) == ["nginx -> api"]
    far = configs(FRONT, "set $up llm.example.org; location / { proxy_pass http://$up; }")
    assert list(arrows(FRONT, proxies=far)) == ["nginx -> llm.example.org"]


def test_an_nginx_that_goes_round_keeps_its_arrows() -> None:
    round_ = proxy("nginx:1.27", ("/srv/n.conf", "/etc/nginx/conf.d/default.conf"), state="restarting")
    (edge,) = arrows(round_, API, proxies=configs(round_, LIBRECHAT)).values()
    assert (edge.target_name, edge.hops[0].state) == ("api", "unknown")


def arrows(*boxes: Container, proxies: tuple[ProxyConfig, ...] = ()) -> dict[str, Edge]:
    found = edges(boxes, proxies=proxies)
    return {f"{one.source_name} -> {one.target_name or one.host}": one for one in found}


def configs(one: Container, text: str) -> tuple[ProxyConfig, ...]:
    return proxy_configs(MemoryFiles({"/srv/n.conf": text}), (one,))


FRONT = proxy("nginx:1.27", ("/srv/n.conf", "/etc/nginx/conf.d/default.conf"))
API = box("api", "librechat:v0.8.2")


def test_the_addresses_of_a_file_are_arrows_that_say_where_they_stand() -> None:
    edge = arrows(FRONT, API, proxies=configs(FRONT, LIBRECHAT))["nginx -> api"]
    assert (edge.kind, edge.speaks, edge.host, edge.port, edge.tls) == ("app", "http", "api", 3080, False)
    assert (edge.place, edge.origin) == (
        "/srv/n.conf:7",
        "proxy_pass of location /api/, proxy_pass of location /",
    )
    secret = configs(FRONT, "proxy_pass http://me:hunter2@api:3080/;")
    assert "hunter2" not in repr(arrows(FRONT, API, proxies=secret))


def test_whoever_is_passed_requests_is_needed() -> None:
    seen = Snapshot(NOW, HostInfo("x"), containers=(FRONT, API), proxies=configs(FRONT, LIBRECHAT))
    assert needs_of(seen)[FRONT.id] == (API.id,)


LABEL = "traefik.http.services.chat.loadbalancer.server.port"
TRAEFIK = box("traefik", "traefik:v3.1", command=("--providers.docker=true",))


def chat(*networks: tuple[str, str | None], **labels: str) -> Container:
    links = tuple(NetworkLink(name, address, aliases=("api",)) for name, address in networks)
    return box("api", "librechat:v0.8.2", labels={LABEL: "3080", **labels}) if not links else Container(
        container_id("api"), "api", "librechat:v0.8.2", state="running", project="stack", service="api",
        labels={LABEL: "3080", **labels}, networks=links,
    )  # fmt: skip


def test_labels_are_arrows_of_the_traefik_that_reads_them() -> None:
    edge = arrows(TRAEFIK, chat(("net", "10.0.0.7")))["traefik -> api"]
    assert (edge.kind, edge.host, edge.port) == ("app", "10.0.0.7", 3080)
    assert (edge.origin, edge.place) == (LABEL, "labels of api")
    two = chat(("other", "10.1.0.7"), ("net", "10.0.0.7"))
    assert [one.host for one in edges((TRAEFIK, two))] == ["10.0.0.7"]
    named = chat(("other", "10.1.0.7"), ("net", "10.0.0.7"), **{"traefik.docker.network": "other"})
    assert [one.host for one in edges((TRAEFIK, named))] == ["10.1.0.7"]


@pytest.mark.parametrize(
    "boxes",
    [
        (TRAEFIK, chat(**{"traefik.enable": "false"})),
        (TRAEFIK, chat(**{LABEL: "many"})),
        (TRAEFIK, box("api", labels={"traefik.http.routers.chat.rule": "Host(`x`)"})),
        (box("traefik", "traefik:v3.1", command=("--providers.file.directory=/x",)), chat()),
        (box("nginx", "nginx:1.27"), chat()),
    ],
)
def test_labels_that_nobody_follows_are_no_arrows(boxes: tuple[Container, ...]) -> None:
    assert edges(boxes) == ()


STATIC = "providers:\n  file:\n    directory: /etc/traefik/dynamic\n"
DYNAMIC = """# fact: doc.traefik.io, file provider, its example
http:
  routers:
    app:
      rule: Host(`chat.example.org`)
      service: app
  middlewares:
    login:
      basicAuth:
        users: ["me:hunter2"]
      forwardAuth:
        address: http://auth:9000
  services:
    app:
      loadBalancer:
        servers:
          - url: http://api:3080/
          - url: "https://b"
          - url: http://api:99999
          - url: 7
    unused:
      loadBalancer:
        servers:
          - url: http://nobody:1
"""
TOML = """[http.routers.app]
service = "app@file"
[[http.services.app.loadBalancer.servers]]
url = "http://api:3080"
"""
SHARED = """http:
  routers: {r: {service: both}}
  services:
    both: {weighted: {services: [{name: one, weight: 1}, {name: two@file}]}}
    one: {loadBalancer: {servers: [{url: "http://one:1"}]}}
    two: {loadBalancer: {servers: [{url: "http://two:2"}]}}
"""
FOLDER = ("/srv/dyn", "/etc/traefik/dynamic")
BY_OPTION = {"command": ("traefik", "--providers.file.directory=/etc/traefik/dynamic/")}


def traefik(*mounts: tuple[str, str], **more: Any) -> Container:
    return proxy("traefik:v3.1", *mounts, **more)


def test_the_files_of_a_traefik_are_found_by_static_file_option_or_variable() -> None:
    static = traefik(("/srv/main.yml", "/etc/traefik/traefik.yml"), FOLDER)
    found = ("/srv/dyn/app.yml", ["api:3080", "b:443"], None)
    assert read(static, main_yml=STATIC, dyn__app_yml=DYNAMIC) == [("/srv/main.yml", [], None), found]
    assert read(traefik(FOLDER, **BY_OPTION), dyn__app_yml=DYNAMIC, dyn__app_bak=DYNAMIC) == [found]
    by_variable = traefik(FOLDER, env={"TRAEFIK_PROVIDERS_FILE_FILENAME": "/etc/traefik/dynamic/app.yml"})
    assert read(by_variable, dyn__app_yml=DYNAMIC, dyn__b_yml=SHARED) == [found]
    elsewhere = traefik(("/srv/main.yml", "/x.yml"), FOLDER, command=("--configFile=/x.yml",))
    assert read(elsewhere, main_yml=STATIC, dyn__app_yml=DYNAMIC)[1] == found
    assert read(traefik(FOLDER), dyn__app_yml=DYNAMIC) == []


def test_of_the_services_of_a_traefik_those_count_that_are_used() -> None:
    one = traefik(FOLDER, **BY_OPTION)
    assert read(one, dyn__a_toml=TOML) == [("/srv/dyn/a.toml", ["api:3080"], None)]
    assert read(one, dyn__a_yml=SHARED)[0][1] == ["one:1", "two:2"]
    (config,) = proxy_configs(MemoryFiles({"/srv/dyn/a.yml": DYNAMIC}), (one,))
    assert [(at.whose, at.key, at.line, at.tls) for at in config.addresses] == [
        ("service app", "url", 17, False), ("service app", "url", 18, True),
    ]  # fmt: skip
    assert "hunter2" not in repr(config)
    label = {"traefik.http.routers.x.service": "unused@file"}
    told = proxy_configs(MemoryFiles({"/srv/dyn/a.yml": DYNAMIC}), (one, box("x", labels=label)))
    assert [at.host for at in told[0].addresses] == ["api", "b", "nobody"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("http: {routers: [", "it cannot be read as YAML or TOML"),
        ('http:\n  routers:\n{{ range $i := until 3 }}\n  x: {service: hunter2}\n{{ end }}', "it is a template"),
        ("- a list", "it cannot be read as YAML or TOML"),
        ("a: " + "[" * 5000, "it cannot be read as YAML or TOML"),
        ("a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9)),
         "it cannot be read as YAML or TOML"),
        ("", None), ("http: 7", None), ("http: {services: {app: 7}, routers: {x: {service: app}}}", None),
        ("http: {services: {app: {loadBalancer: {servers: {url: x}}}}, routers: {x: {service: app}}}", None),
        ("http: {services: 7, routers: [x, {service: [app]}]}", None),
    ],
)  # fmt: skip
def test_a_file_of_a_traefik_that_is_none_says_why_and_not_what_is_in_it(text: str, problem: str | None) -> None:
    assert read(traefik(FOLDER, **BY_OPTION), dyn__a_yml=text) == [("/srv/dyn/a.yml", [], problem)]


def test_an_arrow_of_the_file_provider_says_where_it_stands() -> None:
    one = traefik(FOLDER, **BY_OPTION)
    found = proxy_configs(MemoryFiles({"/srv/dyn/a.yml": DYNAMIC}), (one,))
    edge = arrows(one, API, proxies=found)["traefik -> api"]
    assert (edge.kind, edge.place, edge.origin) == ("app", "/srv/dyn/a.yml:17", "url of service app")


def test_of_a_proxy_whose_file_cannot_be_read_it_is_unknown_whom_it_needs() -> None:
    denied = MemoryFiles({"/srv/n.conf": NotPermitted("permission denied", "sudo cat /srv/n.conf")})
    seen = Snapshot(NOW, HostInfo("x"), containers=(FRONT, API), proxies=proxy_configs(denied, (FRONT,)))
    (result,) = [each for each in examine(seen, Settings(), only=("wiring.broken",)) if each.subject == "nginx"]
    assert (result.status, result.title) == ("unknown", "Cannot say to whom nginx passes requests on")
    assert result.because == "/srv/n.conf: permission denied"
