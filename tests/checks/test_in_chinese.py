"""Every check in Chinese: what it is, what it explains, and what it says of each of its examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache

import polib
import pytest
from examples import examples_of
from stackops.checks.api import PARTS, Case
from stackops.checks.registry import ALL
from stackops.console.settings import Settings
from stackops.console.text import FOLDERS, LOCALE, use
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


RUN = re.compile(r"[A-Za-z',;:/.-]+(?: [A-Za-z',;:/.-]+){4,}")
"""Five words and more in a row."""


@cache
def _english() -> tuple[str, ...]:
    """What stands between the placeholders of the texts that have a translation, where that says it in other words.

    Without those of products: the examples' Snapshots were read by somebody who reads English.
    """
    whole = polib.pofile(str(LOCALE / FOLDERS["zh"] / "LC_MESSAGES" / "checks.po"))
    catalogue = [one for one in whole if any(not path.startswith("console/products") for path, _ in one.occurrences)]
    runs = ((run, one.msgstr) for one in catalogue for run in RUN.findall(re.sub(r"\{[^{}]*\}", "\n", one.msgid)))
    return tuple({run for run, translation in runs if run not in translation})


def _told(check, snapshot) -> Iterator[str]:
    """Every sentence of ours about what is found: not the lines of logs, nor what a server said."""
    for result in check.examine(snapshot, SETTINGS):
        yield result.title
        yield from (row.label for row in result.evidence)
        if result.status == "finding":
            plan = check.plan(result, snapshot, SETTINGS, {})
            yield from (result.because or "", result.fix.summary, *plan.says, *(each.prompt for each in plan.questions))
            yield from (step.describe() for step in plan.steps)


@EACH
def test_nothing_that_is_translated_is_told_in_english(check):
    use("zh")
    told = [each for one in examples_of(check) for each in _told(check, one.snapshot)]
    english = [(run, each) for each in told if RUN.search(each) for run in _english() if run in each]
    assert english == []


@EACH
def test_every_title_is_chinese(check):
    use("zh")
    titles = [result.title for each in examples_of(check) for result in check.examine(each.snapshot, SETTINGS)]
    assert [title for title in titles if not CHINESE.search(title)] == []
