"""Whether FastGPT could read its config.json: strict up to v4.8.3, JSON5 later."""

from __future__ import annotations

import pytest
from stackops.console.collect.files import json_facts, json_paths, judge
from stackops.console.model import Container, Mount
from support.corpus import CORPUS, needs_corpus
from support.memory_host import MemoryFiles


@pytest.mark.parametrize(
    ("content", "strict", "relaxed"),
    [
        (b'{"systemEnv": {}}', None, None),
        (b'\xef\xbb\xbf{"systemEnv": {}}', None, None),
        (b'{"a": 1, // one\n "b": [1, 2,], /* two */}', "line 1", None),
        (b'{"url": "http://x/y", "b": "/* no comment */ ,]"}', None, None),
        (b'{"a": 1\n "b": 2}', "line 2, column 2", "line 2, column 2"),
        (b"<!DOCTYPE html>", "line 1, column 1", "line 1, column 1"),
        (b"[]", "no object", "no object"),
        (b"", "line 1, column 1", "line 1, column 1"),
        (b"[" * 100_000, "nested too deeply", "nested too deeply"),
    ],
)
def test_what_a_strict_and_a_relaxed_reader_would_say(content, strict, relaxed) -> None:
    told = judge("/c.json", content)
    assert (told.strict is None) == (strict is None)
    assert strict is None or strict in (told.strict or "")
    assert (told.relaxed is None) == (relaxed is None)
    assert relaxed is None or relaxed in (told.relaxed or "")
    assert not told.unsure


@pytest.mark.parametrize("content", [b"{a: 1}", b"{'a': 1}", b'{"a": 0x10}', b'{"a": +1}', b'{"a": Infinity, b: 2}'])
def test_more_of_json5_than_can_be_judged_is_unsure_and_never_called_broken(content) -> None:
    told = judge("/c.json", content)
    assert told.unsure
    assert told.strict
    assert told.relaxed is None


def test_names_at_the_top_are_told_and_no_content() -> None:
    told = judge("/c.json", b'{"llmModels": [{"requestAuth": "sk-secret"}], "systemEnv": {}}')
    assert told.keys == ("llmModels", "systemEnv")
    assert "sk-secret" not in repr(told)


def test_files_mounted_where_fastgpt_looks_are_read_and_what_cannot_be_read_is_left_out() -> None:
    mounts = (Mount("bind", "/srv/config.json", "/app/data/config.json"), Mount("bind", "/srv/x", "/data"))
    other = (Mount("bind", "/srv/gone.json", "/app/data/config.json"),)
    boxes = [
        Container(id=str(number), name="f", image="fastgpt", state="running", mounts=m)
        for number, m in enumerate((mounts, other))
    ]
    paths = json_paths((), boxes)
    assert paths == ("/srv/config.json", "/srv/gone.json")
    facts = json_facts(MemoryFiles({"/srv/config.json": b"{}"}), paths)
    assert [fact.path for fact in facts] == ["/srv/config.json"]


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize("path", sorted(CORPUS.glob("fastgpt/*/config.json")), ids=lambda path: path.parent.name)
def test_upstreams_own_files_are_read_by_their_own_release(path) -> None:
    told = judge(str(path), path.read_bytes())
    assert told.relaxed is None
    assert not told.unsure
    strict_release = path.parent.name in ("v4.6", "v4.6.8", "v4.7", "v4.8")
    assert (told.strict is None) == strict_release


@pytest.mark.parametrize(("system", "own"), [('{"chatApiKey": "sk-planted"}', True), ('{"chatApiKey": ""}', False)])
def test_a_key_of_its_own_is_noticed_and_not_kept(system: str, own: bool) -> None:
    told = judge("/c.json", b'{"systemEnv": ' + system.encode() + b"}")
    assert told.own_key is own
    assert "planted" not in repr(told)
