"""Interpolation and .env files. Each case was put to ``docker compose config`` v2.26.1 first."""

from __future__ import annotations

import pytest
from stackops.console.compose.interpolation import (
    EnvFile,
    InterpolationError,
    expand,
    expand_tree,
    parse_env_file,
    read_env_file,
)
from stackops.console.compose.yaml_document import Tagged

ENV = {"E": "", "F": "foo"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$F", "foo"), ("${F}", "foo"), ("a${F}b$F-c", "afoobfoo-c"), ("$X", ""), ("${X}", ""),
        ("${X:-d}", "d"), ("${X-d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""), ("${F:-d}", "foo"), ("${X:-a:b}", "a:b"),
        ("${X-${Y:-z}}", "z"), ("${X:-${F}}", "foo"), ("${X:-$F}", "foo"), ("${X:-a}b}", "ab}"), ("${X:-$$y}", "$y"),
        ("${F:+x}", "x"), ("${E:+x}", ""), ("${E+x}", "x"), ("${X+x}", ""), ("${A-b-c}", "b-c"), ("${E?x}", ""),
        ("$$", "$"), ("$$F", "$F"), ("$$$$", "$$"), ("$$(foo)", "$(foo)"),
        ("$@", "$@"), ("$!", "$!"), ("$1", "$1"), ("$", "$"), ("a$", "a$"), ("$-", "$-"), ("$ {X}", "$ {X}"),
        ("$(foo)", "$(foo)"), ("$É", "$É"), ('${X:-"q"}', '"q"'),
    ],
)  # fmt: skip
def test_variables_are_filled_in_as_compose_does(text: str, value: str) -> None:
    assert expand(text, ENV) == value


@pytest.mark.parametrize("text", ["${1}", "${", "${}", "${X", "${X:}", "${X!y}", "${a.b}", "${ X }", "${É}"])
def test_what_compose_cannot_read_is_an_error_with_compose_s_words(text: str) -> None:
    with pytest.raises(InterpolationError, match=r"invalid interpolation format for services\.a\.user"):
        expand(text, ENV, "services.a.user")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${X?}", "required variable X is missing a value"),
        ("${X:?need it}", "required variable X is missing a value: need it"),
        ("${E:?empty $F}", "required variable E is missing a value: empty foo"),
        ("${A:-${B:?err}}", "required variable B is missing a value: err"),
    ],
)
def test_a_required_variable_that_is_missing_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        expand(text, ENV, "services.a.image")
    assert str(caught.value) == f"error while interpolating services.a.image: {reason}"


def test_the_operator_s_own_environment_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKOPS_PROBE", "leaked")
    assert expand("${STACKOPS_PROBE:-none}", {}) == "none"
    assert parse_env_file("A=${STACKOPS_PROBE}\nSTACKOPS_PROBE\n") == {"A": ""}


def test_trees_are_expanded_in_values_only_and_errors_name_the_place() -> None:
    tree = {"$F": ["$F", 1, None, Tagged("!override", "$F")]}
    assert expand_tree(tree, ENV) == {"$F": ["foo", 1, None, Tagged("!override", "foo")]}
    with pytest.raises(InterpolationError, match=r"services\.a\.environment\[1\]"):
        expand_tree({"a": {"environment": ["x", "${"]}}, ENV, "services")


def test_env_files_are_read_as_compose_reads_them() -> None:
    # fact: docker compose v2.26.1, down to `NAME= # note` being the text `# note`
    text = (
        "\ufeff# comment\r\nA=dota\r\nexport P=\"x y\"\nQ=${A}-q\nS='$A b'\nH=a#b # c\nEMPTY=\nNOTE= # note # more\n"
        'D="${A}"\nNOVAL\nBASED\nBAD=${\n'
    )
    assert read_env_file(text, {"BASED": "base"}) == EnvFile({
        "A": "dota", "P": "x y", "Q": "dota-q", "S": "$A b", "H": "a#b", "EMPTY": "", "NOTE": "# note", "D": "dota",
        "BASED": "base",
    }, "line 12: invalid template")  # fmt: skip
