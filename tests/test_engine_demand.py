"""``STACKOPS_REQUIRE_ENGINE=1`` turns a test that is skipped for want of an Engine into a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("demand", "outcome", "code"), [("0", "1 skipped", 0), ("1", "1 error", 1)])
def test_without_an_engine_the_demand_decides(demand, outcome, code, tmp_path):
    test = "tests/plan/test_fix_on_engine.py"
    first = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", test],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[0]
    env = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "STACKOPS_REQUIRE_ENGINE": demand}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", first],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert outcome in done.stdout
    assert "no Docker Engine" in done.stdout
