"""The step that reloads the Engine: proven by what the Engine says, refused before it does harm, taken back exactly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stackops.console.fix.acts import engine as engine_step
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import EditFile, EditJson, EngineReload, StepContext, StepFailed
from stackops.console.hosts import CommandResult, EngineUnreachable, HostError, NotFound, NotPermitted, ReadOnlyRefused
from stackops.console.hosts.local import control
from stackops.console.hosts.local.client import ClosedClient
from stackops.console.hosts.local.control import LocalControl
from stackops.console.model.findings import Result
from stackops.console.practice import files as stacks
from stackops.console.practice import kernel, open_demo
from support.clock import FakeClock

FILE, OLD, NEW = kernel.FILE, "https://docker.1ms.run", "https://docker.1panel.live"


@pytest.fixture
def host():
    made = open_demo(clock=FakeClock(), scenarios=())
    made.build()
    return made


def plan(*mirrors: str, create: bool = False, value: str | None = None) -> Plan:
    text = json.dumps(mirrors) if value is None else value
    edit = EditFile(FILE, (EditJson("registry-mirrors", text),), create=create)
    steps = (edit, EngineReload(FILE, mirrors, unit=kernel.UNIT))
    return Plan("test", "dockerd", "Mirrors", steps=steps, lock="/etc/docker", settle=0.0, deadline=1.0)


def fixer(host, folder, *, good=True) -> Fixer:
    return Fixer(host, Journal(folder), lambda: Result("test", "dockerd", "ok" if good else "finding", "It is"))


def content(host) -> bytes | None:
    node = host.world.tree.get(FILE)
    return node.content if node else None


def effective(host) -> list[str]:
    return json.loads(asyncio.run(host.engine.info()))["RegistryConfig"]["Mirrors"]


def test_the_list_is_taken_and_given_back(host, tmp_path):
    work = fixer(host, tmp_path)
    prepared = work.prepare(plan(NEW, OLD))
    reload = prepared.steps[-1]
    assert reload.diff == "$ systemctl reload docker.service"
    assert (reload.step.pid, reload.inverse.mirrors) == (kernel.PID, (OLD,))
    assert effective(host) == [f"{OLD}/"], "a preview reloads nothing"
    done = work.run(prepared)
    assert done.name == "done", done.sentence
    assert effective(host) == [f"{NEW}/", f"{OLD}/"]
    assert work.prepare(plan(NEW, OLD)).empty, "twice is once"
    assert work.undo(done.entry).name == "done"
    assert (content(host), effective(host)) == (stacks.text("daemon.json").encode(), [f"{OLD}/"])


@pytest.mark.parametrize(
    "before", [None, b"", b'{"debug": true}\n', b'{"registry-mirrors": ["https://other.example"]}']
)
def test_the_way_back_restores_file_and_list_whatever_the_file_said(host, tmp_path, before):
    """Without the key, or with another list that was never read, the file's old bytes alone would not be enough."""
    host.world.tree.drop(FILE)
    if before is not None:
        host.world.tree.put(FILE, before)
    work = fixer(host, tmp_path)
    done = work.run(work.prepare(plan(NEW, create=True)))
    assert done.name == "done", done.sentence
    assert effective(host) == [f"{NEW}/"]
    undone = work.undo(done.entry)
    assert undone.name == "done", (undone.sentence, undone.says)
    assert (content(host), effective(host)) == (before, [f"{OLD}/"])


def test_a_fix_that_is_not_verified_gives_file_and_list_back(host, tmp_path):
    host.world.tree.drop(FILE)
    work = fixer(host, tmp_path, good=False)
    outcome = work.run(work.prepare(plan(NEW, create=True)))
    assert outcome.name == "rolled-back", (outcome.sentence, outcome.says)
    assert (content(host), effective(host)) == (None, [f"{OLD}/"])


def test_an_engine_that_does_not_take_the_list_is_given_its_file_back(host, tmp_path, monkeypatch):
    work = fixer(host, tmp_path)
    prepared = work.prepare(plan(NEW))
    monkeypatch.setattr(kernel, "read", lambda world: None)
    outcome = work.run(prepared)
    assert outcome.name == "rolled-back", outcome.says
    assert "did not take the new list" in outcome.sentence
    assert content(host) == stacks.text("daemon.json").encode()


def test_an_engine_that_dies_of_its_file_is_given_the_old_one_back_at_once(host, tmp_path, monkeypatch):
    work = fixer(host, tmp_path)
    prepared = work.prepare(plan(NEW))

    async def gone(*_: object) -> bytes:
        raise EngineUnreachable("nobody listens: the Engine is not running")

    def dies(world: object) -> None:
        for name in ("info", "containers", "version"):
            monkeypatch.setattr(host.engine, name, gone)

    with monkeypatch.context() as dead:
        dead.setattr(kernel, "read", dies)
        outcome = work.run(prepared)
    assert outcome.name == "engine-away", outcome
    assert content(host) == stacks.text("daemon.json").encode()
    monkeypatch.undo()
    (entry,) = work.journal.open_entries()
    assert work.roll_back(entry).name == "rolled-back"
    assert content(host) == stacks.text("daemon.json").encode()
    assert effective(host) == [f"{OLD}/"]


def test_a_reload_that_changes_nothing_must_at_least_be_told_by_the_engine(host, monkeypatch):
    monkeypatch.setattr(engine_step, "EVENT_WITHIN", 0.05)
    step = EngineReload(FILE, (OLD,), unit=None)
    bench = StepContext(host)
    step.act(bench)  # the practice stack sends the event
    host.clock.advance(1.0)
    monkeypatch.setattr(kernel, "read", lambda world: None)
    with pytest.raises(StepFailed, match="no sign"):
        step.act(bench)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ('["no-scheme.example"]', "must begin with https"), ('["https://u:p@x.example"]', "user and password"),
        ('"https://a.example"', "must be a list"), ('["https://a.example/x?y=1"]', "query"),
    ],
)  # fmt: skip
def test_what_the_engine_would_refuse_is_refused_before_anything_is_written(host, tmp_path, edit, says):
    with pytest.raises(StepFailed, match=says):
        fixer(host, tmp_path).prepare(plan(NEW, value=edit))
    assert content(host) == stacks.text("daemon.json").encode()


def test_a_key_that_is_a_flag_too_and_what_dockerd_itself_refuses(host, tmp_path, monkeypatch):
    host.world.tree.put(FILE, b'{"hosts": []}')
    with pytest.raises(StepFailed, match="hosts: set in the file and as a flag"):
        fixer(host, tmp_path).prepare(plan(NEW))
    host.world.tree.put(FILE, b"{}")
    monkeypatch.setattr(kernel, "validate", lambda raw: CommandResult((), 1, "unknown directive: x"))
    with pytest.raises(StepFailed, match="dockerd refuses the configuration as it would be: unknown directive"):
        fixer(host, tmp_path).prepare(plan(NEW))


def test_a_dockerd_without_validate_is_told_in_a_note(host, tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "validate", lambda raw: None)
    assert any("no --validate" in note for note in fixer(host, tmp_path).prepare(plan(NEW)).notes)


def test_a_dockerd_that_was_restarted_since_the_preview_is_noticed(host, tmp_path):
    work = fixer(host, tmp_path)
    prepared = work.prepare(plan(NEW))
    real = host.kernel.processes
    host.kernel.processes = lambda: [r if r.pid != kernel.PID else type(r)(977, *_rest(r)) for r in real()]
    outcome = work.run(prepared)
    assert outcome.name == "refused"
    assert content(host) == stacks.text("daemon.json").encode()


def _rest(row):
    return row.ppid, row.name, row.command, row.started_at, row.user, row.container


def test_without_a_dockerd_in_sight_it_is_for_the_operator(host, tmp_path):
    host.kernel.processes = lambda: ()
    with pytest.raises(HostError, match="No dockerd is seen from here"):
        fixer(host, tmp_path).prepare(plan(NEW))


def test_read_only_reloads_nothing(tmp_path):
    host = open_demo(clock=FakeClock(), scenarios=(), read_only=True)
    work = fixer(host, tmp_path)
    assert work.run(work.prepare(plan(NEW))).name == "refused"
    assert effective(host) == [f"{OLD}/"]
    with pytest.raises(ReadOnlyRefused):
        host.control.reload_engine(kernel.PID)


def test_a_signal_goes_to_a_dockerd_and_to_nobody_else(tmp_path):
    with pytest.raises(NotFound, match="is no dockerd"):
        control.reload(os.getpid())
    with pytest.raises(NotFound, match="is no dockerd"):
        control.reload(1)
    with pytest.raises(NotFound, match="is no dockerd"):
        control.reload(1 << 30)
    told = tmp_path / "told"
    code = (
        "import ctypes, signal, sys, time; ctypes.CDLL(None).prctl(15, b'dockerd', 0, 0, 0); "
        f"signal.signal(signal.SIGHUP, lambda *_: open({str(told)!r}, 'w').close()); "
        "print('up', flush=True); time.sleep(20)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as stand_in:
        assert stand_in.stdout is not None
        stand_in.stdout.readline()
        assert control.reload(stand_in.pid).argv == ("kill", "-HUP", str(stand_in.pid))
        for _ in range(100):
            if told.exists():
                break
            stand_in.poll()
            subprocess.run(["sleep", "0.02"], check=True)
        assert told.exists()
        assert stand_in.poll() is None, "it lives on"
        stand_in.kill()


def test_a_unit_is_reloaded_through_systemd_and_its_refusal_is_told(tmp_path, monkeypatch):
    log = tmp_path / "log"
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n[ "$3" = bad.service ] && echo no such unit && exit 5\nexit 0\n'
    )
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(control, "_require_dockerd", lambda pid: None)
    control.reload(4242, "docker.service")
    assert log.read_text() == "reload -- docker.service\n"
    with pytest.raises(HostError, match=r"systemctl reload bad\.service ended with exit code 5: no such unit"):
        control.reload(4242, "bad.service")


def test_a_user_who_may_not_is_told_the_command(monkeypatch):
    monkeypatch.setattr(control, "_require_dockerd", lambda pid: None)

    def kill(pid: int, number: int) -> None:
        assert number == signal.SIGHUP
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    with pytest.raises(NotPermitted) as caught:
        control.reload(77)
    assert caught.value.remedy == "sudo kill -HUP 77"


def test_dockerds_own_judgement_is_asked_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert control.validate(b"{}") is None, "no dockerd here"
    for says, code, known in (("configuration OK", 0, True), ("Status: unknown flag: --validate", 1, False),
                              ("unable to configure", 1, True)):  # fmt: skip
        (tmp_path / "dockerd").write_text(f'#!/bin/sh\necho "{says}"\necho "$@"\nexit {code}\n')
        (tmp_path / "dockerd").chmod(0o755)
        said = control.validate(b'{"a": 1}', ("-H", "fd://"))
        assert (said is not None) == known
        if said is not None:
            assert said.exit_code == code
            assert "-H fd:// --validate --config-file " in said.output
    assert list(Path(tmp_path).iterdir()) == [tmp_path / "dockerd"]


def test_read_only_and_remote_engines_get_no_signal():
    with pytest.raises(ReadOnlyRefused):
        LocalControl(ClosedClient("", HostError("x")), read_only=True).reload_engine(1)
    with pytest.raises(HostError, match="x"):
        LocalControl(ClosedClient("", HostError("x"))).reload_engine(1)


def test_the_flags_of_the_running_dockerd_are_given_to_validate_without_its_file():
    words = ("-H", "fd://", "--config-file", "/x", "--config-file=/y", "--debug")
    assert engine_step._without_file(words) == ("-H", "fd://", "--debug")
