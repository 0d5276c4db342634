"""Checks never touch the machine, never raise, and never believe foreign text."""

from __future__ import annotations

import builtins
import os
import socket
import subprocess
import typing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from stackops.checks.registry import ALL
from stackops.console import model
from stackops.console.settings import Settings

SETTINGS = Settings()
CASES = [pytest.param(check, example, id=f"{check.id}: {example.name}") for check in ALL for example in check.examples]
REPAIRING = [check for check in ALL if any(example.plan_kinds for example in check.examples)]
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


@pytest.mark.parametrize(("check", "example"), CASES)
def test_a_check_reads_nothing_but_the_snapshot(check, example, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a check touched the machine")

    with monkeypatch.context() as patch:
        for owner, name in ((builtins, "open"), (os, "open"), (os, "stat"), (os, "listdir"), (socket, "socket"),
                            (subprocess, "Popen")):  # fmt: skip
            patch.setattr(owner, name, forbidden)
        run_all(example.snapshot)


@pytest.mark.parametrize(("check", "example"), CASES)
def test_the_same_snapshot_gives_the_same_words(check, example):
    assert tuple(check.examine(example.snapshot, SETTINGS)) == tuple(check.examine(example.snapshot, SETTINGS))
    assert run_all(example.snapshot) == run_all(example.snapshot)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_hostile_container_name_is_carried_and_not_interpreted(check, name):
    for example in check.examples:
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
            assert result.subject == (name if before.subject == container.name else before.subject)
            assert (result.status, result.form) == (example.status, example.form)


@pytest.mark.parametrize("folder", [name for name in HOSTILE if name != "../x"])
@pytest.mark.parametrize("check", REPAIRING, ids=lambda check: check.id)
def test_a_hostile_folder_stays_the_folder(check, folder):
    """Paths are handed to steps as they are: no shell, no markup, no format fields."""
    examples = [one for one in check.examples if one.plan_kinds]
    chosen = [one for one in examples if one.form in ("directory", "not-mounted")]
    example = (chosen or [one for one in examples if "EditFile" in one.plan_kinds] or examples)[0]
    text = repr(example.snapshot)
    if not example.snapshot.projects:
        return  # what is repaired is the Engine's, in a folder that nobody chooses
    (project,) = example.snapshot.projects
    old = project.working_dir
    moved = _moved(example.snapshot, old, f"/srv/{folder}")
    assert repr(moved) != text
    plan = run_all(moved)[0]
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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=st.sampled_from([(c, e) for c in ALL for e in c.examples]), drop=st.sets(st.sampled_from(EVERY)))
def test_what_is_not_known_never_breaks_a_check(case, drop):
    _, example = case
    run_all(_blank(example.snapshot, drop))


def test_a_snapshot_in_which_nothing_at_all_is_known_never_breaks_a_check():
    for check in ALL:
        for example in check.examples:
            run_all(_blank(example.snapshot, set(EVERY)))


def test_an_empty_snapshot_is_not_applicable():
    empty = model.Snapshot(taken_at=0.0, host=model.HostInfo("h"))
    for check in ALL:
        assert tuple(check.examine(empty, SETTINGS)) == ()
