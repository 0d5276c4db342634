"""Stages, what the server does then, warnings, advice."""

from __future__ import annotations

import pytest
from examples.wiring.address import HOST, chat
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.checks.registry import examine
from stackops.console.products.librechat.env import NEWEST, config_version, known_release, number
from stackops.console.products.librechat.judge import NotJudged, decoded, verdict
from stackops.console.products.librechat.notation import shapes
from stackops.console.products.librechat.reading import load
from stackops.console.settings import Settings

ENTRY = """\
version: 1.0.9
endpoints:
  custom:
    - name: "{name}"
      apiKey: "k"
      baseURL: "{url}"
      models:
        default: ["a"]
"""


def judged(text, of="0.8.7", env=None, **more):
    return verdict(text, number(of), {} if env is None else env, **more)


def warnings(url, name="Local", of="0.8.7", env=None):
    return [one.message for one in judged(ENTRY.format(url=url, name=name), of, env).issues]


@pytest.mark.parametrize(
    "url",
    [
        "http://host.docker.internal:11434/v1", "http://ollama:11434/v1/", "https://api.deepseek.com",
        "http://litellm:4000", "http://192.0.2.10:8000/v1", "https://localhost.example.org/v1", "user_provided",
        "http://oneapi:3000/v1", "https://x.openai.azure.com/openai/v1",
    ],
)  # fmt: skip
def test_a_good_address_is_left_alone(url):
    assert warnings(url) == []


@pytest.mark.parametrize(
    ("url", "name", "words"),
    [
        ("http://h:11434", "Local", "without /v1"),
        ("http://h:11434/", "Local", "without /v1"),
        ("http://h:11434/api", "Local", "without /v1"),
        ("http://ollama:8080", "x", "without /v1"),
        ("http://h:9999", "Ollama 2", "without /v1"),
        ("http://h:8000/v1/v1", "Local", "/v1 stands twice"),
        ("http://h:11434/v1/v1/", "Local", "/v1 stands twice"),
        ("http://h:8000/v1/chat/completions", "Local", "adds /chat/completions"),
        ("h:8000/v1", "Local", "has no https:// or http:// in front"),
        ("ftp://h:8000/v1", "Local", "not an http address"),
        ("http://[::1", "Local", "not an address"),
    ],
)
def test_a_wrong_path_is_warned_of(url, name, words):
    (message,) = warnings(url, name)
    assert words in message


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1", "http://127.0.0.1:8000/v1", "http://127.8.9.1/v1", "http://[::1]:8000/v1",
        "http://0.0.0.0:8000/v1", "https://api.localhost/v1", "HTTP://LOCALHOST:1/v1",
    ],
)  # fmt: skip
def test_a_loopback_address_is_the_container_itself(url):
    addresses = judged(ENTRY.format(url=url, name="Local")).addresses
    (inside,) = examine(chat(*addresses), Settings(), only=["wiring.address"])
    assert (inside.status, inside.form) == ("finding", "itself")
    (outside,) = examine(chat(*addresses, **HOST), Settings(), only=["wiring.address"])
    assert outside.status == "ok"


def test_a_whole_address_is_trimmed_by_old_releases_and_meant_by_direct_endpoints():
    assert warnings("http://h:8000/v1/chat/completions", of="0.7.2") == []
    text = ENTRY.format(url="http://h:8000/v1/chat/completions", name="x") + "      directEndpoint: true\n"
    assert judged(text).good


def test_a_variable_is_looked_into():
    (message,) = warnings("http://${H}:8000/v1/v1", env={"H": "gpu"})
    assert "/v1 stands twice" in message
    assert warnings("${URL}", env={"URL": "http://gpu:8000/v1"}) == []


def test_two_endpoints_of_one_name_are_warned_of():
    text = ENTRY.format(url="http://h:1/v1", name="A")
    second = text.partition("  custom:\n")[2]
    (issue,) = judged(text + second).issues
    assert "two endpoints are called A" in issue.message
    assert issue.line == 9


def test_what_the_server_does_depends_on_the_release():
    bad = "version: 1\n"
    assert judged(bad, "0.8.1").boot == "defaults"
    assert judged(bad, "0.8.2").boot == "exit 1"
    assert judged(bad, "0.8.7", {"CONFIG_BYPASS_VALIDATION": "true"}).boot == "defaults"
    assert judged("version: 1.0.9\nimageOutputType: gif\n", "0.7.2").boot == "crash"


@pytest.mark.parametrize(
    ("text", "of", "advice"),
    [
        ("version: 1.1\n", "0.8.7", "put it in quotes"),
        ("version: 1.0.9\ncache: on\n", "0.8.7", "write true"),
        ("version: 1.0.9\nmemory: {}\n", "0.7.2", "memory needs a newer release than 0.7.2"),
        ("version: 1.0.9\nprivacyPolicy: {}\n", "0.8.7", "privacyPolicy belongs under interface"),
        ("version: 1.0.9\ncustom: []\n", "0.8.7", "custom belongs under endpoints"),
        ("version: 1.0.9\nendpoint: {}\n", "0.8.7", "endpoints may be meant by endpoint"),
        ("version: 1.0.9\nendpoints:\n  ollama: {}\n", "0.8.7", "write ollama as an item of custom, with a name"),
        (
            "version: 1.0.9\nendpoints:\n  custom: []\n  interface: {}\n",
            "0.8.7",
            "interface belongs at the left margin",
        ),
        ("cache: true\n", "0.8.7", "add version"),
        ("version: 1.0.9\nendpoints:\n", "0.8.7", "not indented below it"),
    ],
)
def test_the_advice_fits_the_fault(text, of, advice):
    found = judged(text, of)
    assert found.stage == "schema"
    assert any(advice in (one.advice or "") for one in found.issues), found.issues


HEAD = "- {group: a, apiKey: k, "
WHOLE = f"{HEAD}instanceName: i, deploymentName: d, version: v, models: "


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        (f"{HEAD}models: {{m: true}}}}", 'Group "a" is missing an "instanceName" for non-serverless configuration.'),
        (
            f"{HEAD}instanceName: i, models: {{m: true}}}}",
            'Model "m" in group "a" is missing a deploymentName or version.',
        ),
        (f"{HEAD}instanceName: i, models: {{m: {{version: v}}}}}}", "is missing a required deploymentName or version."),
        (f"{HEAD}serverless: true, models: {{m: true}}}}", 'Group "a" is serverless but missing mandatory "baseURL."'),
        (
            f"{WHOLE}{{m: true}}}}\n      {WHOLE}{{}}}}",
            'Duplicate group name detected: "a". Group names must be unique.',
        ),
    ],
)
def test_azure_groups_are_refused_with_the_server_s_reason(groups, reason):
    found = judged(f"version: 1.0.9\nendpoints:\n  azureOpenAI:\n    groups:\n      {groups}\n")
    assert (found.stage, found.boot) == ("azure", "crash")
    assert found.log.startswith("Invalid Azure OpenAI configuration:\n")
    assert reason in found.issues[0].message


AZURE = """\
version: 1.0.9
endpoints:
  azureOpenAI:
    groups:
      - {group: a, apiKey: "${KEY}", instanceName: "pre${NAME}", deploymentName: d, version: v, models: {m: true}}
"""


def test_an_unset_azure_variable_keeps_the_server_from_starting():
    assert judged(AZURE).log == 'Azure configuration environment variable "${KEY}" was not found.'
    assert judged(AZURE, env={"KEY": "x"}).stage == "ok"
    assert judged(AZURE, env={"KEY": ""}).stage == "azure"
    assert verdict(AZURE, (0, 8, 7), None).stage == "ok", "an environment that is not known proves nothing"


def test_a_full_host_as_instance_name_is_warned_of():
    text = AZURE.replace('"pre${NAME}"', '"x.openai.azure.com"')
    (issue,) = judged(text, env={"KEY": "x"}).issues
    assert "bare first label" in issue.message
    assert issue.line == 5


def test_a_dropped_endpoint_without_a_name_has_a_number():
    text = "version: 1.0.9\nendpoints:\n  custom:\n    - {apiKey: k}\n    - {name: '', apiKey: k}\n"
    assert judged(text).dropped == ("(entry 1)", "(entry 2)")


@pytest.mark.parametrize("text", ["", "~", "false", "0", "''", "# a"])
def test_nothing_is_empty(text):
    assert (judged(text).stage, judged(text).boot) == ("empty", "defaults")


@pytest.mark.parametrize("text", ["hello", "- a", "5"])
def test_something_else_than_a_mapping_is_refused(text):
    (issue,) = judged(text).issues
    assert issue.message.startswith("Expected object, received")


def test_bytes_that_are_no_utf8_are_read_as_the_server_reads_them():
    found = judged(decoded("version: 1.0.9 # 中文\ncache: true\n".encode("gbk")))
    assert found.good
    assert judged(decoded("version: 1.0.9\n".encode("utf-16"))).issues[0].message == "null byte is not allowed in input"


def test_what_has_no_end_is_not_judged():
    with pytest.raises(NotJudged, match="nested deeper"):
        judged("[" * 3000)
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    text = f"version: 1.0.9\n{bomb}mcpServers: {{x: {{type: http, url: http://h, headers: *j}}}}\nfilteredTools: *j\n"
    found = judged(text, "0.8.7")
    assert found.stage == "schema"
    cyclic = "version: 1.0.9\nendpoints:\n  custom:\n    - name: a\n      addParams: &x {y: *x}\n"
    with pytest.raises(NotJudged, match="without end"):
        judged(cyclic, "0.8.7")


@given(st.text(alphabet=" \n:-[]{}'\"&*!ab1~<", max_size=40), st.sampled_from(["0.7.2", "0.8.2", "0.8.7", "0.9.0"]))
@settings(max_examples=200)
def test_every_text_gets_a_verdict(text, of):
    prefix = "version: 1.0.9\nendpoints:\n  custom:\n    - "
    for whole in (text, prefix + text):
        found = judged(whole, of)
        assert (found.boot == "ok") == (found.stage in {"ok", "dropped"})
        assert found.issues or found.stage == "ok"


@pytest.mark.parametrize("of", [(0, 6, 0), (0, 7, 2), (0, 7, 3), (0, 8, 2), (0, 8, 5), (0, 8, 7), (1, 0, 0)])
def test_every_shape_is_there_in_every_release(of):
    for name, versions in shapes().items():
        for since, until, shape in versions:
            assert since <= until, name
            assert shape.kind
    for name in ("config", "endpoints", "custom", "azure_group", "title_method", "model"):
        assert sum(since <= of <= until for since, until, _ in shapes()[name]) == 1


@pytest.mark.parametrize(
    ("told", "banners", "image", "declared", "expected"),
    [
        ("v0.8.2", ["> LibreChat@v0.8.7 backend"], "0.7.2", "0.7.3", ("0.8.2", "settings")),
        (None, ["> LibreChat@0.7.4 backend", "> LibreChat@v0.8.7 backend"], "0.7.2", None, ("0.8.7", "log")),
        (None, [], "0.7.2", "0.7.3", ("0.7.2", "image")),
        (None, ["nonsense"], None, "v0.8.5-rc1", ("0.8.5-rc1", "compose file")),
        (None, [], "latest", None, (NEWEST, "newest")),
        ("", [], None, None, (NEWEST, "newest")),
    ],
)
def test_the_release_is_the_first_that_is_known(told, banners, image, declared, expected):
    found = known_release(told, banners, image, declared)
    assert (found.text, found.how) == expected
    assert found.number == number(found.text)


def test_a_config_version_belongs_to_each_release():
    assert config_version((0, 7, 2)) == "1.0.9"
    assert config_version((0, 8, 4)) == "1.3.6"
    assert config_version((0, 6, 0)) == "1.0.9"
    assert judged(f"version: {config_version((1, 0, 0))}\n").good


def test_places_are_those_of_the_text():
    text = "version: 1.0.9\r\nendpoints:\r\n  custom:\r\n    - name: x\r\n      apiKey: 5\r\n"
    (issue,) = judged(text).issues
    assert (issue.line, issue.column) == (5, 7)
    assert load(text)["version"] == "1.0.9"
