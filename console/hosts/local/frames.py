"""Log streams taken apart: Docker's frames, lines, and lines that are too long. Pure, memory stays flat.

fact: without a terminal the Engine sends frames of 8 bytes (stream 0 to 2, three zeros, length) and payload; with one
it sends the bytes as they are. API 1.42 says which in Content-Type, 1.41 says nothing. Asked for with time stamps, raw
text begins with a digit of the year, so its first byte is never that of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator

LINE = 8192
HEADER = 8


class Lines:
    """Turns pieces of one stream into lines, each clipped at 8 KiB with what is missing counted."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, with their line feed."""
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep(piece[start:end])
            yield self._line() + b"\n"
            start = end + 1
        self._keep(piece[start:])

    def rest(self) -> bytes:
        """The last line, where it had no line feed."""
        return self._line() if self._kept or self._dropped else b""

    def _keep(self, part: bytes) -> None:
        room = LINE - len(self._kept)
        self._kept += part[:room]
        self._dropped += max(0, len(part) - room)

    def _line(self) -> bytes:
        line = bytes(self._kept).rstrip(b"\r")
        if self._dropped:
            line = _whole_characters(line) + f"… +{_amount(self._dropped)}".encode()
        self._kept.clear()
        self._dropped = 0
        return line


class LogReader:
    """Turns the body of a log reply into lines, framed or raw, found out from the first bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._framed: bool | None = None
        self._left = 0
        self._stream = 0
        self._streams = (Lines(), Lines(), Lines())

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, in the order sent."""
        if self._framed is None:
            self._framed = _is_frame(piece)
        if not self._framed:
            yield from self._streams[0].feed(piece)
            return
        self._buffer += piece
        while self._buffer:
            if not self._left and not self._next_frame():
                return
            payload = bytes(self._buffer[: self._left])
            del self._buffer[: self._left]
            self._left -= len(payload)
            yield from self._streams[self._stream].feed(payload)

    def rest(self) -> Iterator[bytes]:
        """Unfinished lines, at the end of the reply."""
        for lines in self._streams:
            if last := lines.rest():
                yield last + b"\n"

    def _next_frame(self) -> bool:
        if len(self._buffer) < HEADER:
            return False
        if not _is_frame(self._buffer):  # out of step: show the rest as it is rather than lose it
            self._framed, self._stream, self._left = True, 0, len(self._buffer)
            return True
        self._stream = self._buffer[0]
        self._left = int.from_bytes(self._buffer[4:HEADER], "big")
        del self._buffer[:HEADER]
        return bool(self._left) or self._next_frame()


def _is_frame(begin: bytes | bytearray) -> bool:
    return begin[0] <= 2 and not any(begin[1:4])


def _whole_characters(line: bytes) -> bytes:
    """The line without the half character that clipping left at its end."""
    return line.decode("utf-8", "ignore").encode() if line[-4:].decode("utf-8", "replace").endswith("�") else line


def _amount(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1_000_000 else f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} bytes"
