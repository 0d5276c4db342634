"""No English reaches a Chinese screen or answer: commands and places of the practice machine, read by machine.

A word is English where some text of ours has it and is translated. Two of them that follow one another, outside of
quotation marks, commands and paths, are a sentence that nobody wired. What may stay English is named below.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib
import pytest
from stackops.checks.registry import ALL, examine
from stackops.console import cli
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.console.text import DOMAINS, use
from support.clock import FakeClock
from support.pilots import console, desk_on, look

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))

import catalogues

CHINESE = re.compile(r"[\u4e00-\u9fff]")
QUOTED = re.compile(
    r"`[^`]*`|\"[^\"]*\"|“[^”]*”|'[^']*'|\b(?:docker|sudo|stackops|systemctl) [^，。；（）│]*"  # and commands
)
SENTENCE = re.compile(r"(?<![\w./:=@{<$-])[A-Za-z][a-z']+(?:[ ,;]{1,2}[A-Za-z][a-z']*)+(?![\w/=({@-])")
STAYS = (
    "of endpoint",  # baseURL of endpoint Ollama: how librechat.yaml names the setting
    "s channels", "its config", "groups of keys", "guide of", "heads of keys", "layers, every",  # sources of figures
    "driver: cdi", "driver: nvidia", "image registry", "from guide", "from g",  # values, images, keys of servers
    "of fastgpt", "oneapi, aiproxy",  # a collection of MongoDB, names of services
    "isreplicaset", "npm run",  # words of mongod, a command
    "change stream", "feature compatibility", "Resource not found", "systemd cgroup",  # terms and messages of others
    "No matches found",  # Textual's own, which it lets nobody change
)  # fmt: skip


@cache
def vocabulary() -> frozenset[str]:
    """The words of all texts that have a Chinese translation."""
    words: set[str] = set()
    for domain in DOMAINS:
        for one in polib.pofile(str(catalogues.po_path(domain, "zh_CN"))):
            if CHINESE.search(one.msgstr or "".join(one.msgstr_plural.values())):
                words |= set(re.findall(r"[a-z']+", re.sub(r"`[^`]*`|\{[^}]*\}", "", one.msgid.lower())))
    return frozenset(words)


@cache
def foreign() -> str:
    """What others say and is quoted: lines of logs, the Engine's reasons, and where a check has its facts from."""
    parts = [doc.partition("Sources\n")[2] for doc in (check.doc for check in ALL)]
    snapshot = look(open_demo(clock=FakeClock()), Settings())
    parts += [each.error for each in snapshot.containers if each.error]
    for result in examine(snapshot, Settings()):
        parts += [each.value for each in result.evidence if each.label in {"log", "日志"}]
    return re.sub(r"\W+", " ", " ".join(parts))


def english(text: str) -> Iterator[str]:
    """What looks like English of ours in it."""
    for line in text.splitlines():
        for found in SENTENCE.finditer(QUOTED.sub("`", line)):
            ours = [word for word in re.findall(r"[A-Za-z']+", found[0]) if word.islower() and word in vocabulary()]
            stays = any(each in found[0] for each in STAYS) or re.sub(r"\W+", " ", found[0]) in foreign()
            if len(ours) > 1 and not stays:
                yield f"{found[0]} | {line.strip()[:120]}"


@pytest.fixture(autouse=True, scope="module")
def heard() -> None:
    """What others say is looked up before a screen runs: the look has a loop of its own."""
    foreign()


def test_english_is_seen() -> None:
    """The test of the test."""
    assert list(english("  证据    询问: nobody listens at 172.25.0.23:27017 (trial)"))
    assert list(english("✖ 错误  it could not be read"))
    assert not list(english("执行 docker compose up -d mongo"))
    assert not list(english("“the quoted words of others”"))


class Doors(cli.LazyDoors):
    """The practice machine, opened once."""

    host = None

    def open_host(self, settings):
        if Doors.host is None:
            Doors.host = open_demo(clock=FakeClock())
        return Doors.host


COMMANDS = (
    ("check",), ("ps",), ("gpu",), ("gpu", "--fit", "qwen2.5-7b"), ("gpu", "--fit", "nonsense"), ("servers",),
    ("wiring",), ("wiring", "--models"), ("settings",), ("journal",), ("undo",), ("resume",), ("rollback",),
    ("explain",),
    ("explain", "mongo.replica-set"), ("fix", "mongo.keyfile", "--dry-run"), ("fix", "nothing"), ("check", "nothing"),
    ("servers", "--test", "nobody"), ("undo", "nothing"), ("fix",), ("gpu", "--fitt", "x"), ("check", "--fail-on", "x"),
    ("gpu", "--fit"), ("undo", "a", "b", "c"), ("check", "--json=3"), ("gpu", "--fit", "x", "--split", "0"),
    ("--help",),
    *((name, "--help") for name in cli.COMMANDS if name != "demo"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_answers_in_english(arguments, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    cli.run(("--host", "demo", *arguments), Doors())
    said = capsys.readouterr()
    assert CHINESE.search(said.out + said.err)
    assert list(english(said.out + said.err)) == []


async def test_no_place_shows_english(tmp_path) -> None:
    use("zh")
    found = []
    async with console(desk_on(open_demo(clock=FakeClock()), Journal(tmp_path)), (200, 50)) as running:
        await running.until(lambda text: "正在读取" not in text)
        for place in "123456ew":
            for keys in ((place,), ("space", "down"), ("down", "down"), ("space",), ("question_mark",), ("escape",)):
                found += [(place, keys, each) for each in english(await running.press(*keys))]
        await running.press("1", "colon")
        found += [("palette", each) for each in english(running.text)]
        await running.press("escape")
        await running.stacks()
        for key in "RSAKDXI":
            found += [(key, each) for each in english(f"{await running.press(key)}\n{running.notices}")]
            await running.press("escape")
    assert found == []


def test_help_is_in_the_language_of_the_settings(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    file = tmp_path / "mine.toml"
    file.write_text('lang = "zh"\n')
    cli.run(("--config", str(file), "--help"))
    assert CHINESE.search(capsys.readouterr().out)
    cli.run(("--config", str(file), "--lang", "en", "--help"))
    assert "Show this message and exit." in capsys.readouterr().out
    file.write_text("lang = [\n")
    cli.run(("--config", str(file), "--help"))
    assert "Usage: stackops" in capsys.readouterr().out
