from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.paths import settings_file, state_directory
from stackops.console.settings import CheckSettings, CommandSettings, Settings, SettingsError, load, parse


def sentence(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text, "/etc/x.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_is_the_defaults() -> None:
    assert parse("") == Settings()


def test_the_null_device_means_no_settings() -> None:
    assert load(env={"STACKOPS_CONFIG": "/dev/null"}) == load("/dev/null") == Settings()


def test_every_key_is_read() -> None:
    text = """
    host = "tcp://box:2376"
    project = "librechat"
    read_only = true
    theme = "ansi"
    lang = "zh"
    period = 2
    project_dirs = ["/srv/librechat"]
    [keymap]
    "container.restart" = "f5"
    [checks]
    disable = ["mongo.keyfile"]
    severity = { "librechat.config-mount" = "warning" }
    """
    assert parse(text) == Settings(
        host="tcp://box:2376",
        project="librechat",
        read_only=True,
        theme="ansi",
        lang="zh",
        period=2.0,
        project_dirs=("/srv/librechat",),
        keymap={"container.restart": "f5"},
        checks=CheckSettings(disable=("mongo.keyfile",), severity={"librechat.config-mount": "warning"}),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\n", '/etc/x.toml:1: unknown key "a" in [top level]; known are host, project'),
        ("\n\n# c\nperod = 2\n", '/etc/x.toml:4: unknown key "perod" in [top level]; did you mean "period"?'),
        ("[checks]\ndisabel = []\n", '/etc/x.toml:2: unknown key "disabel" in [checks]; did you mean "disable"?'),
        ('period = "fast"\n', '/etc/x.toml:1: "period" must be a number from 0.5 to 60, not the text "fast"'),
        ("period = 0.1\n", '"period" must be a number from 0.5 to 60, not 0.1'),
        ("period = 61\n", "not 61"),
        ("period = nan\n", "not nan"),
        ("period = true\n", "not true"),
        ("read_only = 1\n", '"read_only" must be true or false, not 1'),
        ('lang = "zhh"\n', '"lang" must be one of "en", "zh", not the text "zhh"; did you mean "zh"?'),
        ('project_dirs = "/srv"\n', '"project_dirs" must be a list in brackets, each text in quotes'),
        ("project_dirs = [1]\n", '"project_dirs" must be text in quotes, not 1'),
        ("checks = 3\n", '"checks" must be a section, written [checks], not 3'),
        (
            '[checks.severity]\n\n"mongo.keyfile" = "eror"\n',
            '/etc/x.toml:3: "checks.severity.mongo.keyfile" must be one of',
        ),
        ('[checks]\nseverity = { "a.b" = "bad" }\n', "/etc/x.toml:2: "),
        ('[keymap]\ncontainer.restart = "f5"\n', "a name with dots goes in quotes"),
        ("host = [\n", "/etc/x.toml"),
        ("period = 1\nperiod = 2\n", "not valid TOML"),
        ("period = = 2\n", "/etc/x.toml:1: not valid TOML at column"),
        ('[confirm]\n"container.stop" = "never"\n', '"confirm.container.stop" must be one of "none", "key", "word"'),
        ('[[commands]]\nrun = ["top"]\n', "command 1: it needs a name"),
        ('[[commands]]\nname = "top"\n', "command top: it has nothing to run"),
        ('[[commands]]\nname = "a"\nrun = ["a"]\n[[commands]]\nname = "a"\nrun = ["b"]\n', "has this name already"),
        ('[[commands]]\nname = "a"\nrun = ["a", "{contaner}"]\n', 'there is no {contaner}; did you mean "container"?'),
        ('[[commands]]\nname = "a"\nrun = "docker top"\n', '"commands.run" must be a list in brackets'),
        ('[[commands]]\nname = "a"\nshell = "x"\n', 'unknown key "shell"'),
    ],
)
def test_a_mistake_is_one_sentence_with_place_and_way_out(text: str, says: str) -> None:
    assert says in sentence(text)


FACTS = {"container": "a-mongo-1", "service": "mongo", "stack": "", "image": "--privileged"}


def test_placeholders_are_filled_in_within_one_argument() -> None:
    command = CommandSettings("top", ("docker", "top", "{container}", "--filter=name={service}", "{}", "a b; c"))
    assert command.filled(FACTS) == ["docker", "top", "a-mongo-1", "--filter=name=mongo", "{}", "a b; c"]


@pytest.mark.parametrize(("name", "says"), [("stack", "nothing is known"), ("id", "nothing"), ("image", "an option")])
def test_what_is_not_known_or_looks_like_an_option_is_not_filled_in(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        CommandSettings("x", ("docker", "run", "{" + name + "}")).filled(FACTS)


def test_escape_sequences_of_a_file_do_not_get_into_the_sentence() -> None:
    assert "\x1b" not in sentence('lang = "\\u001b]52;c;x\\u0007"\n')
    assert "\x1b" not in sentence('"\\u001b[31mperiod" = 1\n')


@given(st.text(max_size=60))
def test_any_text_is_settings_or_one_sentence(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(parse(text, "x.toml"), Settings)


@given(st.text(alphabet="[]=\"'.#\n abx1", max_size=40))
def test_a_sentence_begins_with_the_place(text: str) -> None:
    said = ""
    try:
        parse(text, "x.toml")
    except SettingsError as error:
        said = str(error)
    assert not said or re.match(r"x\.toml(:\d+)?: ", said)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such settings file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(SettingsError, match="there is no such settings file"):
        load(env={"STACKOPS_CONFIG": str(tmp_path / "none.toml")})


def test_the_users_own_file_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load(env={}) == Settings()
    (tmp_path / "stackops").mkdir()
    (tmp_path / "stackops" / "stackops.toml").write_text('theme = "light"\n')
    assert load(env={}).theme == "light"


def test_a_file_with_a_byte_order_mark_is_read_and_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfperiod = 3\n")
    assert load(file, {}).period == 3
    file.write_bytes('theme = "深"'.encode("gbk"))
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        load(file, {})


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it is a directory"):
        load(tmp_path, {})


def test_the_environment_chooses_where_things_lie(tmp_path: Path) -> None:
    assert settings_file({"STACKOPS_CONFIG": "/a/b.toml"}) == Path("/a/b.toml")
    assert state_directory({"STACKOPS_STATE_DIR": str(tmp_path)}) == tmp_path
    assert state_directory({"STACKOPS_STATE_DIR": "relative"}).is_absolute()
