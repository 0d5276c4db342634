"""Every check in Chinese: what it is, what it explains, and what it says of each of its examples."""

from __future__ import annotations

import inspect
import re

import pytest
from examples import examples_of
from stackops.checks.api import PARTS, Case
from stackops.checks.registry import ALL
from stackops.console.settings import Settings
from stackops.console.text import use
from stackops.console.text.cleaning import cells

SETTINGS = Settings()
EACH = pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@EACH
def test_a_check_is_explained(check):
    use("zh")
    told = check.explained
    assert len(told.split("\n\n")) == len(check.doc.strip().split("\n\n"))
    assert not any(head in told.splitlines() for head in PARTS)
    *parts, sources = told.split("\n\n")
    assert all(CHINESE.search(part) for part in parts)
    assert sources.startswith("来源\n")
    assert all(cells(line) <= 120 for part in parts for line in part.splitlines())


@EACH
def test_a_form_is_told(check):
    """A text that is nothing but a value, or a command, has no letters of its own to translate."""
    use("zh")
    cases = [one for each in examples_of(check) for one in check.find(each.snapshot, SETTINGS) if isinstance(one, Case)]
    for case in cases:
        for text, filled in (
            (case.form.title, case.title),
            (case.form.because, case.because),
            (case.form.fix, case.fix),
        ):
            own = re.sub(r"\{\w+\}", "", text)
            assert CHINESE.search(filled) or not re.search(r"[a-z]{3} [a-z]{2}", own), filled


@EACH
def test_english_is_told_as_it_is_written(check):
    assert check.explained == inspect.cleandoc(check.doc)


def _facts(check, snapshot) -> list[tuple[object, ...]]:
    """What others go by: never in the words of a language."""
    found = [
        (
            r.status,
            r.subject,
            r.form,
            r.about,
            r.also,
            r.blames,
            r.severity,
            [e.value for e in r.evidence if e.label == "log"],
        )
        for r in check.examine(snapshot, SETTINGS)
    ]
    plans = [
        [
            (
                p.safety,
                p.restarts,
                p.lock,
                p.fault,
                p.uncovers,
                [(type(s), s.target) for s in p.steps],
                [q.key for q in p.questions],
            )
        ]
        for r in check.examine(snapshot, SETTINGS)
        if r.status == "finding"
        for p in [check.plan(r, snapshot, SETTINGS, {})]
    ]
    return [*found, *map(tuple, plans)]


@EACH
def test_a_check_finds_the_same_in_every_language(check):
    english = [_facts(check, each.snapshot) for each in examples_of(check)]
    use("zh")
    assert [_facts(check, each.snapshot) for each in examples_of(check)] == english
