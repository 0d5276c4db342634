"""Command lines in one string, as ``docker compose config`` v2.26.1 takes them apart."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import pytest
from stackops.console.compose.interpolation import BadCommandLine, split


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mongod --keyFile /data/mongodb.key --replSet rs0", ("mongod", "--keyFile", "/data/mongodb.key", "--replSet", "rs0")),
        ("echo a && b ; c", ("echo", "a")),
        ("a>b", ("a",)),
        ("a 2>&1 x", ("a",)),
        ('sh -c "a && b"', ("sh", "-c", "a && b")),
        ("a \"b $(x y) z\" 'c' \\'d", ("a", "b $(x y) z", "c", "'d")),
        ("h # b", ("h", "#", "b")),
        ("a\\ b \"c\\d\\\"e\" 'f\\g'", ("a b", 'cd"e', "f\\g")),
        ('foo\nbar "a\nb" # x\n', ("foo", "bar", "a\nb", "#", "x")),
        ("", ()),
    ],
)  # fmt: skip
def test_words_are_those_compose_makes(line: str, words: tuple[str, ...]) -> None:
    assert split(line) == words


@pytest.mark.parametrize("line", ['a "b', "a 'b", "a (b) c", "a )", "a\\", "a `b"])
def test_what_is_not_finished_is_an_error(line: str) -> None:
    with pytest.raises(BadCommandLine, match="invalid command line string"):
        split(line)
