from __future__ import annotations

import json

from stackops.console.model import Container, Port
from stackops.console.report import plain


def test_ps_shows_containers_with_their_figures_and_versions(stackops) -> None:
    document = json.loads(stackops("ps", "--json").out)
    assert list(document) == ["schema", "host", "taken_at", "containers", "services", "faults"]
    mongo = next(row for row in document["containers"] if row["name"] == "mongo")
    assert set(mongo) >= {"id", "state", "project", "service", "cpu_percent", "memory", "ports", "started_at", "health"}
    titles, *rows = stackops("ps").out.splitlines()
    assert titles.split() == ["STATE", "NAME", "PROJECT", "ROLE", "VERSION", "CPU", "MEM", "UP", "PORTS"]
    (shown,) = [row for row in rows if " LibreChat " in row]
    (version,) = [one["version"] for one in document["services"] if one["name"] == "LibreChat"]
    assert shown[titles.index("VERSION") :].startswith(f"{version} ")


def test_ps_plain_says_the_state_first(stackops) -> None:
    rows = [line.split("\t") for line in stackops("ps", "--plain").out.splitlines()]
    assert {row[1] for row in rows if row[0] != "fault"} <= {"container", "process"}
    assert all(len(row) == 10 for row in rows if row[1] == "container")


def test_a_published_port_is_told_once_and_its_address_only_where_it_matters() -> None:
    ports = (
        Port(80, "tcp", "0.0.0.0", 8080),
        Port(80, "tcp", "::", 8080),
        Port(53, "udp", "127.0.0.1", 53),
        Port(9000),
    )
    box = Container(id="a" * 64, name="x", image="y", state="running", ports=ports)
    assert plain.ports(box) == "8080->80 127.0.0.1:53->53/udp"


def test_explain_lists_every_check_and_tells_one(stackops) -> None:
    listed = [line.split("\t")[1] for line in stackops("explain", "--plain").out.splitlines()]
    assert listed == [row["id"] for row in json.loads(stackops("explain", "--json").out)["checks"]]
    for check in listed:
        text = stackops("explain", check).out
        assert text.startswith(check)
        assert "What it does" in text
        assert "What it does" in json.loads(stackops("explain", check, "--json").out)["check"]["doc"]


def test_explain_is_told_in_chinese_and_to_programs_in_english(stackops) -> None:
    told = stackops("--lang", "zh", "explain", "mongo.keyfile").out
    assert "为什么重要" in told
    assert "Why it matters" not in told
    assert "密钥文件" in stackops("--lang", "zh", "explain").out
    for programs in ("--json", "--plain"):
        assert stackops("--lang", "zh", programs, "explain", "mongo.keyfile").out.isascii()


def test_explain_of_an_unknown_check_names_the_nearest(stackops) -> None:
    answer = stackops("explain", "mongo.key-file")
    assert answer.code == 2
    assert 'did you mean "mongo.keyfile"?' in answer.err
