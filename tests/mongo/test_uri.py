"""Connection strings, taken apart as drivers do it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.uri_parser import parse_uri
from stackops.console.products.mongo_uri import parse, repaired, rewritten


def test_the_string_of_fastgpts_compose_file_is_read_whole() -> None:
    uri = parse("mongodb://myusername:mypassword@mongo:27017/fastgpt?authSource=admin")
    assert uri is not None
    assert (uri.hosts, uri.user, uri.password, uri.database) == (
        (("mongo", 27017),), "myusername", "mypassword", "fastgpt",
    )  # fmt: skip
    assert (uri.source, uri.replica_set, uri.direct, uri.fault) == ("admin", None, False, None)


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
    assert (uri.fault.found[0] if uri.fault else None) == unescaped
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


# ---- what is wrong with the writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "at", "fixed"),
    [
        ("mongodb://u:p@h/db&authSource=admin", "separator", "&", "mongodb://u:p@h/db?authSource=admin"),
        # what an earlier release made of it
        (
            "mongodb://u:p@h/db&authSource=admin?authSource=admin",
            "separator",
            "&",
            "mongodb://u:p@h/db?authSource=admin",
        ),
        ("mongodb://u:p@h/db&a=1&b=2?c=3", "separator", "&", "mongodb://u:p@h/db?a=1&b=2&c=3"),
        ("mongodb://u:p@h/db?a=1?b=2", "separator", "?b", "mongodb://u:p@h/db?a=1&b=2"),
        ("mongodb://u:p@h/db&authSource=admin?authSource=db", "separator", "&", None),
        ("mongodb://u:p@ss@h/db&authSource=admin", "unescaped", "@ss", "mongodb://u:p%40ss@h/db?authSource=admin"),
        ("mongodb://u:a/b?c#d@h/db", "unescaped", "/b", "mongodb://u:a%2Fb%3Fc%23d@h/db"),
        ("'mongodb://u:p@h/db'", "quotes", "'", "mongodb://u:p@h/db"),
        ("mongodb://u:p@h/fast.gpt", "database", ".", None),
        ("mongodb://u:p@h/a b", "database", " ", None),
        ("mongodb://u:p@h/a$b", "database", "$", None),
        ("mongodb://u:p@h/a%2Fb", "database", "a%2F", None),
        ("mongodb://u:p@h:99999/db", "host", "h:", None),
        ("mongodb://u:p@h/db?authSource", "option", "authSource", None),
        ("mongodb://u:p@h/db?authSource=", "option", "authSource", None),
        ("mongodb+srv://u:p@h.x.net:27017/db", "srv", ":27017", None),
        ("mongodb+srv://u:p@h.x.net,i.x.net/db", "srv", ",i", None),
    ],
)
def test_each_fault_is_named_with_its_place_and_what_it_should_be(
    text: str, kind: str, at: str, fixed: str | None
) -> None:
    uri = parse(text)
    assert uri is not None
    assert uri.fault is not None
    assert (uri.fault.kind, uri.fault.at, uri.fault.certain) == (kind, text.index(at), True)
    assert (uri.fault.fixed, repaired(text)) == (fixed, fixed)
    if fixed is not None:
        again = parse(fixed)
        assert again is not None
        assert again.fault is None


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://h/db?a=1;b=2", "mongodb://h/db#x", "mongodb://h/a%26b", "mongodb://h/a&b", "mongodb://h/a*b",
        "mongodb://h/db?a=1&a=2", " mongodb://h/db", "mongodb://h/db?a=50%",
        "mongodb://u:p@mongo/db?appName=me@home", "mongodb://%2Ftmp%2Fmongodb.sock,h/db", "mongodb://u:p@mongo/db&a=b@c",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_no_finding_and_is_not_edited(text: str) -> None:
    """Some driver may take it; nobody here knows what was meant."""
    uri = parse(text)
    assert uri is not None
    assert uri.fault is not None
    assert not uri.fault.certain
    assert repaired(text) is None
    assert rewritten(text, options={"authSource": "admin"}) is None


def test_neither_a_fault_nor_its_words_tell_the_password() -> None:
    uri = parse("mongodb://me:hush@hush@mongo/db&authSource=admin")
    assert uri is not None
    assert uri.fault is not None
    assert "hush" not in f"{uri.fault!r}{uri.fault}{uri!r}{uri.fault.swaps}{uri.fault.found}"


# ---- an edit changes what it says and nothing else -------------------------------------------------------------------

WORD = st.text("abcdefgh_-0123456789", min_size=1, max_size=8)
TYPED = st.text("ab1:/?#[]@%&=.,;$ \\é'\"<>|*", max_size=8)
OPTIONS = st.lists(
    st.tuples(st.sampled_from(["authSource", "replicaSet", "w", "appName", "retryWrites"]), TYPED), max_size=3
)
HOSTS = st.lists(st.builds(lambda name, port: f"{name}{port}", WORD, st.sampled_from(["", ":27017", ":0", ":x"])),
                 min_size=1, max_size=3)  # fmt: skip


@st.composite
def strings(draw: st.DrawFn) -> str:
    """Connection strings as people write them: right ones, and wrong in every part."""
    login = draw(st.sampled_from(["", f"{draw(TYPED)}:{draw(TYPED)}@", f"{draw(WORD)}:{draw(WORD)}@"]))
    database = draw(st.sampled_from(["", "/", f"/{draw(WORD)}", f"/{draw(TYPED)}"]))
    mark, between = draw(st.sampled_from("?&")), draw(st.sampled_from("&?;"))
    options = between.join(f"{name}={value}" for name, value in draw(OPTIONS))
    return f"mongodb://{login}{','.join(draw(HOSTS))}{database}{mark if options else ''}{options}"


def parts(text: str) -> dict[str, object]:
    """By PyMongo, which knows nothing of our reader."""
    read = parse_uri(text, validate=False)
    return {name: read[name] for name in ("nodelist", "username", "password", "database", "options")}


@given(strings(), st.sampled_from(["authSource", "replicaSet"]), WORD)
def test_an_option_is_set_and_all_else_stays_or_nothing_is_edited(text: str, name: str, value: str) -> None:
    new = rewritten(text, options={name: value})
    if new is not None:
        old, again = parts(text), parts(new)
        kept = {key: one for key, one in dict(old.pop("options")).items() if key.lower() != name.lower()}  # type: ignore[call-overload]
        assert dict(again.pop("options")) == {**kept, name: value}  # type: ignore[call-overload]
        assert again == old


@given(strings(), st.tuples(TYPED.filter(bool), TYPED.filter(bool)))
def test_a_login_is_set_and_all_else_stays_or_nothing_is_edited(text: str, login: tuple[str, str]) -> None:
    new = rewritten(text, login=login)
    if new is not None:
        assert parts(new) == {**parts(text), "username": login[0], "password": login[1]}


@given(strings())
def test_hosts_are_set_and_all_else_stays_or_nothing_is_edited(text: str) -> None:
    new = rewritten(text, hosts="mongo:27017")
    if new is not None:
        assert parts(new) == {**parts(text), "nodelist": [("mongo", 27017)]}


@given(strings())
def test_a_repair_makes_a_string_that_pymongo_reads_as_we_do(text: str) -> None:
    new = repaired(text)
    for one in filter(None, (new, text if (read := parse(text)) and read.fault is None else None)):
        told, again = parts(one), parse(one)
        assert again is not None
        assert again.fault is None
        assert (list(again.hosts), again.user, again.database) == (
            told["nodelist"], told["username"] or None, told["database"],
        )  # fmt: skip
        assert (again.password or None) == (told["password"] or None)
        assert {key.lower() for key in dict(told["options"])} == set(again.options)  # type: ignore[call-overload]
        assert repaired(one) is None
