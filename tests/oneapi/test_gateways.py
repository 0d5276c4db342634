"""What environments say of databases and gateways, and what they never show."""

from __future__ import annotations

import pytest
from stackops.console.model import Container, NetworkLink, Port
from stackops.console.products.gateways import dsn_of, gateway_of, leads_to, release


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("root:oneapimmysql@tcp(mysql:3306)/oneapi", ("mysql", "mysql", 3306, "oneapi")),
        ("root:p@ss(w)@tcp(db:33066)/one?charset=utf8", ("mysql", "db", 33066, "one")),
        ("root:x@tcp(mysql)/oneapi", ("mysql", "mysql", 3306, "oneapi")),
        ("root:x@(mysql:3306)/oneapi", ("mysql", "mysql", 3306, "oneapi")),
        ("root:x@tcp([fd00::5]:3307)/oneapi", ("mysql", "fd00::5", 3307, "oneapi")),
        ("postgres://u:p%40@pg:5433/one?sslmode=disable", ("postgres", "pg", 5433, "one")),
    ],
)
def test_the_dsn_is_taken_apart_without_user_and_password(value, told) -> None:
    dsn = dsn_of(value)
    assert dsn is not None
    assert (dsn.kind, dsn.host, dsn.port, dsn.name) == told
    assert "p@ss" not in repr(dsn)


@pytest.mark.parametrize(
    "value", ["", None, "oneapi.db", "root:x@unix(/run/mysqld.sock)/oneapi", "postgres://[", "nonsense://x"]
)
def test_what_is_no_address_of_a_database_is_none(value) -> None:
    assert dsn_of(value) is None


def test_an_address_from_outside_is_made_harmless() -> None:
    dsn = dsn_of("root:x@tcp(\x1b[31mdb\u202e:3306)/o")
    assert dsn is not None
    assert not set("\x1b\u202e") & set(dsn.address)


def test_aiproxy_beats_oneapi_url_which_beats_openai_base_url_in_its_releases() -> None:
    env = {
        "OPENAI_BASE_URL": "http://a/v1", "CHAT_API_KEY": "sk-chat", "ONEAPI_URL": "http://b/v1",
        "AIPROXY_API_ENDPOINT": "http://c:3000",
    }  # fmt: skip
    chosen = gateway_of(env)
    assert chosen is not None
    assert (chosen.url, chosen.key_variable) == ("http://c:3000/v1", "CHAT_API_KEY")
    assert "sk-chat" not in repr(chosen)
    del env["AIPROXY_API_ENDPOINT"]
    assert gateway_of(env, "4.8.19").url == "http://b/v1"
    assert gateway_of(env, "4.8.20").url == "http://a/v1"
    assert gateway_of(env, "4.6.9").url == "http://a/v1"
    assert gateway_of({"CHAT_API_KEY": "x"}) is None


def test_the_aiproxy_token_beats_the_chat_key_even_when_its_endpoint_is_gone() -> None:
    # fact: fastgpt-stack 2, "401 无效的令牌"
    chosen = gateway_of({"OPENAI_BASE_URL": "http://a/v1", "CHAT_API_KEY": "x", "AIPROXY_API_TOKEN": "y"})
    assert chosen is not None
    assert (chosen.variable, chosen.key_variable, chosen.key) == ("OPENAI_BASE_URL", "AIPROXY_API_TOKEN", "y")


def box(name: str, *, network: str = "net", **more) -> Container:
    links = (NetworkLink(network, "172.18.0.9", (name,)),)
    return Container(**({"id": name * 9, "name": name, "image": "x", "state": "running", "networks": links} | more))


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("http://oneapi:3000/v1", True),
        ("http://172.18.0.9:3000/v1", True),
        ("http://host.docker.internal:3001/v1", True),
        ("http://192.168.1.4:3001/v1", True),
        ("http://192.168.1.4:3002/v1", False),
        ("http://127.0.0.1:3001/v1", False),
        ("http://api.openai.com/v1", False),
        ("http://[/v1", False),
    ],
)
def test_an_address_leads_to_a_container_by_name_address_or_published_port(url, leads) -> None:
    assert leads_to(url, box("fastgpt"), box("oneapi", ports=(Port(3000, "tcp", "0.0.0.0", 3001),))) is leads


def test_a_name_counts_only_in_a_common_network() -> None:
    assert not leads_to("http://oneapi:3000/v1", box("fastgpt", network="other"), box("oneapi"))


def test_releases_are_numbers_or_nothing() -> None:
    assert release("v0.6.11-preview.1") == (0, 6, 11)
    assert release("latest") is None
    assert release(None) is None
