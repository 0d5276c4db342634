"""``stackops check`` on an Engine that accepts and then stands still: exit code 3, one sentence, nothing green, an end.

The limit of the time is the test's own: whoever waited for the Engine would wait for ever here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

import pytest
from stackops.console import cli
from support.fake_engine import FakeEngine, container

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
SENTENCES = {
    "silent": r"The Engine at \S+ is not answering \(nothing for \d+ s\)|The Docker Engine did not answer within \d+ s",
    "drips": r"The Engine at \S+ is not answering \(nothing for \d+ s\)|The Docker Engine did not answer within \d+ s",
    "dies": r"The Engine at \S+ replied badly: the reply was cut short",
}


class StandingEngine(FakeEngine):
    """Answers as ever, but for the requests whose target matches."""

    def __init__(self, how: str, where: str) -> None:
        super().__init__(container("app", pid=1))
        self.how, self.where = how, re.compile(where)

    async def _answer(self, method: str, target: str, writer: asyncio.StreamWriter) -> None:
        if not self.where.search(target):
            return await super()._answer(method, target, writer)
        if self.how != "silent":
            writer.write(HEAD + b'[{"Id":')
            await writer.drain()
        with contextlib.suppress(asyncio.CancelledError):  # the test is over
            while self.how != "dies" and not writer.is_closing():
                writer.write(b" " if self.how == "drips" else b"")
                await asyncio.sleep(0.1)
        writer.transport.abort()
        return None


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ("silent", ""),
        ("drips", ""),
        ("dies", ""),
        ("silent", "/containers/json"),
        ("drips", "/containers/json"),
        ("dies", "/containers/json"),
        ("silent", r"/containers/\w{64}/json"),
        ("dies", r"/containers/\w{64}/json"),
    ],
)
@pytest.mark.usefixtures("state")
def test_an_engine_that_stands_still_is_said_once_and_ends_with_3(
    how: str, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with StandingEngine(how, where).in_thread() as engine:
        code = cli.run(("check", "--json", "--host", engine.url), cli.LazyDoors())
    out, err = capfd.readouterr()
    told = json.loads(out)["judgement"]
    assert code == 3
    assert told["green"] is False
    assert re.match(SENTENCES[how], told["verdict"]), told["verdict"]
    assert "was read before" not in told["verdict"]
    assert len(err.strip().splitlines()) == 1
    assert re.match(f"stackops: (?:{SENTENCES[how]})", err), err
