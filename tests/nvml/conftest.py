"""The stand-in driver for every test here, and a door to it."""

from __future__ import annotations

import pytest
from support.nvml import Stub, build


@pytest.fixture
def stub(tmp_path_factory, tmp_path):
    """One healthy card; ``stub.write`` changes it."""
    return Stub(build(tmp_path_factory), tmp_path)
