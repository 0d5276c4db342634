"""librechat.yaml is read as js-yaml 4.1 reads it: the same data, the same complaint at the same line and column.

The expectations were recorded from js-yaml 4.1 itself.
"""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.console.librechat.cursor import YamlProblem
from stackops.console.librechat.values import Date
from stackops.console.librechat.yamlload import TooDeep, load

INCOMPLETE = "incomplete explicit mapping pair; a key node is missed; or followed by a non-tabulated empty line"
COMPLAINTS = [
    ('a: b: c\n', "bad indentation of a mapping entry", 1, 5),
    ('a:\n\tb: 1\n', "tab characters must not be used in indentation", 2, 1),
    ('\ta: 1\n', "end of the stream or a document separator is expected", 1, 3),
    ('a: [1, 2\n', "unexpected end of the stream within a flow collection", 2, 1),
    ('a: {b: 1, b: 2}\n', "duplicated mapping key", 1, 11),
    ('a: 1\na: 2\n', "duplicated mapping key", 2, 1),
    ("a: 'x\n", "unexpected end of the stream within a single quoted scalar", 2, 1),
    ('a: "\\q"\n', "unknown escape sequence", 1, 6),
    ('a: "\\x4"\n', "expected hexadecimal character", 1, 8),
    ('a: |\n  x\n b: 1\n', "bad indentation of a mapping entry", 3, 2),
    ("a: *x\n", 'unidentified alias "x"', 1, 6),
    ('a: &x 1\nb: *x c\n', "bad indentation of a mapping entry", 2, 7),
    ('a: !t 1\n', "unknown tag !<!t>", 1, 8),
    ('a: !!int x\n', "cannot resolve a node with !<tag:yaml.org,2002:int> explicit tag", 1, 11),
    ('a: @b\n', "bad indentation of a mapping entry", 1, 4),
    ('a: `b\n', "bad indentation of a mapping entry", 1, 4),
    ('a: %b\n', "bad indentation of a mapping entry", 1, 4),
    ('key\n  more: 1\n', "end of the stream or a document separator is expected", 2, 7),
    ('a: 1\nb\n', "can not read a block mapping entry; a multiline key may not be an implicit key", 3, 1),
    ('a: 1\nb:c\n', "can not read a block mapping entry; a multiline key may not be an implicit key", 3, 1),
    ('a: 1\n b: 2\n', "bad indentation of a mapping entry", 2, 3),
    ('- a\n- b\nc: 1\n', "end of the stream or a document separator is expected", 3, 1),
    ('a\n---\nb\n', "expected a single document in the stream, but found more", None, None),
    ('%YAML 2.0\n---\na\n', "unacceptable YAML version of the document", 2, 1),
    ('%YAML 1.2\na: 1\n', "directives end mark is expected", 2, 1),
    ('a: >0\n  x\n', "bad explicit indentation width of a block scalar; it cannot be less than one", 1, 5),
    ('a: |--\n  x\n', "repeat of a chomping mode identifier", 1, 6),
    ('a: [a, , b]\n', "expected the node content, but found ','", 1, 8),
    ('a: ]\n', "bad indentation of a mapping entry", 1, 4),
    (": a\n", INCOMPLETE, 1, 1),
    ('a: \x01\n', "the stream contains non-printable characters", 1, 5),
    ('a: x\x00y\n', "null byte is not allowed in input", 1, 5),
    ('\U0001f600: 1\n\U0001f600: 2\n', "duplicated mapping key", 2, 1),
    ('a: {<<: 1}\n', "cannot merge mappings; the provided source object is unacceptable", 1, 10),
    ('a: "x\n---\ny"\n', "unexpected end of the document within a double quoted scalar", 2, 1),
    ('[1, 2]\nx\n', "end of the stream or a document separator is expected", 2, 1),
    ('{a: 1}}\n', "end of the stream or a document separator is expected", 1, 7),
    ('a: - b\n', "bad indentation of a mapping entry", 1, 4),
    ('a: b\r\nc:\r\n\td: 1\r\n', "tab characters must not be used in indentation", 3, 1),
    ("a: 'it''s' x\n", "bad indentation of a mapping entry", 1, 12),
    ('# c\n\n  - a\n - b\n', "end of the stream or a document separator is expected", 4, 2),
    ('a: {b: 1,\n c: 2\nd: 3\n', "missed comma between flow collection entries", 3, 1),
    ('? [a, [b]]\n: c\n', "nested arrays are not supported inside keys", 2, 4),
    ('&a &b c\n', "duplication of an anchor property", 1, 4),
    ('a: !<x\n', "unexpected end of the stream within a verbatim tag", 1, 8),
    ('a: !!!x y\n', "tag suffix cannot contain exclamation marks", 1, 6),
    ('a:\n  - b\n -c\n', "bad indentation of a mapping entry", 3, 2),
]  # fmt: skip
SCALARS = {
    "1_000": 1000, "0x1F": 31, "0o17": 15, "0b11": 3, "010": 10, "1e3": 1000.0, ".5": 0.5, "5.": 5.0, "+.inf": math.inf,
    "-.INF": -math.inf, "~": None, "Null": None, "NULL": None, "null": None, "nul": "nul", "yes": "yes", "on": "on",
    "True": True, "TRUE": True, "tRue": "tRue", "2024-02-01": Date("2024-02-01"), "2024-2-1": "2024-2-1",
    "2024-02-15-preview": "2024-02-15-preview", "2001-12-14 21:59:43 Z": Date("2001-12-14 21:59:43 Z"), "1.1": 1.1,
    "1.0.9": "1.0.9", "1_": "1_", "0_1": 1, "-0": 0, "+12": 12, "1:30": "1:30", "0x": "0x", "1e": "1e", "=": "=",
    "<<": "<<", "llama3:70b": "llama3:70b", "${A}": "${A}", "--": "--", "a#b": "a#b", "a #b": "a", "a:b": "a:b",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "line", "column"), COMPLAINTS)
def test_it_complains_of_the_same_at_the_same_place(text, reason, line, column):
    with pytest.raises(YamlProblem) as caught:
        load(text)
    assert (caught.value.reason, caught.value.line, caught.value.column) == (reason, line, column)


@pytest.mark.parametrize("text", SCALARS)
def test_a_bare_scalar_means_the_same(text):
    value = load(f"k: {text}\n")["k"]
    assert value == SCALARS[text]
    assert isinstance(value, bool) == isinstance(SCALARS[text], bool)


def test_not_a_number_is_a_number():
    assert math.isnan(load(".nan"))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# nothing\n", None),
        ("---\n...\n", None),
        ("\ufeffa: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("- a\n b\n", ["a b"]),
        ("? a\n: b\nc: d\n", {"a": "b", "c": "d"}),
        ("a: |-\n  x\n\n   y\nb: >\n  q\n  w\n\n  e\n", {"a": "x\n\n y", "b": "q w\ne\n"}),
        ("a: &p {b: 1}\nc: {<<: *p, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a:\n- b\n- c: d\n  e: 'it''s\n    q'\n", {"a": ["b", {"c": "d", "e": "it's q"}]}),
        ('a: "\\u0041\\x42 \\\n  c"\n', {"a": "AB c"}),
        ("a: [b, c: d, ? e : f]\n", {"a": ["b", {"c": "d"}, {"e": "f"}]}),
        ("1: a\nnull: b\ntrue: c\n1.0: d\n", None),
        (
            "a: !!str 5\nb: !!set {x, y}\nc: !!pairs [{d: 1}]\n",
            {"a": "5", "b": {"x": None, "y": None}, "c": [["d", 1]]},
        ),
    ],
)
def test_it_reads_the_same_data(text, data):
    if text.startswith("1: a"):
        with pytest.raises(YamlProblem, match="duplicated mapping key"):
            load(text)
        return
    assert load(text) == data


def test_it_remembers_where_keys_and_values_stand():
    text = "a: 1\nb:\n  - name: x # c\n    q: 'y'\n"
    data = load(text)
    span = data["b"][0].values_at["q"]
    assert text[span.start : span.end] == "'y'"
    assert [text[s.start : s.end] for s in data.keys_at.values()] == ["a", "b"]
    assert text[data["b"].items_at[0].start :].startswith("name: x")


@given(st.text(alphabet=" \t\n\r:-#[]{},'\"|>&*!%?ab1.~<\\\u2028😀", max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_it(text):
    problem = None
    try:
        load(text)
    except YamlProblem as error:
        problem = error
    if problem is not None and problem.line is not None:
        assert 1 <= problem.line <= text.count("\n") + text.count("\r") + 2
        assert problem.column >= 1


def test_endless_nesting_is_refused_and_not_survived_by_luck():
    with pytest.raises(TooDeep):
        load("[" * 5000)
    with pytest.raises(TooDeep):
        load("".join(" " * n + "a:\n" for n in range(200)))


def test_a_long_file_is_read_in_a_moment():
    text = (
        "endpoints:\n  custom:\n"
        + '    - name: "x"\n      apiKey: "k"\n      models:\n        default: ["a", "b"]\n' * 1000
    )
    began = time.perf_counter()
    assert len(load(text)["endpoints"]["custom"]) == 1000
    assert time.perf_counter() - began < 5.0
