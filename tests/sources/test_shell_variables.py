"""Which variable a difference comes from: told where its text fits, and silent where a file was edited."""

from __future__ import annotations

import pytest
from stackops.console.compose.definition import Change
from stackops.console.compose.reading import lost, with_tokens
from support.memory_files import MemoryFiles

HERE = "/srv/chat"
COMPOSE = """services:
  api:
    image: ${REGISTRY:-docker.io}/x:2
    user: "${UID}"
    command: ["serve", "--key", "${KEY}"]
    environment:
      - MONGO_URI=mongodb://${LOGIN:-root}:${PASSWORD}@m/
      - FROM_SHELL
      - FIXED=${SET}
    ports: ["${PORT:-3080}:3080"]
    volumes:
      - ${DATA:-./data}:/data
      - ~/models:/models
      - ./plain:/plain
"""


def lost_in(what: str, was: str | None, now: str | None = None) -> set[str]:
    files = MemoryFiles({f"{HERE}/c.yml": COMPOSE.encode(), f"{HERE}/.env": b"SET=1\n"})
    declared = with_tokens(files, HERE, "api", config_files=[f"{HERE}/c.yml"], env_files=())
    return set(lost([Change(what, was, now)], declared, "chat"))


def test_a_service_that_is_no_mapping_declares_nothing() -> None:
    files = MemoryFiles({f"{HERE}/c.yml": b"services:\n  api: x\n"})
    assert with_tokens(files, HERE, "api", config_files=[f"{HERE}/c.yml"], env_files=()) is None


@pytest.mark.parametrize(
    ("what", "was", "names"),
    [
        ("variable MONGO_URI", "=mongodb://root:secret@m/", {"LOGIN", "PASSWORD"}),
        ("variable MONGO_URI", "=mongodb://root:secret@another/", set()),
        ("variable FROM_SHELL", "=x", {"FROM_SHELL"}),
        ("variable FIXED", "=2", set()),
        ("variable UNKNOWN", "=2", set()),
        ("image", "mirror.local/x:2", {"REGISTRY"}),
        ("image", "docker.io/x:1", set()),
        ("user", "1000", {"UID"}),
        ("command", '["serve","--key","k"]', {"KEY"}),
        ("command", '["serve"]', set()),
        ("port 3080/tcp", "127.0.0.1:8080", {"PORT"}),
        ("port 3080/tcp", ":8080", {"PORT"}),
        ("mount /data", "bind /srv/big rw", {"DATA"}),
        ("mount /data", "volume chat_data rw", {"DATA"}),
        ("mount /models", "bind /home/alice/models rw", {"HOME"}),
        ("mount /models", "bind /home/alice/other rw", set()),
        ("mount /plain", "bind /srv/old rw", set()),
        ("variable MONGO_URI", None, set()),
    ],
)
def test_a_variable_is_named_where_its_text_fits(what: str, was: str | None, names: set[str]) -> None:
    assert lost_in(what, was) == names
