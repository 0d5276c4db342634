"""The stand-in driver for every test here, and doors that read it through the real child process."""

from __future__ import annotations

import os

import pytest
from stackops.console.hosts.local.gpus.local import Nvidia, Patience
from support.clock import FakeClock
from support.nvml import Stub, build

QUICK = Patience(usual=0.3, first=20.0, longest=0.5, give_up=8.0, give_up_first=40.0, shared=0.0)


@pytest.fixture
def stub(tmp_path_factory, tmp_path):
    """One healthy card; ``stub.write`` changes it."""
    return Stub(build(tmp_path_factory), tmp_path)


@pytest.fixture
def clock():
    """Back-off and deadlines of a child's life are counted by it; a single wait is a real one."""
    return FakeClock()


@pytest.fixture
def root(tmp_path):
    """A machine without any sign of a GPU in its files."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def door(clock, root):
    """Opens doors: ``door(stub)``; they are closed in the end."""
    opened = []

    def make(stub=None, *, patience=QUICK, environ=None, **more):
        environ = os.environ | (environ or (stub.environment if stub else {}))
        opened.append(Nvidia(str(root), clock=clock, environ=environ, patience=patience, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
