"""How changes look, and when a fix counts as proven."""

from __future__ import annotations

import threading

import pytest
from stackops.console.fix.acts.base import StopAsked
from stackops.console.fix.acts.content import difference
from stackops.console.fix.verifying import NotVerified, verify
from stackops.console.model import FileFact
from stackops.console.model.findings import Result
from stackops.console.text.cleaning import file_diff, is_key
from support.clock import FakeClock


def test_a_diff_marks_odd_line_ends_and_hides_secrets() -> None:
    diff = file_diff("/srv/.env", b"A=1\r\nMONGO_PASSWORD=correcthorse\n", b"A=1\nMONGO_PASSWORD=correcthorse\nB=2")
    assert "-A=1␍" in diff
    assert "+A=1" in diff.splitlines()
    assert "\\ No newline at end of file" in diff
    assert "correcthorse" not in diff


def test_hostile_text_cannot_steer_the_terminal_through_a_diff() -> None:
    diff = file_diff("/srv/[/x]", b"a: 1\n", "a: \x1b]52;c;eA==\x07\u202e2\n".encode())
    assert "\x1b" not in diff
    assert "<U+202E>" in diff


def test_lines_that_look_like_headers_are_shown() -> None:
    diff = file_diff("/a", b"-- x\n", b"++ y\n")
    assert diff.splitlines()[-2:] == ["--- x", "+++ y"]


@pytest.mark.parametrize(
    ("path", "content", "key"),
    [
        ("/srv/mongodb.key", b"x", True), ("/srv/mongo-keyfile", b"x", True),
        ("/srv/note", b"YWJjZGVmZ2hpamts\n" * 3, True),
        ("/srv/docker-compose.yml", b"services:\n", False), ("/srv/monkey", b"word", False), ("/srv/empty", b"", False),
    ],
)  # fmt: skip
def test_keys_are_known_by_name_or_looks(path: str, content: bytes, key: bool) -> None:
    assert is_key(path, content) is key


def test_binary_content_is_told_by_its_size() -> None:
    assert "3 bytes, not shown" in file_diff("/a", b"\xff\xfe\x00", b"text")


def test_what_a_look_could_not_tell_is_not_compared() -> None:
    known = FileFact("/a", "file", mode=0o600, uid=1, gid=1, sha256="x")
    assert difference(FileFact("/a", "file"), known) is None
    assert difference(known, FileFact("/a", "file", mode=0o600, uid=2, gid=1, sha256="x")) is not None
    assert difference(known, FileFact("/a", "file", mode=0o600, uid=1, gid=1, sha256="x", link_target="/b")) is not None


def _looks(*answers: str) -> list[str]:
    return [*answers, *[answers[-1]] * 100]


def _verify(answers: list[str], clock: FakeClock, **given: object) -> None:
    rest = iter(answers)
    verify(lambda: Result("c", "s", next(rest), "wrong", because="why"), clock, deadline=5, settle=3, **given)  # type: ignore[arg-type]


def test_it_is_proven_when_it_stayed_good_for_the_settle_time() -> None:
    clock = FakeClock()
    _verify(_looks("finding", "unknown", "ok", "not_applicable"), clock)
    assert sum(clock.slept) == 5


@pytest.mark.parametrize("bad", ["finding", "unknown", "crashed"])
def test_it_is_not_proven_when_it_never_gets_good(bad: str) -> None:
    with pytest.raises(NotVerified, match="did not go away"):
        _verify(_looks(bad), FakeClock())


def test_good_and_bad_in_turns_is_not_proven() -> None:
    with pytest.raises(NotVerified):
        _verify(["ok", "finding"] * 50, FakeClock())


def test_a_stop_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StopAsked):
        _verify(_looks("ok"), FakeClock(), stop=stop)
