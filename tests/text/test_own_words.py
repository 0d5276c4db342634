"""What stackops itself says is never taken for a secret: every word of every check, and of every action."""

from __future__ import annotations

import pytest
from examples import examples_of
from stackops.checks.api import Check
from stackops.checks.registry import ALL
from stackops.console.settings import Settings
from stackops.console.text.redaction import Secrets
from stackops.screens.registry import ACTIONS


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_no_word_of_a_check_is_masked(check: Check) -> None:
    secrets = Secrets(b"test")
    texts = [check.doc, check.title, f"{check.id}: {check.title}", f"{check.id}: nothing to do"]
    for example in examples_of(check):
        for result in check.examine(example.snapshot, Settings()):
            texts += [result.title, result.because or "", result.fix.summary if result.fix else "", result.subject]
            texts += [f"{each.label}: {each.value}  ({each.source})" for each in result.evidence]
            if result.status == "finding" and check.plan is not None:
                plan = check.plan(result, example.snapshot, Settings(), {})
                texts += [plan.title, *plan.says, *(step.describe() for step in plan.steps)]
                texts += [question.prompt for question in plan.questions]
    assert [text for text in texts if secrets.redact(text) != text] == []


def test_no_word_of_an_action_is_masked() -> None:
    texts = [f"{action.id}: {action.label}  {action.help}" for action in ACTIONS]
    assert [text for text in texts if Secrets(b"test").redact(text) != text] == []
