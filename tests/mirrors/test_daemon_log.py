"""Which lines of dockerd's log are pulls that failed on the way, and where that log is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from stackops.console.collect.sources.mirrors import failures
from stackops.console.hosts.local.docker_command import end_of_log
from stackops.console.hosts.local.kernel import LocalKernel

AT = "2026-11-21T13:37:24.687272875Z"
NOON = 1_795_262_400.0


def line(why: str, what: str = "Handler for POST /v1.41/images/create returned error", level: str = "error") -> str:
    quoted = why.replace('"', '\\"')
    return f'time="{AT}" level={level} msg="{what}: {quoted}"\n'


TIMED_OUT = (
    'Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection'
    " (Client.Timeout exceeded while awaiting headers)"
)
LIMITED = (
    'Head "https://registry-1.docker.io/v2/library/mongo/manifests/5": toomanyrequests: You have reached your limit'
)


@pytest.mark.parametrize(
    ("why", "registry"),
    [
        (TIMED_OUT, "docker.io"),
        (LIMITED, "docker.io"),
        ('Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host', "docker.io"),
        ('Get "https://ghcr.io/v2/": net/http: TLS handshake timeout', "ghcr.io"),
        ('Head "https://quay.io/v2/a/b/manifests/1": EOF', "quay.io"),
        ('Get "https://auth.docker.io/token?scope=x": context deadline exceeded', "docker.io"),
        ("pull access denied for x, repository does not exist or may require 'docker login'", None),
        ("manifest for mongo:99 not found: manifest unknown: manifest unknown", None),
        ('Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password', None),
    ],
)
def test_what_failed_on_the_way_is_told_with_its_registry(why, registry):
    found = failures(line(why).encode(), 0.0)
    assert [one.registry for one in found] == ([registry] if registry else [])
    if registry:
        assert found[0].reason == why
        assert int(found[0].at) == 1795268244


def test_a_newer_engines_line_goes_on_behind_the_message():
    text = line('Get "https://registry-1.docker.io/v2/": EOF').rstrip("\n") + ' spanID=1 traceID="a b"\n'
    assert failures(text.encode(), 0.0)[0].reason == 'Get "https://registry-1.docker.io/v2/": EOF'
    later = line('Get "https://ghcr.io/v2/": EOF', "Not continuing with pull after error")
    assert [one.registry for one in failures((text + later).encode(), 0.0)] == ["docker.io", "ghcr.io"]


def test_other_lines_other_times_and_other_bytes_are_left_out():
    why = 'Get "https://registry-1.docker.io/v2/": EOF'
    others = line(why, "Attempting next endpoint for pull after error", "info") + "plain words\n"
    others += line(why, "Error getting v2 registry", "warning")
    others += line(why, "Handler for POST /v1.41/images/load returned error")
    assert failures(others.encode(), 0.0) == ()
    assert failures(b"\xff\x00\n" + line(why).encode() + b"\xff", 0.0)
    assert failures(line(why).encode(), NOON + 86400) == ()
    assert failures(line(why).replace(AT, "soon").encode(), 0.0) == ()
    assert len(failures(line(why).encode() * 50, 0.0)) == 3
    assert "\x1b" not in repr(failures(line('Get "https://a.example/\x1b]52;x": EOF').encode(), 0.0))


@contextmanager
def program(code: str, stderr: IO[str] | int) -> Iterator[int]:
    """A program that has done this and lives on; its process id."""
    whole = f"import sys, time; {code}; print('up', flush=True); time.sleep(20)"
    with subprocess.Popen([sys.executable, "-c", whole], stderr=stderr, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started.pid
        started.kill()


def test_the_file_behind_standard_error_is_read_from_its_end(tmp_path):
    said = "sys.stderr.write('early ' * 1000 + 'late'); sys.stderr.flush()"
    with (tmp_path / "dockerd.log").open("w") as opened, program(said, opened) as pid:
        assert LocalKernel("/").program_log(pid, limit=10) == b"early late"


def test_a_pipe_a_terminal_or_a_stranger_is_left_alone(tmp_path):
    with program("pass", subprocess.PIPE) as pid:
        assert LocalKernel("/").program_log(pid) == b""
    assert LocalKernel("/").program_log(1 << 30) == b""
    assert LocalKernel(str(tmp_path)).program_log(1, unit="docker.service") == b"", "another root has no journal"


def test_the_journal_of_the_unit_is_read_where_there_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "journalctl").write_text('#!/bin/sh\necho "$@"\nexit $JOURNAL_EXIT\n')
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("JOURNAL_EXIT", "0")
    said = end_of_log(Path("/"), 1 << 30, "docker.service", 1000).decode()
    assert said.startswith("--quiet --no-pager -o cat --since -2h")
    assert said.endswith("-u docker.service\n")
    monkeypatch.setenv("JOURNAL_EXIT", "1")
    assert end_of_log(Path("/"), 1 << 30, "docker.service", 1000) == b""
    monkeypatch.setenv("PATH", "/nowhere")
    assert end_of_log(Path("/"), 1 << 30, "docker.service", 1000) == b""
