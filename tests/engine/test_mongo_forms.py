"""Forms around mongod, each on a small project of its own: made wrong, found, repaired, proven from outside, undone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import python_image
from support.mongo_form_rows import APP, EARLY, IMAGE, ROWS, Small, initiated, primary
from support.pitfall_rows import Row, play
from support.pty_harness import Terminal
from support.stacks import docker, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")
WITHOUT_MONGO = "mv /usr/local/bin/mongo /tmp/mongo.gone"
VERSIONS = {"4.4.29": "rm /usr/local/bin/mongosh", "7.0.9": WITHOUT_MONGO, "8.0.28": WITHOUT_MONGO}
"""fact: mongo-docker-db 2.2, which image has which shell; 5.0 has both."""
FOCUSED = re.compile(rb"\x1b\[1;[\d;]*m *Cancel")
"""The dialog's first button is bold when it has the focus: what is typed before that is dropped."""
USER = ('USER "0"', "WORKDIR /")


@pytest.fixture(scope="module")
def images() -> Iterator[None]:
    """One image, and what differs in the others on top of it."""
    try:
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Docker Engine with Compose v2 is reachable")
    base = f"{IMAGE}:5.0.18"
    python_image.build({base: "5.0.18"})
    for version, act in VERSIONS.items():
        derived(base, f"{IMAGE}:{version}", act, f"ENV STANDIN_VERSION={version}")
    for release in ("v4.7", "v4.8.20"):
        derived(base, f"{APP}:{release}", "true", 'ENTRYPOINT ["/usr/local/bin/fastgpt"]', "CMD []")
    yield
    names = [f"{IMAGE}:{one}" for one in VERSIONS] + [f"{APP}:{one}" for one in ("v4.7", "v4.8.20")]
    docker("image", "rm", "--force", *names, base, check=False)


def derived(base: str, name: str, act: str, *changes: str) -> None:
    """An image that differs by one act; quicker than packing it anew."""
    made = docker("create", "--label", "stackops.test=1", "--entrypoint", "sh", base, "-c", act)
    try:
        docker("start", "-a", made)
        if not any(change.startswith("ENTRYPOINT") for change in changes):
            changes = ('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["mongod"]', *changes)
        docker("commit", *(part for change in (*USER, *changes) for part in ("-c", change)), made, name)
    finally:
        docker("rm", "-f", made)


@pytest.fixture(scope="module")
def project(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Small]]:
    """The project of a key, made once; those that need age are made wrong before the first test."""
    made: dict[str, Small] = {}

    def give(key: str) -> Small:
        if key not in made:
            for name in (f"forms-{key}-mongo", f"forms-{key}-app", f"forms-{key}-second"):
                docker("rm", "--force", name, check=False)
            made[key] = Small(tmp_path_factory.mktemp(key), key)
        return made[key]

    for key, act in EARLY.items():
        act(give(key))
    yield give
    for one in made.values():
        one.down()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.check}: {row.name}" for row in ROWS])
def test_it_is_found_repaired_proven_and_taken_back(row: Row, project: Callable[[str], Small]) -> None:
    stack = project(row.group)
    play(stack, row)
    if row.group not in EARLY:
        stack.down()


def test_two_apps_that_look_elsewhere_are_repaired_one_by_one(project: Callable[[str], Small]) -> None:
    """The first repair is no failure because the second app is still wrong."""
    stack, other = project("two"), "forms-two-other"
    wrong = "mongodb://mongodb:27017/fastgpt"
    second = {"image": f"{APP}:v4.8.20", "container_name": other, "environment": {"MONGODB_URI": wrong}}
    stack.declare(app="v4.8.20", uri=wrong, more={"other": second})
    stack.up()
    initiated(stack)

    assert "looks for MongoDB" in stack.result("mongo.replica-set", stack.mongo)["title"]
    first = stack.fix("mongo.replica-set", stack.mongo)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "another finding remains: forms-two-other looks for MongoDB" in " ".join(first.stdout.split())
    assert "MONGODB_URI=mongodb://mongo:27017/fastgpt" in stack.inspect(stack.app)["Config"]["Env"]
    assert f"MONGODB_URI={wrong}" in stack.inspect(other)["Config"]["Env"]
    assert "another finding remains" in stack.stackops("journal", first.stdout.rpartition("undo ")[2].strip()).stdout

    done = stack.fix("mongo.replica-set", stack.mongo)
    assert (done.returncode, "another finding" in done.stdout) == (0, False), done.stdout + done.stderr
    assert "MONGODB_URI=mongodb://mongo:27017/fastgpt" in stack.inspect(other)["Config"]["Env"]
    wait_for(lambda: "mongo connected" in stack.logs(other))
    stack.down()


def test_a_set_stays_initiated_although_the_apps_password_is_wrong(project: Callable[[str], Small]) -> None:
    """It ended as a roll-back that failed, although the step had worked."""
    stack = project("second-form")
    login = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
    stack.declare(env=login, app="v4.8.20", uri="mongodb://myname:wrong@mongo:27017/fastgpt?authSource=admin")
    stack.up()
    wait_for(lambda: stack.ask("ping", username="myname", password="mypassword"))

    done = stack.fix("mongo.replica-set", stack.mongo)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "another finding remains: forms-second-form-app cannot log in" in " ".join(done.stdout.split())
    primary(stack)
    assert "cannot log in" in stack.result("mongo.replica-set", stack.mongo)["title"]
    stack.down()


def agreed(screen: Terminal) -> None:
    """``A`` until the dialog goes: what comes before all of it is painted, on a busy machine, is dropped."""
    for _ in range(10):
        screen.send("A")
        with suppress(AssertionError):
            screen.wait_for(lambda text: "A does it" not in text, 5)
            return


def test_from_nothing_but_the_screen_a_few_keys_initiate_a_set(project: Callable[[str], Small]) -> None:
    """``2`` the doctor, ``F`` the plan, ``A`` apply, ``A`` agree: a set never initiated has nothing to lose."""
    stack = project("keys")
    stack.declare(app="v4.8.20")
    stack.up()
    wait_for(lambda: stack.ask("hello"))
    command = [str(Path(sys.executable).with_name("stackops")), "--project", stack.name]
    state = {"STACKOPS_STATE_DIR": str(stack.state), "STACKOPS_CONFIG": str(stack.settings)}
    with Terminal(command, size=(120, 40), env=state) as screen:
        screen.wait_for("was never initiated")
        screen.send("2")
        screen.wait_for("Checks")
        screen.send("F")
        screen.wait_for("Nothing has been changed yet")
        assert stack.ask("hello")["isWritablePrimary"] is False
        shown = len(screen.output)
        screen.send("A")
        screen.wait_for("does it")
        screen.wait_for(lambda _text: FOCUSED.search(screen.output, shown))
        agreed(screen)
        screen.wait_for("Done, and proven")
        screen.quit()
    primary(stack)
    stack.down()


def test_the_table_names_every_form_once() -> None:
    names = [f"{row.check}: {row.name}" for row in ROWS]
    assert len(set(names)) == len(names)
    assert {row.group for row in ROWS} >= set(EARLY)
    assert Path(__file__).name == "test_mongo_forms.py"
