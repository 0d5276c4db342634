"""What a hop says of itself is written by a child process that knows no language: it is told anew where it is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from stackops.console.hosts.local import wire_child
from stackops.console.report.wiring import REASONS, reasoned
from stackops.console.text import use

CHINESE = re.compile(r"[\u4e00-\u9fff]")
EXAMPLES = (
    "nobody listens at 10.0.0.2:27017", "Docker's name server knows no mongo",
    "there is no way to 10.0.0.2:80: No route to host",
    "answers as HTTP does; MongoDB is wanted", "answers as HTTP does", "refuses: this host is blocked (1129)",
    "environment of fastgpt", wire_child.PLAIN, "takes the connection and gives no answer within 3 s",
)  # fmt: skip


@pytest.mark.parametrize("reason", EXAMPLES)
def test_a_known_reason_is_told_in_chinese_and_stays_as_it_is_in_english(reason: str) -> None:
    assert reasoned(reason) == reason
    use("zh")
    assert CHINESE.search(reasoned(reason))


def test_one_that_is_not_known_stays_as_it_is() -> None:
    use("zh")
    assert reasoned("the flux capacitor is empty") == "the flux capacitor is empty"


def test_every_reason_of_the_child_is_known() -> None:
    source = Path(wire_child.__file__).read_text("utf-8")
    said = [*re.findall(r'WayEnds\("\w+", f?"([^"]+)"', source), *re.findall(r'\bsaid = "([^"]+)"', source)]
    known = [re.sub(r"\{\w+\}", ".+", re.escape(each).replace(r"\{", "{").replace(r"\}", "}")) for each in REASONS]
    filled = [re.sub(r"\{[^{}]*\}", "x", each) for each in said]
    strange = [each for each in filled if not any(re.fullmatch(one, each) for one in known)]
    assert set(strange) <= {"x knows no x", "x x for x", "x; x is wanted", "refuses: x (x)", "does not answer"}
