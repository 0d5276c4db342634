"""Folders called ``docker`` make projects of one name: what one declares is not said of a container of the other."""

from __future__ import annotations

from examples import examples_of
from examples.server.wrong_key import EXAMPLES
from examples.snapshots import stack
from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES, placed, project_of
from stackops.checks.ollama import bind
from stackops.checks.server import wrong_key
from stackops.console.fix.steps import EditFile
from stackops.console.settings import Settings

ELSEWHERE = "/home/other/docker"


def moved(snapshot, folder):
    """The same containers made from another folder than the one whose files were read."""
    labels = {LABEL_DIRECTORY: folder, LABEL_FILES: f"{folder}/docker-compose.yml"}
    return replace(snapshot, containers=tuple(replace(c, labels=labels) for c in snapshot.containers))


def test_a_container_of_another_folder_is_not_put_beside_this_declaration():
    made = stack("ollama", "/srv/docker", name="ollama", service="ollama", image="ollama/ollama", container={})
    (here,) = placed(made, "ollama")
    assert here.declared is not None
    (there,) = placed(moved(made, ELSEWHERE), "ollama")
    assert (there.project, there.declared, there.directory) == (None, None, ELSEWHERE)


def test_a_folder_is_the_same_however_its_path_is_written():
    made = stack("ollama", "/srv/docker", name="ollama", service="ollama", image="ollama/ollama", container={})
    assert project_of(made, "docker", "/srv//docker/") is made.projects[0]
    assert project_of(made, "docker") is made.projects[0]
    assert project_of(made, "other", "/srv/docker") is None


def test_no_key_is_renamed_in_the_files_of_the_other_project():
    example = next(
        one for one in EXAMPLES if one.form == "misspelt" and one.plan_kinds and "EditFile" in one.plan_kinds
    )
    snapshot = moved(example.snapshot, ELSEWHERE)
    for result in wrong_key.CHECK.examine(snapshot, Settings()):
        if result.status == "finding":
            plan = wrong_key.CHECK.plan(result, snapshot, Settings(), {})
            assert plan.safety == "manual"


def test_an_addition_goes_into_the_containers_own_folder():
    example = next(one for one in examples_of(bind.CHECK) if one.form == "container" and one.plan_kinds)
    snapshot = moved(example.snapshot, ELSEWHERE)
    (result,) = bind.CHECK.examine(snapshot, Settings())
    plan = bind.CHECK.plan(result, snapshot, Settings(), {})
    paths = [step.path for step in plan.steps if isinstance(step, EditFile)]
    assert paths == [f"{ELSEWHERE}/docker-compose.override.yml"]
