"""librechat.yaml is read as LibreChat reads it: the same data, and a fault where LibreChat finds one."""

from __future__ import annotations

import cProfile
import math
import pstats

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.console.products.librechat.notation import Date
from stackops.console.products.librechat.reading import TooDeep, YamlProblem, load

SAME = [
    ('a: b: c\n', "bad indentation of a mapping entry", 1, 5),
    ('a:\n\tb: 1\n', "tab characters must not be used in indentation", 2, 1),
    ('a: {b: 1, b: 2}\n', "duplicated mapping key", 1, 11),
    ('a: 1\na: 2\n', "duplicated mapping key", 2, 1),
    ('a: |\n  x\n b: 1\n', "bad indentation of a mapping entry", 3, 2),
    ('a: &x 1\nb: *x c\n', "bad indentation of a mapping entry", 2, 7),
    ('a: 1\nb\n', "can not read a block mapping entry; a multiline key may not be an implicit key", 3, 1),
    ('a: 1\nb:c\n', "can not read a block mapping entry; a multiline key may not be an implicit key", 3, 1),
    ('a: 1\n b: 2\n', "bad indentation of a mapping entry", 2, 3),
    ('a\n---\nb\n', "expected a single document in the stream, but found more", None, None),
    ('a: [a, , b]\n', "expected the node content, but found ','", 1, 8),
    ('a: x\x00y\n', "null byte is not allowed in input", 1, 5),
    ('😀: 1\n😀: 2\n', "duplicated mapping key", 2, 1),
    ('a: - b\n', "bad indentation of a mapping entry", 1, 4),
    ('a: b\r\nc:\r\n\td: 1\r\n', "tab characters must not be used in indentation", 3, 1),
    ("a: 'it''s' x\n", "bad indentation of a mapping entry", 1, 12),
    ('a:\n  - b\n -c\n', "bad indentation of a mapping entry", 3, 2),
]  # fmt: skip
"""LibreChat stops at the same place with the same words."""
OWN = [
    ('\ta: 1\n', "tab characters must not be used in indentation", 1, 1),
    ('a: [1, 2\n', "a `[` that is never closed", 2, 1),
    ("a: 'x\n", "a quote that is never closed", 2, 1),
    ('a: "\\q"\n', "found unknown escape character 'q'", 1, 6),
    ('a: "\\x4"\n', "expected escape sequence of 2 hexdecimal numbers, but found '\"'", 1, 7),
    ('a: *x\n', "*x repeats an anchor that was never set", 1, 4),
    ('a: !t 1\n', "unknown tag !<!t>", 1, 4),
    ('a: !!int x\n', "the value does not fit its tag !!int", 1, 4),
    ('a: @b\n', "a character that no value begins with; put the value in quotes", 1, 4),
    ('a: `b\n', "a character that no value begins with; put the value in quotes", 1, 4),
    ('a: %b\n', "a character that no value begins with; put the value in quotes", 1, 4),
    ('key\n  more: 1\n', "bad indentation of a mapping entry", 2, 7),
    ('- a\n- b\nc: 1\n', "wrong indentation", 3, 1),
    ('%YAML 2.0\n---\na\n', "found incompatible YAML document (version 1.* is required)", 1, 1),
    ('%YAML 1.2\na: 1\n', "text behind the end of the data (its indentation, or a bracket too many)", 2, 1),
    ('a: >0\n  x\n', "expected indentation indicator in the range 1-9, but found 0", 1, 5),
    ('a: |--\n  x\n', "expected chomping or indentation indicators, but found '-'", 1, 6),
    ('a: ]\n', "expected the node content, but found ']'", 1, 4),
    (': a\n', "a `:` without a key before it", 1, 1),
    ('a: \x01\n', "a control character", 1, 4),
    ('a: {<<: 1}\n', "`<<` can only merge mappings", 1, 9),
    ('a: "x\n---\ny"\n', "found unexpected document separator", 2, 1),
    ('[1, 2]\nx\n', "text behind the end of the data (its indentation, or a bracket too many)", 2, 1),
    ('{a: 1}}\n', "text behind the end of the data (its indentation, or a bracket too many)", 1, 7),
    ('# c\n\n  - a\n - b\n', "text behind the end of the data (its indentation, or a bracket too many)", 4, 2),
    ('a: {b: 1,\n c: 2\nd: 3\n', "missed comma between flow collection entries", 3, 2),
    ('&a &b c\n', "text behind the end of the data (its indentation, or a bracket too many)", 1, 4),
    ('a: !<x\n', "expected '>' but found '\\n'", 1, 7),
    ('a: !!!x y\n', "unknown tag !<tag:yaml.org,2002:x>", 1, 4),
]  # fmt: skip
"""LibreChat stops here too. It has other words for these, and for some the next column or the next line."""
SCALARS = {
    "1_000": 1000, "0x_": "0x_", "2024-13-45": Date("2024-13-45"),
    "0x1F": 31, "0o17": 15, "0b11": 3, "010": 10, "1e3": 1000.0, ".5": 0.5, "5.": 5.0, "+.inf": math.inf,
    "-.INF": -math.inf, "~": None, "Null": None, "NULL": None, "null": None, "nul": "nul", "yes": "yes", "on": "on",
    "True": True, "TRUE": True, "tRue": "tRue", "2024-02-01": Date("2024-02-01"), "2024-2-1": "2024-2-1",
    "2024-02-15-preview": "2024-02-15-preview", "2001-12-14 21:59:43 Z": Date("2001-12-14 21:59:43 Z"), "1.1": 1.1,
    "1.0.9": "1.0.9", "1_": "1_", "0_1": 1, "-0": 0, "+12": 12, "1:30": "1:30", "0x": "0x", "1e": "1e", "=": "=",
    "<<": "<<", "llama3:70b": "llama3:70b", "${A}": "${A}", "--": "--", "a#b": "a#b", "a #b": "a", "a:b": "a:b",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "line", "column"), SAME + OWN)
def test_it_says_what_stops_it_and_where(text, reason, line, column):
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
    assert math.isinf(load("9" * 5000))


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
        (
            "1: a\nnull: b\ntrue: c\n1.5: d\n2024-02-01: e\n? [x, ~, 1]\n: f\n",
            {"1": "a", "null": "b", "true": "c", "1.5": "d", "2024-02-01": "e", "x,,1": "f"},
        ),
        ("apiKey: {{KEY}}\n", {"apiKey": {"[object Object]": None}}),
        ("image: x\t# note\n", {"image": "x"}),
        (
            "a: &p {b: 1, c: 2}\nd: &q {c: 3}\ne: {c: 4, <<: [*q, *p]}\nf: {<<: [*q, *p]}\n",
            {"a": {"b": 1, "c": 2}, "d": {"c": 3}, "e": {"b": 1, "c": 4}, "f": {"b": 1, "c": 3}},
        ),
        ("a: {'<<': 1}\n", {"a": {"<<": 1}}),
        ("&x <<: {a: 1}\nb: *x\n", {"a": 1, "b": "<<"}),
        (
            "a: !!str 5\nb: !!set {x, y}\nc: !!int '7'\nd: !!binary aGk=\n",
            {"a": "5", "b": {"x": None, "y": None}, "c": 7, "d": "aGk="},
        ),
    ],
)
def test_it_reads_the_same_data(text, data):
    assert load(text) == data


def test_keys_that_are_one_text_are_one_key():
    with pytest.raises(YamlProblem, match="duplicated mapping key"):
        load("1: a\n1.0: d\n")


def test_it_remembers_where_keys_and_values_stand():
    text = "a: 1\nb:\n  - name: x # c\n    q: 'y'\n"
    data = load(text)
    span = data["b"][0].values_at["q"]
    assert text[span.start : span.end] == "'y'"
    assert [text[s.start : s.end] for s in data.keys_at.values()] == ["a", "b"]
    assert text[data["b"].items_at[0].start :].startswith("name: x")
    assert data.values_at["b"].end == len(text) - 1
    text = "a: &a {b: 1}\nc:\n  <<: *a\n  d: *a\n"
    inner = load(text)["c"]
    assert list(inner.keys_at) == ["<<", "d"]
    assert text[inner.values_at["d"].start : inner.values_at["d"].end] == "*a"


@given(st.text(alphabet=" \t\n\r:-#[]{},'\"|>&*!%?ab1.~<\\\u2028😀", max_size=60))
@settings(max_examples=400)
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
    with pytest.raises(TooDeep):
        load("a: &a [*a]\n")
    with pytest.raises(TooDeep):
        load("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 120)))


def test_a_file_of_four_times_the_length_is_four_times_the_work():
    assert calls_to_load(400) < 5 * calls_to_load(100)


def calls_to_load(endpoints):
    """Calls of functions while a file with that many endpoints is read."""
    text = (
        "endpoints:\n  custom:\n"
        + '    - name: "x"\n      apiKey: "k"\n      models:\n        default: ["a", "b"]\n' * endpoints
    )
    profile = cProfile.Profile()
    assert len(profile.runcall(load, text)["endpoints"]["custom"]) == endpoints
    return pstats.Stats(profile).total_calls
