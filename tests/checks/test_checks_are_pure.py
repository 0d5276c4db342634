"""Checks never touch the machine, never raise, and never believe foreign text."""

from __future__ import annotations

import builtins
import os
import socket
import subprocess
import typing
from collections.abc import Iterator

import pytest
from examples import examples_of
from examples.wiring.folder import live, service
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from stackops.checks.registry import ALL
from stackops.checks.subjects import worked_out_once
from stackops.console import model
from stackops.console.model import Snapshot
from stackops.console.settings import Settings

SETTINGS = Settings()


def _repaired(check):
    return [one for one in examples_of(check) if one.plan_kinds]


REPAIRING = [check for check in ALL if any(one.snapshot.projects for one in _repaired(check))]
"""What only the Engine's own folder is repaired for is no business of a project's folder."""
HOSTILE = (
    "[/etc/x]",
    "\x1b]52;c;aGk=\x07",
    "容器" * 150,
    "{source}",
    "%s{0}",
    "a b\nc",
    "-rf",
    "$(id)",
    "../x",
    "[red]x[/]",
)


def run_all(snapshot):
    """Examine and plan with every check; exceptions come through."""
    plans = []
    for check in ALL:
        for result in check.examine(snapshot, SETTINGS):
            assert result.check == check.id
            if result.status == "finding":
                plans.append(check.plan(result, snapshot, SETTINGS, {}))
    return plans


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_check_reads_nothing_but_the_snapshot(check, monkeypatch):
    """No example of this check makes any check touch the machine."""

    def forbidden(*args, **kwargs):
        raise AssertionError("a check touched the machine")

    examples = examples_of(check)
    with monkeypatch.context() as patch:
        for owner, name in ((builtins, "open"), (os, "open"), (os, "stat"), (os, "listdir"), (socket, "socket"),
                            (subprocess, "Popen")):  # fmt: skip
            patch.setattr(owner, name, forbidden)
        for example in examples:
            run_all(example.snapshot)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_the_same_snapshot_gives_the_same_words(check):
    for example in examples_of(check):
        assert tuple(check.examine(example.snapshot, SETTINGS)) == tuple(check.examine(example.snapshot, SETTINGS))
        assert run_all(example.snapshot) == run_all(example.snapshot), example.name


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_nothing_is_told_of_a_container_that_was_only_listed(check):
    """Its variables, command and mounts are not known yet: neither a finding nor good news is made of empty ones."""
    for example in examples_of(check):
        listed = tuple(replace(one, detailed=False) for one in example.snapshot.containers)
        names = [one.name for one in listed]
        results = check.examine(replace(example.snapshot, containers=listed), SETTINGS)
        told = [(one.subject, one.status, one.because) for one in results if one.subject in names]
        assert {each[1:] for each in told} <= {("unknown", "it has not been inspected yet")}, example.name
        assert len(told) == len(set(told)), example.name


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_hostile_container_name_is_carried_and_not_interpreted(check, name):
    for example in examples_of(check):
        snapshot = example.snapshot
        if not snapshot.containers:
            continue
        (before,) = tuple(check.examine(snapshot, SETTINGS)) or (None,)
        if before is None:
            continue
        others = [one for one in snapshot.containers if one.name != before.subject]
        if len(others) == len(snapshot.containers):  # what is judged is no container: a card, a process, the machine
            others = others[1:]
        (container,) = [one for one in snapshot.containers if one not in others]
        renamed = replace(snapshot, containers=(replace(container, name=name), *others))
        (result,) = tuple(check.examine(renamed, SETTINGS)) or (None,)
        if result is not None:
            told = {before.subject, before.subject.replace(container.name, name, 1)} - {container.name}
            assert told & {result.subject, *result.also}
            assert (result.status, result.form) == (example.status, example.form)


@pytest.mark.parametrize("folder", [name for name in HOSTILE if name != "../x"])
@pytest.mark.parametrize("check", REPAIRING, ids=lambda check: check.id)
def test_a_hostile_folder_stays_the_folder(check, folder):
    """Paths are handed to steps as they are: no shell, no markup, no format fields."""
    examples = _repaired(check)
    chosen = [one for one in examples if one.form in ("directory", "not-mounted")]
    example = (chosen or [one for one in examples if "EditFile" in one.plan_kinds] or examples)[0]
    text = repr(example.snapshot)
    (project,) = example.snapshot.projects
    old = project.working_dir
    moved = _moved(example.snapshot, old, f"/srv/{folder}")
    assert repr(moved) != text
    plan = next(each for each in run_all(moved) if each.check == check.id)
    paths = [getattr(step, "path", None) or getattr(step, "directory", None) or plan.lock for step in plan.steps]
    assert paths
    assert all(path.startswith("/srv/" + folder) for path in paths)


def _moved(part, old, new):
    """The same structure with one folder replaced in every text."""
    if isinstance(part, str):
        return part.replace(old, new)
    if isinstance(part, tuple):
        return tuple(_moved(one, old, new) for one in part)
    if isinstance(part, dict):
        return {key: _moved(value, old, new) for key, value in part.items()}
    if hasattr(part, "__struct_fields__"):
        return type(part)(**{name: _moved(getattr(part, name), old, new) for name in part.__struct_fields__})
    return part


def _optional(struct):
    hints = typing.get_type_hints(struct)
    return [one.name for one in fields(struct) if type(None) in typing.get_args(hints[one.name])]


BLANKABLE = [model.Container, model.FileFact, model.KeyFileFact, model.Project, model.ComposeService, model.ConfigFile,
             model.LogMark, model.EngineInfo, model.Mount, model.Service, model.Snapshot, model.DaemonConfig,
             model.MongoState, model.HostInfo]  # fmt: skip
OPTIONAL = {struct: _optional(struct) for struct in BLANKABLE}


def _blank(part, drop):
    """The same structure with the chosen optional fields set to None."""
    if isinstance(part, tuple):
        return tuple(_blank(one, drop) for one in part)
    if not hasattr(part, "__struct_fields__"):
        return part
    optional = OPTIONAL.get(type(part), ())
    return type(part)(
        **{
            name: None
            if name in optional and (type(part).__name__, name) in drop
            else _blank(getattr(part, name), drop)
            for name in part.__struct_fields__
        }
    )


EVERY = sorted((struct.__name__, name) for struct, names in OPTIONAL.items() for name in names)


@settings(max_examples=300)
@given(case=st.sampled_from([(c, e) for c in ALL for e in examples_of(c)]), drop=st.sets(st.sampled_from(EVERY)))
def test_what_is_not_known_never_breaks_a_check(case, drop):
    _, example = case
    run_all(_blank(example.snapshot, drop))


def test_a_snapshot_in_which_nothing_at_all_is_known_never_breaks_a_check():
    for check in ALL:
        for example in examples_of(check):
            run_all(_blank(example.snapshot, set(EVERY)))


def test_an_empty_snapshot_is_not_applicable():
    empty = model.Snapshot(taken_at=0.0, host=model.HostInfo("h"))
    for check in ALL:
        assert tuple(check.examine(empty, SETTINGS)) == ()


def test_what_is_worked_out_once_is_so_for_one_snapshot_and_never_for_the_next() -> None:
    asked: list[float] = []

    @worked_out_once
    def names(snapshot: Snapshot) -> Iterator[str]:
        asked.append(snapshot.taken_at)
        yield from (container.name for container in snapshot.containers)

    one, other = live(service("a", "a:1")), live(service("b", "b:1"))
    assert [names(one), names(one), names(other), names(one)] == [("stack-a-1",)] * 2 + [("stack-b-1",), ("stack-a-1",)]
    assert len(asked) == 3
