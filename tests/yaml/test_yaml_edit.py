"""The editor: a value at a path is ensured, removed or renamed; all else stays, to the byte; doubt means refusal."""

from __future__ import annotations

from typing import Any

import pytest
from stackops.console.compose.yaml import load
from stackops.console.compose.yaml_document import Tagged
from stackops.console.compose.yaml_edit import END, Inline, Quoted, RefusedEdit, ensure, remove, rename

FILE = """\
# top
services:
    api: # ours
        image: 'x' # pinned
        ports: [ "1:1", '2:2' ]
        env: {A: 1, B: b}
        # about the volumes
        volumes:
        - ./a:/a # one
        - type: bind
          source: ./b
        command: &c
          - run
    db:
        command: *c
x-n:
"""

ENSURED = [
    (("services", "api", "image"), "y", "'x' #", "'y' #"),
    (("services", "api", "ports", END), "3:3", "'2:2' ]", "'2:2', 3:3 ]"),
    (("services", "api", "env", "A"), True, "{A: 1,", "{A: true,"),
    (("services", "api", "env", "C"), {"d": [None]}, "B: b}", "B: b, C: {d: [null]}}"),
    (("services", "api", "volumes", 1, "source"), "./c: d", "source: ./b", 'source: "./c: d"'),
    (("services", "api", "volumes", 0), Quoted("v"), "- ./a:/a # one", '- "v" # one'),
    (("services", "api", "volumes", 1), {"type": "tmpfs"}, "type: bind\n          source: ./b", "{type: tmpfs}"),
    (("x-n",), Inline(["a", 1]), "x-n:\n", "x-n: [a, 1]\n"),
    (("x-n", "a", "b"), [{"c": 1, "d": {}}], "x-n:\n", "x-n:\n    a:\n        b:\n        - c: 1\n          d: {}\n"),
    (("x-n",), Tagged("!override", ["a"]), "x-n:\n", "x-n: !override [a]\n"),
    (("services", "db", "a"), "1", "command: *c\n", 'command: *c\n        a: "1"\n'),
    (("new",), {"a": "b"}, "x-n:\n", "x-n:\n\nnew:\n    a: b\n"),
]


@pytest.mark.parametrize(("path", "value", "old", "new"), ENSURED)
def test_a_value_is_written_where_it_belongs_and_nothing_else_changes(
    path: Any, value: Any, old: str, new: str
) -> None:
    doc = ensure(load(FILE.encode()), path, value)
    assert doc.text == FILE.replace(old, new)


REMOVED = [
    (("services", "api", "image"), "        image: 'x' # pinned\n", ""),
    (("services", "api", "ports", 0), '"1:1", ', ""),
    (("services", "api", "ports", 1), ", '2:2'", ""),
    (("services", "api", "env", "B"), ", B: b", ""),
    (("services", "api", "env", "A"), "A: 1, ", ""),
    (("services", "api", "volumes", 0), "        - ./a:/a # one\n", ""),
    (("services", "api", "volumes", 1), "        - type: bind\n          source: ./b\n", ""),
    (("services", "api", "volumes", 1, "source"), "          source: ./b\n", ""),
    (("services", "db"), "    db:\n        command: *c\n", ""),
    (("services", "nobody", "image"), "", ""),
]


@pytest.mark.parametrize(("path", "old", "new"), REMOVED)
def test_a_key_or_an_item_is_removed_with_its_lines_or_its_comma(path: Any, old: str, new: str) -> None:
    assert remove(load(FILE.encode()), path).text == FILE.replace(old, new, 1)


def test_a_key_is_renamed_where_it_stands() -> None:
    doc = load(FILE.encode())
    assert rename(doc, ("services", "api", "env", "B"), "C").text == FILE.replace("B: b", "C: b")
    assert rename(doc, ("services", "db"), "data").text == FILE.replace("db:", "data:")
    assert rename(doc, ("services", "api", "volumes", 0), "./c", word="./a").text == FILE.replace("./a:/a", "./c:/a")


REFUSED = [
    (lambda doc: ensure(doc, ("services", "api", "command", END), "x"), "shared through an anchor"),
    (lambda doc: ensure(doc, ("services", "db", "command"), "x"), r"shared through \*c"),
    (lambda doc: ensure(doc, ("services", "api", "image", "x"), "y"), "services.api.image must be a mapping"),
    (lambda doc: ensure(doc, ("services", "api", "env", END), "y"), "services.api.env must be a list"),
    (lambda doc: remove(doc, ("services", "db", "command")), "nothing would be left|shared"),
    (lambda doc: remove(doc, ("services", "api", "volumes", 1, "type")), "on a line with something else"),
    (lambda doc: remove(doc, ("services", "api")), "comments stand inside"),
    (lambda doc: rename(doc, ("services", "api"), "db"), "not be valid YAML"),
    (lambda doc: rename(doc, ("services", "nobody"), "x"), "there is no services.nobody to rename"),
    (lambda doc: rename(doc, ("services", "api", "volumes", 1), "x", word="y"), "not edited"),
]


@pytest.mark.parametrize(("edit", "reason"), REFUSED)
def test_where_others_would_be_reached_or_a_comment_lost_it_refuses(edit: Any, reason: str) -> None:
    with pytest.raises(RefusedEdit, match=reason):
        edit(load(FILE.encode()))
