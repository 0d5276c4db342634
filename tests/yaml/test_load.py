"""yamltext.load: what a document means, where its parts stand, and errors with line and column."""

from __future__ import annotations

import pytest
from stackops.console.compose.yaml import load
from stackops.console.compose.yaml_document import MAX_DEPTH, Tagged, YamlError


def problem(content: bytes | str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        load(content.encode() if isinstance(content, str) else content)
    return caught.value


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# services:\n#   api:\n", b"\xef\xbb\xbf# x\r\n", b"---\n"])
def test_an_empty_file_or_one_of_comments_only_has_no_root(content: bytes) -> None:
    # fact: performance-and-safety 5.3 and 9.5 C2, LibreChat's override example is all comments
    doc = load(content)
    assert doc.root is None
    assert doc.data is None


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("services:\n\tapi: 1\n", 2, 1, "a tab; YAML wants spaces here"),
        ("a:\n  image: x\n  image: y\n", 3, 3, 'mapping key "image" already defined at line 2'),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here (`---`); only one is understood"),
        ("- a\n", 1, 1, "a mapping (`key: value` lines) is expected here"),
        ("just text\n", 1, 1, "a mapping (`key: value` lines) is expected here"),
        ("a: *nobody\n", 1, 4, "*nobody repeats an anchor that was never set"),
        ("a: &x\n  - *x\n", 2, 5, "*x stands inside what it repeats"),
        ("a: b: c\n", 1, 5, "a `:` that does not belong here (indentation, or quotes are missing)"),
        ("a: {b: 1}}\n", 1, 10, "a `}` without its `{`"),
        ("a: x\x07\n", 1, 5, "a control character"),
        ("? [a, b]\n: 1\n", 1, 3, "a list or mapping as a key is not understood"),
        ("a:\n  <<: 1\n", 2, 7, "`<<` can only merge mappings"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_line_and_column(
    text: str, line: int, column: int, reason: str
) -> None:
    # fact: performance-and-safety 9.5 C1
    error = problem(text)
    assert (error.line, error.column, error.reason) == (line, column, reason)
    assert str(error) == f"line {line}, column {column}: {reason}"


def test_bytes_that_are_no_utf8_are_named_with_their_place() -> None:
    # fact: performance-and-safety 9.5 C4, GBK and UTF-16 are refused
    error = problem(b"# ok\nname: " + "中文".encode("gbk") + b"\n")
    assert (error.line, error.column) == (2, 7)
    assert "save the file as UTF-8" in error.reason
    assert "UTF-16" in problem("a: 1\n".encode("utf-16")).reason


def test_columns_count_characters_also_behind_chinese_text() -> None:
    assert problem("名: 1\n名称: {\n".encode() + b"\xff").column == 1
    error = problem("# 数据库\n数据: 值\n数据: 值\n")
    assert (error.line, error.column) == (3, 1)


def test_crlf_and_byte_order_mark_are_read_and_remembered() -> None:
    doc = load(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n")
    assert doc.data == {"a": 1, "b": ["x"]}
    assert doc.bom
    assert doc.newline == "\r\n"
    assert doc.encode(doc.text) == b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n"


@pytest.mark.parametrize("text", ["image: x\t# note\n", "image:\tx\n", "image: x\t\n", "\t# note\nimage: x\n"])
def test_a_tab_that_does_not_indent_is_accepted_as_compose_does(text: str) -> None:
    # fact: docker compose v2.26.1 config accepts these
    assert load(text.encode()).data == {"image": "x"}


def test_scalars_mean_what_they_mean_to_compose() -> None:
    # fact: docker compose v2.26.1 config: yes is text, 010 is 8, 0x10 is 16, 1.50 is 1.5
    data = load(
        b"a: yes\nb: 010\nc: 0x10\nd: 1.50\ne: ~\nf:\ng: true\nh: '1'\ni: 1.0.9\nj: 22:22\nk: -7\nl: 1_000\n"
    ).data
    assert data == {
        "a": "yes", "b": 8, "c": 16, "d": 1.5, "e": None, "f": None, "g": True, "h": "1", "i": "1.0.9", "j": "22:22",
        "k": -7, "l": 1000,
    }  # fmt: skip


def test_an_unquoted_date_is_a_date_and_a_version_with_a_suffix_is_text() -> None:
    # fact: librechat-stack 5.2
    data = load(b"a: 2024-02-01\nb: 2024-02-15-preview\nc: 2024-13-45\n").data
    assert data["a"].year == 2024
    assert data["b"] == "2024-02-15-preview"
    assert data["c"] == "2024-13-45"


def test_anchors_merge_keys_and_own_tags_are_followed() -> None:
    data = load(
        b"x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 9\nv: !reset null\nw: !override [p]\n"
    ).data
    assert data["z"] == {"a": 9, "b": 2, "c": 4}
    assert data["v"] == Tagged("!reset", None)
    assert data["w"] == Tagged("!override", ["p"])


def test_a_bomb_of_aliases_and_a_tower_of_brackets_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "once aliases are followed" in problem("\n".join(lines)).reason
    assert f"nested deeper than {MAX_DEPTH} levels" in problem("a: " + "[" * 500 + "]" * 500).reason


def test_positions_of_aliases_and_empty_values_are_those_in_the_text() -> None:
    text = "base: &b\n  - x\napi: *b\nempty:   # nothing\nlast:\n"
    root = load(text.encode()).root
    assert root is not None
    alias, empty, last = root.get("api"), root.get("empty"), root.get("last")
    assert alias is not None
    assert empty is not None
    assert last is not None
    assert text[alias.start : alias.end] == "*b"
    assert text[: empty.end].endswith("empty:")
    assert text[: last.end].endswith("last:")
    assert root.get("base").aliases == 1  # type: ignore[union-attr]
