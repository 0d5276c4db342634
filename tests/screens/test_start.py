"""What is imported before the first frame, and how long it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.pty_harness import Terminal

DRIVERS = ("docker", "requests", "psutil", "pymongo", "psycopg", "pymysql", "httpx", "pynvml", "prometheus_client")
JUDGING = ("stackops.console.judge.judgement", "stackops.checks.registry")
REPAIRING = ("stackops.console.fix.steps", "stackops.console.fix.journal")
PARSERS = ("ruamel.yaml", "dotenv")
"""The collector's thread needs these for its first look. It may be faster than the first frame: only what the main
thread imports counts."""
PROBE = """
import sys, threading
class Seen:
    names = set()
    @classmethod
    def find_spec(cls, name, *_):
        if threading.current_thread() is threading.main_thread():
            cls.names.add(name)
sys.meta_path.insert(0, Seen)
from stackops.screens import driver
write = driver.ConsoleDriver.write
def first(self, data):
    if "Overview" in data and not hasattr(driver, "seen"):
        driver.seen = True
        found = [name for name in {wanted!r} if name in Seen.names]
        open({path!r}, "w").write(" ".join(found) or "none")
    write(self, data)
driver.ConsoleDriver.write = first
{start}
"""
DEMO = 'from stackops.console.cli import main; sys.argv = ["stackops", "demo"]; main()'
LOCAL = 'from stackops.console.cli import main; sys.argv = ["stackops"]; main()'
CALLS = 1_000_000
"""On a quiet machine 711,000 take 270 ms of processor time."""
FROZEN = 'import runpy; sys.argv = [{path!r}, "full"]; runpy.run_path({path!r}, run_name="__main__")'


@pytest.mark.parametrize("what", ["the screens", "the practice stack", "this machine"])
def test_no_driver_is_imported_before_the_first_frame(tmp_path, what: str) -> None:
    path = tmp_path / "modules"
    script = str(Path(__file__).resolve().parents[1] / "support" / "frozen_console.py")
    program = PROBE.format(
        wanted=(*DRIVERS, *PARSERS, *JUDGING, *REPAIRING),
        path=str(path),
        start=FROZEN.format(path=script) if what == "the screens" else DEMO if what == "the practice stack" else LOCAL,
    )
    env = {"STACKOPS_STATE_DIR": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    with Terminal([sys.executable, "-c", program], env=env) as terminal:
        terminal.wait_for("Overview")
        terminal.quit()
    assert path.read_text() == "none"


def test_the_first_frame_takes_no_more_calls_than_its_budget_allows(tmp_path) -> None:
    """The budget is 300 ms on a quiet machine, which ``make bench`` measures; calls are the same on a busy one."""
    path = tmp_path / "calls"
    counting = "import cProfile, pstats\nprofile = cProfile.Profile()\n" + PROBE.replace(
        "found = [name for name in {wanted!r} if name in Seen.names]", "profile.disable()"
    ).replace('" ".join(found) or "none"', "str(pstats.Stats(profile).total_calls)").replace(
        "{start}", "profile.enable()\n{start}"
    )
    with Terminal(
        [sys.executable, "-c", counting.format(path=str(path), start=DEMO)], env={"STACKOPS_STATE_DIR": str(tmp_path)}
    ) as terminal:
        terminal.wait_for("Overview")
        terminal.quit()
    assert 0 < int(path.read_text()) < CALLS


def test_the_package_of_screens_alone_imports_no_textual() -> None:
    code = "import sys, stackops.screens, stackops.themes, stackops.console.app; print('textual' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
