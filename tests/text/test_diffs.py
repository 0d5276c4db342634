"""Diffs show a change and where it stands, and no value beside it."""

from __future__ import annotations

import pytest
from stackops.console.text.cleaning import context, file_diff

OLD = """services:
  api:
    image: example/api:1
    environment:
      DOOR_CODE: swordfish-one
      - LIST_CODE=swordfish-two
      MODE: fast
      # old code swordfish-three
      args: [swordfish-four]
      block: |
        swordfish-five
"""


def test_what_stands_beside_a_change_shows_no_value() -> None:
    diff = file_diff("/srv/compose.yml", OLD.encode(), OLD.replace("MODE: fast", "MODE: slow").encode())
    assert "swordfish" not in diff
    assert "-      MODE: fast\n+      MODE: slow" in diff
    for kept in ("DOOR_CODE: …", "- LIST_CODE=…", "    environment:", "# …"):
        assert kept in diff


def test_a_value_whose_misspelt_name_is_put_right_is_on_neither_side() -> None:
    old, new = b"A: 1\nMONGO_ROOT_PASSWRD: x1\n", b"A: 1\nMONGO_ROOT_PASSWORD: x1\n"
    diff = file_diff("/srv/.env.yml", old, new)
    assert "x1" not in diff
    assert "-MONGO_ROOT_PASSWRD:" in diff
    assert "+MONGO_ROOT_PASSWORD:" in diff


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("    image: mongo:5.0.18", "    image: mongo:5.0.18"),
        ("  mongodb:", "  mongodb:"),
        ('  "log-driver": "x",', '  "log-driver": …'),
        ("FOO=bar", "FOO=…"),
        ("  - FOO=bar", "  - FOO=…"),
        ("  - bar", "  - …"),
        ("}", "}"),
        ("", ""),
        ("  proxy_pass http://x;", "  …"),
        ("  # a word", "  # …"),
        ("  https://u:p@h/", "  …"),
    ],
)
def test_a_line_beside_a_change_keeps_its_name(line: str, shown: str) -> None:
    assert context(line) == shown
