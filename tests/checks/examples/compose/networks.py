"""Services in different networks, and what ``compose.networks`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import ComposeService

from examples import Example
from examples.wiring.folder import folder, live, service

URL = "STORE_URL=postgresql://u:p@db:5432/app"


def app(*env: str, **more: Any) -> ComposeService:
    """A program that no product's descriptor knows."""
    return service("app", "example/app:1", *env, **more)


def db(*networks: str, name: str = "db", **more: Any) -> ComposeService:
    """A database in these networks."""
    return service(name, "postgres:16", networks=networks or ("default",), **more)


IN_BACK = {"networks": ("back",)}

FINDS = (
    Example("put the database into a network of its own", live(app(URL), db("back")), "finding", "apart", ()),
    Example("did so before the first start", folder(app(URL), db("back")), "finding", "apart", ()),
    Example("shares it with one who cannot reach it either", live(app(URL), db("back"),
            service("worker", "example/app:1", URL, networks=(), network_mode="none")), "finding", "apart", ()),
    Example("put the app into one", folder(app(URL, **IN_BACK), db()), "finding", "apart", ()),
    Example("gave both a network, each another", live(app(URL, **IN_BACK), db("data")), "finding", "apart", ()),
    Example("names the broker so", folder(app("BROKER_URL=redis://queue:6379/0"), service("queue", "redis:7.2",
            networks=("back",))), "finding", "apart", ()),
    Example("names host and port alone", folder(app("CACHE_ADDR=queue:6379"), service("queue", "redis:7.2",
            networks=("back",))), "finding", "apart", ()),
    Example("names the second of two so", folder(app(URL, "CACHE_URL=redis://queue:6379"), db(),
            service("queue", "redis:7.2", networks=("back",))), "finding", "apart", ()),
    Example("waits for a database in another network", live(app(depends_on=("db",)), db("back")), "finding",
            "waits-apart", ()),
    Example("waits for it before the first start", folder(app(depends_on=("db",)), db("back")), "finding",
            "waits-apart", ()),
    Example("waits for one of two in another network", folder(app(depends_on=("db", "two")), db(),
            db("back", name="two")), "finding", "waits-apart", ()),
    Example("left the default network with the app alone", live(app(URL, networks=("front",)), db()), "finding",
            "apart", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("leaves all in the default network", live(app(URL), db()), "ok"),
    Example("leaves all there, before the first start", folder(app(URL), db()), "ok"),
    Example("has one network in common of two", folder(app(URL, networks=("front", "back")), db("back")), "ok"),
    Example("has a block of variables for all, of which another reads this one", live(app(URL), db("back"),
            service("worker", "example/app:1", URL, networks=("back",))), "ok"),
    Example("names a database elsewhere", live(app("STORE_URL=postgresql://u:p@db.example.org:5432/app")), "ok"),
    Example("names the machine", live(app("STORE_URL=postgresql://u:p@host.docker.internal:5432/app")), "ok"),
    Example("has a word that is a service's name", live(app("STORE=app")), "ok"),
    Example("lists names that need no proxy", folder(app("NO_PROXY=localhost,db"), db("back")), "ok"),
    Example("uses the machine's own network", live(app(URL, network_mode="host", networks=())), "not_applicable"),
    Example("uses another container's network", live(app(URL, network_mode="service:vpn", networks=())),
            "not_applicable"),
    Example("waits for what it can reach", live(app(depends_on=("app",))), "ok"),
    Example("waits for one that only has to end", folder(app(depends_on=("db",), awaits_end=("db",)), db("back")),
            "ok"),
    Example("waits for a service that is not there", live(app(depends_on=("db",))), "ok"),
    Example("has the address of FastGPT's database, which wiring.address follows",
            live(app("PG_URL=postgresql://u:p@pg:5432/postgres", depends_on=("pg",)),
                 service("pg", "postgres:16", networks=("back",), network_mode="none")), "ok"),
)  # fmt: skip


EXAMPLES = FINDS + FINDS_NOT
