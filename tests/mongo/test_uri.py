"""Connection strings, taken apart as drivers do it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.stacks.mongouri import parse


def test_the_string_of_fastgpts_compose_file_is_read_whole() -> None:
    uri = parse("mongodb://myusername:mypassword@mongo:27017/fastgpt?authSource=admin")
    assert uri is not None
    assert (uri.hosts, uri.user, uri.password, uri.database) == (
        (("mongo", 27017),), "myusername", "mypassword", "fastgpt",
    )  # fmt: skip
    assert (uri.source, uri.replica_set, uri.direct, uri.unescaped) == ("admin", None, False, None)


def test_librechats_string_has_no_login_and_the_default_port_is_filled_in() -> None:
    uri = parse("mongodb://mongodb/LibreChat")
    assert uri is not None
    assert (uri.hosts, uri.user, uri.source) == ((("mongodb", 27017),), None, "LibreChat")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("mongodb://u:p@h/db?authSource=admin", "admin"),
        ("mongodb://u:p@h/db?AUTHSOURCE=other", "other"),
        ("mongodb://u:p@h/db", "db"),
        ("mongodb://u:p@h/", "admin"),
        ("mongodb://u:p@h", "admin"),
    ],
)
def test_the_user_is_looked_up_in_authsource_else_the_database_else_admin(text: str, source: str) -> None:
    uri = parse(text)
    assert uri is not None
    assert uri.source == source


@pytest.mark.parametrize(
    ("password", "unescaped"),
    [("a#b", "#"), ("a/b", "/"), ("a@b", "@"), ("a:b", ":"), ("50%", "%"), ("a%23b", None), ("a!$*()b", None)],
)
def test_a_character_that_has_to_be_escaped_is_named(password: str, unescaped: str | None) -> None:
    uri = parse(f"mongodb://me:{password}@mongo:27017/fastgpt?authSource=admin")
    assert uri is not None
    assert uri.unescaped == unescaped
    assert uri.hosts == (("mongo", 27017),)


def test_several_hosts_options_srv_and_ipv6_are_read() -> None:
    uri = parse("mongodb+srv://u:p@[::1]:27018,b:1/db?replicaSet=rs0&directConnection=TRUE&w=majority")
    assert uri is not None
    assert uri.srv
    assert (uri.hosts, uri.replica_set, uri.direct) == ((("::1", 27018), ("b", 1)), "rs0", True)


@pytest.mark.parametrize("text", ["", "redis://mongo:27017", "mongodb://", "mongodb:///db", "mongodb://u:p@/db", "x"])
def test_what_is_no_connection_string_is_none(text: str) -> None:
    assert parse(text) is None


def test_neither_words_nor_repr_tell_the_password() -> None:
    uri = parse("mongodb://me:hush-hush@mongo/db")
    assert "hush" not in repr(uri) + str(uri)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    parse(text)
    parse(f"mongodb://{text}")
