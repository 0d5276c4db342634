"""Repairs: exactly what is meant is changed, what takes a decision is left alone, and every result is accepted."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.console.compose.yaml_edit import RefusedEdit
from stackops.console.fix.acts.editing import apply_all, words
from stackops.console.fix.steps import RepairConfig, StepFailed
from stackops.console.model import ConfigRepair
from stackops.console.products.librechat.env import number
from stackops.console.products.librechat.judge import NotJudged, verdict
from stackops.console.products.librechat.reading import load
from stackops.console.products.librechat.repair import plain, repaired, repairs

VECTORS = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "librechat" / "validation-vectors.json").read_text("utf-8")
)["vectors"]
ENV = {"EAST_KEY": "k"}


def repair(text, of="0.8.7", env=None):
    release = number(of)
    env = ENV if env is None else env
    return repairs(text, verdict(text, release, env), release, env)[0]


def after(text, of="0.8.7"):
    for one in repair(text, of):
        text = repaired(text, one, number(of))
    return text


def changed(old, new):
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[:1] in "+-"]


ITEM = """\
version: 1.0.9
endpoints:
  custom:
    # our own box
    - name: "Ollama"
      apiKey: "o"
      baseURL: "http://h:11434/v1"
      models:
      # the small one
      default:
        - "llama3"   # fits

        - "qwen"
      fetch: false
    # the other
    - name: "B"
      apiKey: "o"
      baseURL: "http://h:8000/v1"
      models: {default: ["b"]}
"""
FIRST = ITEM.partition("    # the other")[0]


def test_keys_beside_models_are_indented_and_nothing_else_moves():
    new = after(ITEM)
    assert load(new)["endpoints"]["custom"][0]["models"] == {"default": ["llama3", "qwen"], "fetch": False}
    assert [line.removeprefix("+ ") for line in changed(ITEM, new) if line.startswith("+")] == [
        "        default:",
        '          - "llama3"   # fits',
        '          - "qwen"',
        "        fetch: false",
    ]
    assert "    # the other\n    - name" in new
    assert verdict(new, (0, 8, 7), {}).good


def test_keys_beside_models_in_the_last_entry_of_a_file_without_a_last_line_end():
    text = "version: 1.0.9\nendpoints:\n  custom:\n    - name: a\n      apiKey: o\n      baseURL: http://h/v1\n"
    text += "      models:\n      default: [a]"
    new = after(text)
    assert new.endswith("      models:\n        default: [a]")


def test_what_follows_the_last_entry_stays_where_it_is():
    text = FIRST + "cache: true\n# end\n"
    new = after(text)
    assert new.endswith("        fetch: false\ncache: true\n# end\n")


@pytest.mark.parametrize("interface", ["interface:\n", "interface:\n  customWelcome: hi\n", "interface: # ours\n"])
@pytest.mark.parametrize("behind", ["", "cache: true\n", "\n# about the cache\ncache: true\n"])
def test_keys_of_the_interface_at_the_margin_are_indented(interface, behind):
    policy = "privacyPolicy:\n  externalUrl: 'https://x/p'\n  openNewTab: true\ntermsOfService:\n  externalUrl: 'https://x/t'\n"
    text = f"version: 1.0.9\n{interface}{policy}{behind}"
    new = after(text)
    data = load(new)
    assert data["interface"]["termsOfService"] == {"externalUrl": "https://x/t"}
    assert data["interface"]["privacyPolicy"]["openNewTab"] is True
    assert new.endswith(behind)
    assert verdict(new, (0, 8, 7), {}).good


def test_keys_that_do_not_follow_the_interface_take_a_decision():
    assert repair("version: 1.0.9\nprivacyPolicy: {}\ninterface:\n  customWelcome: hi\n") == ()
    assert repair("version: 1.0.9\ninterface:\ncache: true\nprivacyPolicy: {}\n") == ()
    assert repair("version: 1.0.9\nprivacyPolicy: {}\n") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cache: true\n", "version: 1.3.13\ncache: true\n"),
        ("# top\ncache: true\n", "version: 1.3.13\n# top\ncache: true\n"),
        ("---\n# top\ncache: true\n", "---\nversion: 1.3.13\n# top\ncache: true\n"),
        ("\ufeffcache: true\r\n", "\ufeffversion: 1.3.13\r\ncache: true\r\n"),
        ("cache: true", "version: 1.3.13\ncache: true"),
    ],
)
def test_a_missing_version_is_added_at_the_top(text, expected):
    assert after(text) == expected


def test_the_version_is_that_of_the_release():
    assert after("cache: true\n", "0.7.2") == "version: 1.0.9\ncache: true\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1.10\n", 'version: "1.10"\n'),
        ("version: 1 # one\n", 'version: "1" # one\n'),
        ("version: 2024-01-02\n", 'version: "2024-01-02"\n'),
        ("version: 1.0.9\ncache: yes\n", "version: 1.0.9\ncache: true\n"),
        ("version: 1.0.9\ncache: 'Off'\n", "version: 1.0.9\ncache: false\n"),
        ('version: 1.0.9\ncache: "true" # x\n', "version: 1.0.9\ncache: true # x\n"),
        ("version: 1.0.9\nfilteredTools: [1, b]\n", 'version: 1.0.9\nfilteredTools: ["1", b]\n'),
        ("cache: on\nsecureImageLinks: no\nversion: 3\n", 'cache: true\nsecureImageLinks: false\nversion: "3"\n'),
    ],
)
def test_a_value_of_the_wrong_type_with_one_right_form_gets_it(old, new):
    assert after(old) == new


@pytest.mark.parametrize(("wrong", "right"), [("baseUrl", "baseURL"), ("baseurl", "baseURL"), ("APIKEY", "apiKey"),
                                              ("Name", "name"), ("Models", "models")])  # fmt: skip
def test_a_key_in_the_wrong_case_is_renamed(wrong, right):
    good = FIRST.replace("      default:", "        default:").replace("      fetch", "        fetch")
    good = good.replace('        - "', '          - "')
    text = good.replace(f"{right}:", f"{wrong}:", 1)
    assert verdict(text, (0, 7, 2), {}).stage == "dropped"
    assert after(text, "0.7.2") == good


def test_a_quoted_key_keeps_its_quotes():
    entry = '{name: a, "apikey": k, baseURL: "http://h/v1", models: {default: [a]}}'
    text = f"version: 1.0.9\nendpoints: {{custom: [{entry}]}}\n"
    assert after(text) == text.replace("apikey", "apiKey")


def test_keys_of_an_item_one_column_too_deep_are_moved_back():
    text = 'version: 1.0.9\nendpoints:\n  custom:\n  - name: "Ollama"\n     apiKey: "o"\n     baseURL: "http://h/v1"\n'
    text += "     models:\n       default: [a]\n# end\n"
    new = after(text)
    assert new == text.replace("     apiKey", "    apiKey").replace("     baseURL", "    baseURL").replace(
        "     models", "    models").replace("       default", "      default")  # fmt: skip


GROUP = """\
version: 1.0.9
endpoints:
  azureOpenAI:
    groups:
      - group: east
        apiKey: "${EAST_KEY}"
        instanceName: inst
"""


@pytest.mark.parametrize(
    "text",
    [
        "version: 1.0.9\ncache:true\n",  # a space is missing, or quotes
        "version: 1.0.9\nfooBar: 1\n",
        "version: 1.0.9\ncache: maybe\n",
        "version: 1.0.9\nendpoints:\n",
        "version: 1.0.9\nendpoints:\n  custom:\n    - name: google\n      apiKey: k\n",
        "a: [\n", "# only\n", "- a\n", "\t- a\n", "version: &v 1\ncache: *v\n",
        "version: !!int 1\n",
        # a date where the lines of a model belong stays wrong in quotes
        f"{GROUP}        models:\n          version: 2024-02-01\n",
        ITEM.replace("      models:\n      # the small one\n      default:", "      default:", 1),
    ],
)  # fmt: skip
def test_what_takes_a_decision_is_left_to_the_operator(text):
    assert repair(text) == ()


def test_what_has_one_right_answer_is_repaired_beside_what_takes_a_decision():
    entry = "{name: a, apiKey: k, baseURL: 'http://h/v1/v1', models: {default: [a]}}"
    text = f"cache: on\nfooBar: 1\nendpoints:\n  custom:\n    - {entry}\n"
    steps, left = repairs(text, verdict(text, (0, 8, 7), ENV), (0, 8, 7), ENV)
    assert [one.kind for one in steps] == ["version", "boolean"]
    assert [one.path for one in left.issues] == ["", "endpoints.custom.0.baseURL"]
    assert left.issues == verdict(after(text), (0, 8, 7), ENV).issues


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
@pytest.mark.parametrize("of", ["0.7.2", "0.8.2", "0.8.7"])
def test_every_vector_that_is_repaired_is_accepted_then(vector, of):
    text = vector["yaml"]
    steps = repair(text, of, vector["env"])
    for one in steps:
        text = repaired(text, one, number(of))
    if steps:
        left = [issue.path for issue in verdict(text, number(of), vector["env"]).issues]
        # the keys that stood too deep are of an entry without models, which is for its owner
        assert left == (["endpoints.custom.0"] if vector["id"] == "extra-indent-after-dash" else [])
        content = vector["yaml"].encode()
        edits = tuple(RepairConfig(one, of) for one in steps)
        assert apply_all(content, edits, "/srv/librechat.yaml").decode() == text


def test_the_forms_of_the_guides_are_among_those_that_are_repaired():
    found = {vector["id"] for vector in VECTORS if repair(vector["yaml"], env=vector["env"])}
    assert found == {
        "version-float", "version-int", "default-beside-models", "apikey-casing", "apiKey-number", "header-number",
        "azure-version-date", "extra-indent-after-dash", "yes-is-a-string", "cache-on", "model-name-number",
    }  # fmt: skip


def place(one):
    """The path of what a step repairs."""
    nested = (*one.path, one.name) if one.path else ()
    return ".".join({"version": ("version",), "nest": nested, "dedent": ()}.get(one.kind, one.path))


def leads_to(issue, to):
    return not issue.path or f"{to}.".startswith(f"{issue.path}.")


def told(issues):
    return {(one.path, one.message, one.line if one.kind == "syntax" else None) for one in issues}


@given(data=st.data())
@settings(max_examples=150)
def test_a_damaged_file_is_repaired_with_proof_or_not_at_all(data):
    lines = data.draw(st.sampled_from(VECTORS))["yaml"].splitlines(keepends=True)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["deeper", "left", "drop", "twice"]))
        line = lines[at]
        lines[at : at + 1] = {"deeper": [" " + line], "left": [line[2:]], "drop": [], "twice": [line, line]}[how]
        if not lines:
            return
    text = "".join(lines)
    try:
        steps, left = repairs(text, verdict(text, (0, 8, 7), ENV), (0, 8, 7), ENV)
    except NotJudged:
        return
    before = "".join(text.split())
    now, claimed = verdict(text, (0, 8, 7), ENV), []
    for one in steps:
        was, at = now, place(one)
        text = repaired(text, one, (0, 8, 7))
        now = verdict(text, (0, 8, 7), ENV)
        claimed.append(max((each for each in was.issues if leads_to(each, at)), key=lambda each: len(each.path)))
        if was.stage != "yaml":  # of a file that is no YAML nothing else was known
            new = [each for each in now.issues if not told([each]) <= told(was.issues)]
            inside = f"{at or 'interface'}."
            assert [each for each in new if not leads_to(each, at) and not f"{each.path}.".startswith(inside)] == []
    if steps:
        assert told(claimed).isdisjoint(told(now.issues))
        assert now.issues == left.issues
        removed = [line for line in difflib.ndiff(before, "".join(text.split())) if line.startswith("- ")]
        assert len(removed) <= 12 * len(steps), "a repair takes next to nothing away"


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (ConfigRepair("rename", "s", path=("endpoints", "custom", "0"), name="apikey", value="apiKey"), "no endpoints"),
        (ConfigRepair("version", "s", value="1"), "has a version already"),
        (ConfigRepair("nest", "s", name="interface", keys=("x",)), "no interface"),
        (ConfigRepair("quote", "s", path=("cache",)), "not edited"),
        (ConfigRepair("boolean", "s", path=("nope",), value="true"), "no nope"),
        (ConfigRepair("dedent", "s", line=9, columns=1), "not there any more"),
        (ConfigRepair("dedent", "s", line=1, columns=1), "not indented"),
    ],
)
def test_a_file_that_is_no_longer_so_is_refused(one, reason):
    with pytest.raises(RefusedEdit, match=reason):
        repaired("version: 1.0.9\ncache: [true]\n", one, (0, 8, 7))


def test_a_shared_value_is_not_repaired_behind_the_back_of_its_aliases():
    text = "version: 1.0.9\ninterface: &i\n  customWelcome: 5\nspeech: *i\n"
    one = ConfigRepair("quote", "s", path=("interface", "customWelcome"))
    with pytest.raises(RefusedEdit, match="would change the others"):
        repaired(text, one, (0, 8, 7))


def test_aliases_without_end_are_not_followed_and_an_empty_mapping_is_left_alone():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    one = ConfigRepair("version", "s", value="1.0.9")
    with pytest.raises(RefusedEdit, match="without end"):
        repaired(bomb, one, (0, 8, 7))
    with pytest.raises(RefusedEdit, match="no key in it"):
        repaired("{}\n", one, (0, 8, 7))


def test_the_step_refuses_with_a_sentence_and_the_way_out():
    edit = RepairConfig(ConfigRepair("version", "Add the missing version: 1.0.9", value="1.0.9"), "0.7.2")
    with pytest.raises(StepFailed, match="has a version already") as caught:
        apply_all(b"version: 1\n", [edit], "/srv/librechat.yaml")
    assert caught.value.remedy == "Do it by hand: add the missing version: 1.0.9"
    with pytest.raises(StepFailed, match="no such file"):
        apply_all(None, [edit], "/srv/librechat.yaml")
    with pytest.raises(StepFailed, match="not UTF-8"):
        apply_all("中: 1\n".encode("gbk"), [edit], "/srv/librechat.yaml")
    assert words([edit, edit]) == "add the missing version: 1.0.9; add the missing version: 1.0.9"


def test_plain_data_are_told_from_marked_ones():
    data = load("a: {b: [1]}\n")
    assert type(plain(data)) is dict
    assert plain(data) == {"a": {"b": [1]}}
