"""Adding something to the house is one file and one line: CONTRIBUTING's examples, tried in a copy of the tree.

The code comes from CONTRIBUTING.md itself, so that what people read there is known to work.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("console", "screens", "checks", "themes")
SHOWN = re.compile(r"`([\w/.-]+)`[^\n]*:\n\n```(?:python|text)\n(.*?)```\n", re.DOTALL)
"""In CONTRIBUTING.md: the name of a file, and what is to be written into it."""


@dataclass(frozen=True)
class House:
    """A copy of the product, which a test may add to."""

    root: Path

    def write(self, path: str, text: str) -> None:
        """A new file: one that exists would be a change of the house, not an addition."""
        target = self.root / path
        assert not target.exists()
        target.write_text(text)

    def add_line(self, path: str, line: str, after: str) -> None:
        """One more line in a file, behind the only line that reads ``after``."""
        text = (self.root / path).read_text()
        assert text.count(f"\n{after}\n") == 1
        assert line.count("\n") == 1
        (self.root / path).write_text(text.replace(f"\n{after}\n", f"\n{after}\n{line}"))

    def python(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Code that is run with the copy as its ``stackops``; the tests' ``support`` is at hand."""
        paths = [str(self.root.parent), str(ROOT / "tests")]
        head = f"import sys, stackops\nassert stackops.__path__[0] == {str(self.root)!r}\n"
        return subprocess.run(
            [sys.executable, "-c", head + code, *arguments], capture_output=True, text=True, check=False,
            cwd=self.root.parent, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, timeout=300,
        )  # fmt: skip

    def stackops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command of the copy, on the practice machine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STACKOPS", "DOCKER"))}
        code = (
            f"import sys; sys.path.insert(0, {str(self.root.parent)!r}); import stackops.console.cli as cli;"
            f" assert cli.__file__.startswith({str(self.root)!r}); cli.main()"
        )
        return subprocess.run(
            [sys.executable, "-c", code, "--host", "demo", *arguments], capture_output=True, text=True, check=False,
            env={**kept, "STACKOPS_STATE_DIR": str(self.root / "state"), "XDG_CONFIG_HOME": str(self.root / "config")},
            stdin=subprocess.DEVNULL, cwd=self.root.parent, timeout=300,
        )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> House:
    root = tmp_path / "stackops"
    for name in PRODUCT:
        shutil.copytree(ROOT / name, root / name)
    shutil.copy2(ROOT / "__init__.py", root)
    return House(root)


def shown(heading: str) -> dict[str, str]:
    """By file: what CONTRIBUTING.md shows under a heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(SHOWN.findall(part))


def test_a_check_is_one_file_and_one_line(house: House) -> None:
    file, registry = "checks/docker/loose.py", "checks/registry.py"
    texts = shown("Adding a check")
    assert list(texts) == [file, registry]
    before = house.stackops("explain", "docker.loose")
    assert before.returncode == 2, before.stdout + before.stderr

    house.write(file, texts[file])
    house.add_line(registry, texts[registry], after="IDS = (")

    explained = house.stackops("explain", "docker.loose")
    assert explained.returncode == 0, explained.stderr
    assert "Finds running containers that do not belong to a Compose project." in explained.stdout
    checked = house.stackops("check", "--json", "docker.loose")
    assert checked.returncode == 0, checked.stderr  # an info is no trouble
    results = json.loads(checked.stdout)["results"]
    (found,) = [each for each in results if each["status"] == "finding"]
    assert (found["subject"], found["form"], found["severity"]) == ("scratchpad-7f", "loose", "info")
    assert found["title"] == "No compose file describes scratchpad-7f"
    assert {each["status"] for each in results} == {"finding", "ok"}
    repaired = house.stackops("fix", "docker.loose", "--dry-run")
    assert "Write a service with the image registry.invalid/team/scratchpad:1 into a compose file." in repaired.stderr


SEEN = """
import asyncio, json
from stackops.console.model import Container, EnvVar, HostInfo, Snapshot
from stackops.console.products.model_servers import Around, found
from stackops.console.products.services import services
from stackops.console.products.servers.looking import look
from support.model_servers import InMemory, StandIn, answering

box = Container(
    id="c" * 64, name="mt", image="mirror.example:5000/team/ctranslate-server:latest", state="running", detailed=True,
    env=(EnvVar("CTRANSLATE_VERSION", "4.5.0"),), network_mode="host",
)
(service,) = services([box])
(candidate,) = found([box], (), (), Around()).candidates
listed = {"object": "list", "data": [{"id": "nllb", "owned_by": "ctranslate"}]}
alive = {"headers": {"x-ctranslate-version": "4.5.1"}, "text": ""}
stand = answering({"/v1/models": {"json": listed}, "/healthz": alive})
server = asyncio.run(look(InMemory({candidate.address: stand}), candidate, None, 1.0, slow=True))
print(json.dumps({
    "role": service.role, "version": service.version, "address": candidate.address, "hint": candidate.hint,
    "product": server.product, "state": server.state, "told": server.version, "models": [m.name for m in server.models],
    "asked": sorted(stand.paths),
}))
"""


def test_a_product_is_one_file_and_one_line(house: House) -> None:
    file, registry = "console/products/catalogue/ctranslate.py", "console/products/registry.py"
    texts = shown("Adding a product")
    assert list(texts) == [file, registry]
    assert "ValueError" in house.python(SEEN).stderr, "not known before: no candidate to unpack"

    house.write(file, texts[file])
    house.add_line(registry, texts[registry], after="FILES = (")

    seen = house.python(SEEN)
    assert seen.returncode == 0, seen.stderr
    assert json.loads(seen.stdout) == {
        "role": "model_server", "version": "4.5.0", "address": "http://127.0.0.1:8808", "hint": "ctranslate",
        "product": "ctranslate", "state": "up", "told": "4.5.1", "models": ["nllb"],
        "asked": ["/healthz", "/v1/models"],
    }  # fmt: skip


OPENED = """
import asyncio, tempfile
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from support.pilots import console, desk_on

async def main():
    async with console(desk_on(open_demo(), Journal(tempfile.mkdtemp())), (120, 40)) as running:
        await running.press("7")
        print(await running.until(" runs mongo:"))
        await running.press("question_mark")
        print(await running.until("1…7"))

asyncio.run(main())
"""


def test_a_screen_is_one_file_and_one_line(house: House) -> None:
    file, registry = "screens/places/images.py", "screens/registry.py"
    texts = shown("Adding a screen")
    assert list(texts) == [file, registry]

    house.write(file, texts[file])
    house.add_line(registry, texts[registry], after='    Destination("plan", "plan:PlanScreen", "Plan of a fix"),')

    opened = house.python(OPENED)
    assert opened.returncode == 0, opened.stderr
    assert " 7 Images" in opened.stdout, "the header does not name it"
    assert "1…7       Go to a place" in opened.stdout, "the help does not name its key"


EMPTIED = """
import sys
from pathlib import Path
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import EmptyFile
from stackops.console.model.findings import Result
from support.workshop import Workshop, WorkshopHost

base = Path(sys.argv[1])
full = base / "full.log"

def look():
    return Result("test.full", "api", "finding" if full.read_bytes() else "ok", "The file is full")

shop = Workshop(base)
fixer = Fixer(WorkshopHost(shop.world), Journal(shop.state), look)
if sys.argv[2] == "fix":
    full.write_bytes(b"line\\n")
    full.chmod(0o600)
    prepared = fixer.prepare(Plan("test.full", "api", "The file is full", (EmptyFile(str(full)),), settle=0.0))
    print(prepared.steps[0].diff)
    assert full.read_bytes() == b"line\\n", "a preview changes nothing"
    print(fixer.run(prepared).name)
else:
    (entry,) = fixer.journal.entries()
    print(entry.intent.steps[0].describe)
    print(fixer.undo(entry.id).name)
"""


def test_a_step_is_one_file_and_one_line(house: House, tmp_path: Path) -> None:
    file, registry = "console/fix/acts/empty.py", "console/fix/steps.py"
    texts = shown("Adding a step")
    assert list(texts) == [file, registry]
    full = tmp_path / "full.log"
    assert "cannot import name 'EmptyFile'" in house.python(EMPTIED, str(tmp_path), "fix").stderr

    house.write(file, texts[file])
    house.add_line(registry, texts[registry], after="from .acts.editing import EditJson, EnvLine, RepairConfig")

    fixed = house.python(EMPTIED, str(tmp_path), "fix")
    assert fixed.returncode == 0, fixed.stderr
    assert "-line" in fixed.stdout.splitlines()
    assert fixed.stdout.splitlines()[-1] == "done"
    assert (full.read_bytes(), full.stat().st_mode & 0o777) == (b"", 0o600)

    undone = house.python(EMPTIED, str(tmp_path), "undo")  # another process: the step comes from the journal
    assert undone.returncode == 0, undone.stderr
    assert undone.stdout.splitlines() == [f"Empty {full}; its content is kept in the journal", "done"]
    assert (full.read_bytes(), full.stat().st_mode & 0o777) == (b"line\n", 0o600)


NAMED = """
from stackops.console.collect.collector import look
from stackops.console.collect.scheduler import sources_of
from stackops.console.settings import Settings
from support.memory_host import MemoryFiles, host_with

host = host_with(files=MemoryFiles({"/etc/machine-info": b'PRETTY_HOSTNAME="The box under the desk"\\n'}))
snapshot = look(host, Settings())
print(snapshot.host.name)
print("pretty-name" in snapshot.ages, "pretty-name" in sources_of()["host"])
host = host_with(files=MemoryFiles({}))
print([fault.source for fault in look(host, Settings()).faults])
"""


def test_a_source_is_one_file_and_one_line(house: House) -> None:
    file, registry = "console/collect/sources/hostname.py", "console/collect/scheduler.py"
    texts = shown("Adding a source")
    assert list(texts) == [file, registry]
    assert "The box under the desk" not in house.python(NAMED).stdout

    house.write(file, texts[file])
    house.add_line(registry, texts[registry], after="FILES = (")

    seen = house.python(NAMED)
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.splitlines() == ["The box under the desk", "True True", "['pretty-name']"]
