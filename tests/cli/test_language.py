"""The command in Chinese: for people all of it, for programs none of it; who chooses, and in which order."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from stackops.console.report.text import heads, table
from stackops.console.text import use

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("arguments", [("ps",), ("gpu",), ("servers",), ("wiring",), ("explain",), ("settings",)])
def test_people_read_chinese_and_programs_english(stackops, arguments) -> None:
    host = ("--host", "demo", "--lang", "zh")
    assert CHINESE.search(stackops(*host, *arguments).out)
    for form in ("--json", "--plain", "--ascii"):
        answer = stackops(*host, form, *arguments)
        assert not CHINESE.search(answer.out + answer.err), form
    assert not CHINESE.search(stackops("--host", "demo", *arguments).out)


def test_a_check_is_told_in_chinese_with_its_evidence(stackops) -> None:
    said = stackops("--host", "demo", "check", "mongo.keyfile", "--lang", "zh").out
    assert "原因" in said
    assert "证据" in said
    assert stackops("--host", "demo", "check", "mongo.keyfile", "--lang", "zh", "--json").out.isascii()


def test_the_columns_of_a_table_stand_below_their_chinese_titles() -> None:
    use("zh")
    lines = table([heads("STATE", "NAME"), ("运行中", "数据库"), ("exited 137", "mongo")], 80)
    names = ("名称", "数据库", "mongo")
    assert len({cell_len(line[: line.index(name)]) for line, name in zip(lines, names, strict=True)}) == 1


def test_the_option_comes_before_the_settings_and_these_before_the_environment(stackops, tmp_path, monkeypatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('lang = "en"\n')
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert CHINESE.search(stackops("settings").out)
    assert not CHINESE.search(stackops("settings", "--config", str(file)).out)
    assert CHINESE.search(stackops("settings", "--config", str(file), "--lang", "zh").out)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    file.write_text('lang = "zh"\n')
    assert CHINESE.search(stackops("settings", "--config", str(file)).out)


def test_help_and_usage_errors_are_chinese_too(stackops) -> None:
    assert "监视" in stackops("--lang", "zh", "--help").out
    assert "修复问题" in stackops("fix", "--help", "--lang=zh").out
    assert "未知命令" in stackops("--lang", "zh", "chek").err
    assert "unknown command" in stackops("--lang", "zh", "--json", "chek").err
