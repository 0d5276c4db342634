"""RenameVariable: one word of one line, in the form and the quotes it stands in; doubt means refusal."""

from __future__ import annotations

import pytest
from stackops.console.compose.yaml import load
from stackops.console.fix.acts.editing import apply_all
from stackops.console.fix.steps import EditFile, RenameVariable, StepFailed

PATH = "/srv/models/docker-compose.yml"
EDIT = RenameVariable("m3e", "SK-KEY", "sk-key")
HEAD = "services:\n  m3e:\n    image: x # SK-KEY=no\n"
REST = "  b:\n    environment:\n      - SK-KEY=other\n"

RENAMED = {
    "a list": ("    environment:\n      - A=1\n      - {}=sk-1 # 密钥\n      - SK-KEYS=2\n", "SK-KEY", "sk-key"),
    "a variable as value": ("    environment:\n      - {}=${{KEY:-x y}}\n", "SK-KEY", "sk-key"),
    "double quotes": ('    environment:\n      - "{}=a # b"\n', "SK-KEY", "sk-key"),
    "single quotes": ("    environment: ['{}=a', B=1]\n", "SK-KEY", "sk-key"),
    "a mapping": ("    environment:\n      {}: sk-1\n      B: 1\n", "SK-KEY", "sk-key"),
    "a quoted key": ('    environment: {{"{}": sk-1}}\n', "SK-KEY", "sk-key"),
    "line ends of Windows": ("    environment:\r\n      - {}=sk-1\r\n", "SK-KEY", "sk-key"),
}


@pytest.mark.parametrize("name", RENAMED)
def test_the_name_changes_and_nothing_else(name: str) -> None:
    text, old, new = RENAMED[name]
    before, after = (HEAD + text.format(word) + REST for word in (old, new))
    assert apply_all(before.encode(), [EDIT], PATH) == after.encode()
    assert apply_all(after.encode(), [EDIT], PATH) == after.encode(), "a second run changes nothing"


UNTOUCHED = {
    "another service": "services:\n  b:\n    environment: [SK-KEY=1]\n",
    "no environment": HEAD,
    "an empty environment": HEAD + "    environment:\n",
    "another name": HEAD + "    environment: [SK-KEYS=1]\n",
    "nothing at all": "",
    "a service called environment": "services:\n  environment:\n    environment: [SK-KEY=1]\n",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_file_that_does_not_name_it_stays(name: str) -> None:
    assert apply_all(UNTOUCHED[name].encode(), [EDIT], PATH) == UNTOUCHED[name].encode()


def test_a_service_may_be_called_environment() -> None:
    text = b"services:\n  environment:\n    environment: [SK-KEY=1]\n"
    renamed = apply_all(text, [RenameVariable("environment", "SK-KEY", "SK_KEY")], PATH)
    assert renamed == text.replace(b"SK-KEY", b"SK_KEY")


REFUSED = {
    "both names": (HEAD + "    environment: [SK-KEY=1, sk-key=2]\n", "value of its own"),
    "twice": (HEAD + "    environment: [SK-KEY=1, SK-KEY=2]\n", "more than once"),
    "no value": (HEAD + "    environment: [SK-KEY]\n", "no value there"),
    "no value in a mapping": (HEAD + "    environment:\n      SK-KEY:\n", "no value there"),
    "an anchor": (HEAD + "    environment: &e [SK-KEY=1]\n  b:\n    environment: *e\n", "would change the others"),
    "merged in": (
        "x: &x\n  SK-KEY: 1\nservices:\n  m3e:\n    environment:\n      <<: *x\n      B: 1\n",
        "comes from an anchor (`<<:`)",
    ),
    "no YAML": ("services: [\n", "docker-compose.yml:"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proven_is_refused_and_says_what_to_do(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(StepFailed, match="Not edited, nothing was changed") as caught:
        apply_all(text.encode(), [EDIT], PATH)
    assert why in str(caught.value)
    assert "Rename SK-KEY to sk-key by hand" in (caught.value.remedy or "")


def test_a_tagged_environment_is_renamed_too() -> None:
    text = HEAD + "    environment: !override\n      - SK-KEY=1\n"
    assert load(apply_all(text.encode(), [EDIT], PATH)).data["services"]["m3e"]["environment"].value == ["sk-key=1"]


def test_it_describes_itself_without_the_value() -> None:
    assert EditFile(PATH, (EDIT,)).describe() == f"Edit {PATH}: rename the variable SK-KEY of m3e to sk-key"
