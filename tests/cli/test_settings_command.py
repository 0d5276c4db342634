"""``stackops settings``: what counts and where it comes from; the schema says of a file what the loader says."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.commands.settings import json_schema
from stackops.console.settings import Settings, SettingsError, parse
from stackops.console.text.toml_text import TypeJudge

README = Path(__file__).resolve().parents[2] / "README.md"
FILE = """\
theme = "fjord"
period = 2

[checks]
disable = ["mongo.keyfile"]
severity = { "mongo.cpu" = "info" }

[[ignore]]
check = "mongo.cpu"
reason = "old machine"
until = 2027-01-31

[[ignore]]
check = "docker.disk"
until = 2027-02-01
reason = "moves"

[servers]
addresses = ["http://me:hunter2secret@10.0.0.7:8000"]

[servers.token_env]
"10.0.0.7:8000" = "LAN_KEY"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "mine.toml"
    made.write_text(FILE)
    return made


def rows(said: str) -> dict[str, tuple[Any, str, str]]:
    return {row["name"]: (row["value"], row["from"], row["where"]) for row in json.loads(said)["settings"]}


def test_each_setting_has_its_value_and_its_origin(stackops, file, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://box:2375")
    found = rows(stackops("settings", "--json", "--config", str(file), "--theme", "ember", "--read-only").out)
    assert found["theme"] == ("ember", "flag", "--theme")
    assert found["read_only"] == (True, "flag", "--read-only")
    assert found["period"] == (2.0, "file", f"{file}:2")
    assert found["host"] == ("tcp://box:2375", "environment", "DOCKER_HOST")
    assert found["checks.disable"] == (["mongo.keyfile"], "file", f"{file}:5")
    assert found["checks.severity.mongo.cpu"] == ("info", "file", f"{file}:6")
    assert found["ignore[1].until"] == ("2027-01-31", "file", f"{file}:11")
    assert found["ignore[2].until"] == ("2027-02-01", "file", f"{file}:15")
    assert found["ignore[2].subject"] == (None, "default", "")
    assert found["servers.token_env.10.0.0.7:8000"] == ("LAN_KEY", "file", f"{file}:22")
    assert found["fix.settle"] == (None, "default", "")


def test_the_table_and_the_facts_say_the_same(stackops, file) -> None:
    text = stackops("settings", "--config", str(file)).out
    assert re.search(rf'^theme +"fjord" +{re.escape(str(file))}:1$', text, re.MULTILINE)
    assert re.search(r"^librechat\.release +not set +default$", text, re.MULTILINE)
    assert f"{file} (--config)" in text
    facts = stackops("settings", "--plain", "--config", str(file)).out.splitlines()
    assert f'file\ttheme\t"fjord"\t{file}:1' in facts
    assert "default\tfix.settle\tnot set\t" in facts


def test_nothing_secret_is_told(stackops, file) -> None:
    for form in ((), ("--json",), ("--plain",)):
        answer = stackops("settings", *form, "--config", str(file))
        assert answer.code == 0
        assert "10.0.0.7" in answer.out
        assert "hunter2" not in answer.out + answer.err


def test_without_a_file_all_are_defaults(stackops, monkeypatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    answer = stackops("settings", "--json")
    assert {origin for _, origin, _ in rows(answer.out).values()} == {"default"}
    assert "stackops.toml, which is not there" in json.loads(answer.out)["places"]["settings file"]


def test_a_file_with_a_mistake_is_told_as_everywhere(stackops, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("perod = 2\n")
    answer = stackops("settings", "--config", str(tmp_path / "bad.toml"))
    assert answer.code == 2
    assert 'unknown key "perod"' in answer.err


def test_the_schema_is_one_document_and_every_setting_has_words(stackops) -> None:
    schema = json.loads(stackops("settings", "--schema").out)
    assert schema == json.loads(json.dumps(json_schema()))
    for name, definition in schema["$defs"].items():
        for field, told in definition["properties"].items():
            assert told.get("description") or "$ref" in told, f"{name}.{field}"


VALID = fastjsonschema.compile(json_schema())


def plain(value: Any, name: str = "") -> Any:
    """A date as JSON has it where one is wanted; elsewhere it stays what no JSON has, as in TOML it is no text."""
    if isinstance(value, dict):
        return {key: plain(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) and name == "until" else value


def by_schema(data: dict[str, Any]) -> bool:
    try:
        VALID(plain(data))
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def by_loader(data: dict[str, Any]) -> bool:
    try:
        TypeJudge("x.toml", "").check(data, Settings)
    except SettingsError:
        return False
    return True


_SCALARS = st.sampled_from([
    "dark", "", "en", "zh", "error", "info", "none", "word", "0.8.7", "v1.2.3", "8", True, False, 0, 1, 2.5, 0.5, 60,
    61, 600, -1, date(2027, 1, 31), "2027-01-31", "soon",
])  # fmt: skip
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
    st.sampled_from([
        "a", "disable", "severity", "vectors", "probe", "addresses", "token_env", "release", "settle", "seed", "check",
        "reason", "until", "subject", "name", "run", "key", "dangerous", "access_token_env",
    ]), inner, max_size=4), max_leaves=8)  # fmt: skip
_IGNORE = st.fixed_dictionaries(
    {"check": _SCALARS, "reason": _SCALARS, "until": _SCALARS}, optional={"subject": _SCALARS}
)


@given(
    st.dictionaries(st.sampled_from([*Settings.__struct_fields__, "perod"]), _VALUES, max_size=3),
    st.none() | st.lists(_IGNORE, max_size=2),
)
def test_the_schema_and_the_loader_agree_on_whatever_a_file_may_hold(data: dict[str, Any], ignored: Any) -> None:
    if ignored is not None:
        data = {**data, "ignore": ignored}
    assert by_schema(data) == by_loader(data), data


@pytest.mark.parametrize(
    "data",
    [
        {"ignore": [{"check": "a", "reason": "b", "until": date(2027, 1, 31), "subject": "c"}], "ascii": True},
        {"checks": {"severity": {"a.b": "info"}, "vectors": 7}, "confirm": {"container.stop": "word"}},
        {"servers": {"token_env": {"a:1": "B"}, "probe": False}, "librechat": {"release": "v0.8.7"}},
    ],
)
def test_both_take_what_is_right(data) -> None:
    assert by_schema(data)
    assert by_loader(data)


@pytest.mark.parametrize(
    "data",
    [
        {"ignore": [{"check": "a", "until": date(2027, 1, 31)}]}, {"period": 61}, {"period": True}, {"theme": 1},
        {"checks": {"severity": {"a": "bad"}}}, {"librechat": {"release": "new"}}, {"perod": 1}, {"checks": []},
        {"ignore": [{"check": "a", "reason": "", "until": date(2027, 1, 31)}]}, {"fix": {"settle": 601}},
    ],
)  # fmt: skip
def test_both_refuse_what_is_wrong(data) -> None:
    assert not by_schema(data)
    assert not by_loader(data)


def test_the_example_of_the_readme_is_taken_by_both() -> None:
    import tomllib

    (example,) = (
        block for block in re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.DOTALL) if "[keymap]" in block
    )
    assert parse(example)
    assert by_schema(tomllib.loads(example))
