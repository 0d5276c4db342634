"""The list of faults that are put in by hand (``make mutants``) fits the product and the tests as they are now."""

from __future__ import annotations

import ast
from pathlib import Path

import mutants
import pytest

TESTS = Path(__file__).resolve().parent


def test_each_line_that_would_be_wrong_is_there_once() -> None:
    found = {
        (one.file, one.old): (mutants.ROOT / one.file).read_text("utf-8").count(one.old) for one in mutants.MUTANTS
    }
    assert {where: count for where, count in found.items() if count != 1} == {}
    assert len(found) == len(mutants.MUTANTS) >= 40
    assert all(one.new != one.old for one in mutants.MUTANTS)


@pytest.mark.parametrize("name", sorted({one.test for one in mutants.MUTANTS}))
def test_a_test_that_must_notice_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    functions = {node.name for node in ast.walk(ast.parse((TESTS / file).read_text("utf-8"))) if hasattr(node, "name")}
    assert test.partition("[")[0] in functions
