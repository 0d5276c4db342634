"""Services out of containers, declarations and processes; places of projects; joins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stackops.console.collect import owners
from stackops.console.compose.places import (
    CONFIG_FILES,
    ENV_FILES,
    WORKING_DIR,
    ProjectPlace,
    dotenv,
    env_paths,
    listed,
    project_places,
)
from stackops.console.compose.reading import read_project
from stackops.console.hosts import ProcessRow
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import ComposeService, Container, EnvVar, NativeProcess, Project
from stackops.console.products.services import services


def box(name: str, image: str, **fields: Any) -> Container:
    return Container(**{"id": (name * 64)[:64], "name": name, "image": image, "state": "running", **fields})


def test_a_container_plays_its_role_in_its_project() -> None:
    mongo = box(
        "chat-mongodb", "mongo:8.0.20", project="chat", service="mongodb", env=(EnvVar("MONGO_VERSION", "8.0.20"),)
    )

    (service,) = services([mongo])

    assert (service.role, service.name, service.container) == ("mongo", "chat-mongodb", mongo.id)
    assert (service.project, service.compose_service, service.version) == ("chat", "mongodb", "8.0.20")


def test_what_is_declared_and_does_not_run_is_a_service_without_container() -> None:
    project = Project(
        "fg",
        services=(
            ComposeService("mongo", "mongo:5.0.18"),
            ComposeService("fastgpt", "x/fastgpt:v4.6", container_name="f"),
        ),
    )
    running = box("fg-mongo-1", "mongo:5.0.18", project="fg", service="mongo")

    one, other = services([running], [project])

    assert (one.container, one.compose_service) == (running.id, "mongo")
    assert (other.role, other.name, other.container, other.pid) == ("fastgpt", "f", None, None)
    assert (other.version, other.generation) == ("4.6", "A")


def test_a_service_of_another_project_with_the_same_name_is_not_taken_for_it() -> None:
    declared = Project("two", services=(ComposeService("mongo", "mongo"),))
    found = services([box("m", "mongo", project="one", service="mongo")], [declared])
    assert [(s.project, s.container is None) for s in found] == [("one", False), ("two", True)]


def test_containers_of_compose_run_play_no_part() -> None:
    once = box("fg-mongo-run-1", "mongo", project="fg", labels={"com.docker.compose.oneoff": "True"})
    assert services([once]) == ()


def test_a_native_process_is_a_service_with_a_process_id() -> None:
    (service,) = services([], [], [NativeProcess(7, "ollama", ("ollama", "serve"))])
    assert (service.role, service.pid, service.container) == ("ollama", 7, None)


def test_the_generation_is_told_of_what_is_declared_even_when_part_of_it_is_down() -> None:
    declared = Project(
        "fg",
        services=(
            ComposeService("fastgpt", "fastgpt"),
            ComposeService("mongo", "mongo"),
            ComposeService("oneapi", "one-api"),
        ),
    )
    running = box("fastgpt", "fastgpt", project="fg", service="fastgpt")
    assert services([running], [declared])[0].generation == "C"
    assert services([running])[0].generation == "A"


def test_the_service_name_counts_where_the_containers_does_not() -> None:
    (service,) = services([box("x-librechat-1", "team/chat", project="x", service="librechat")])
    assert service.role == "librechat"


def labelled(name: str, created: float, **labels: str) -> Container:
    return box(name, "mongo", project="chat", created_at=created, labels=labels)


def test_a_project_is_where_the_newest_container_was_made() -> None:
    old = labelled("a", 1.0, **{WORKING_DIR: "/old", CONFIG_FILES: "/old/docker-compose.yml"})
    new = labelled("b", 2.0, **{WORKING_DIR: "/srv/chat/", CONFIG_FILES: "docker-compose.yml, /etc/extra.yml,"})
    assert project_places([new, old]) == (
        ProjectPlace("/srv/chat", "chat", ("/srv/chat/docker-compose.yml", "/etc/extra.yml")),
    )


def test_the_env_files_that_were_named_are_in_a_label_and_hold_in_place_of_the_folders_own() -> None:
    # fact: observed with Compose 2.26.1; older releases write no such label
    labels = {WORKING_DIR: "/srv/chat", CONFIG_FILES: "/srv/chat/c.yml", ENV_FILES: "/etc/prod.env,more.env"}
    (place,) = project_places([labelled("a", 1.0, **labels)])
    assert place.env_files == ("/etc/prod.env", "/srv/chat/more.env")
    own = Project("chat", "/srv/chat", env=(EnvVar("A", "1"),))
    named = Project("chat", "/srv/chat", env=(EnvVar("A", "1"),), env_files=place.env_files, dotenv=(EnvVar("A", "2"),))
    assert env_paths(own) == ("/srv/chat/.env",)
    assert env_paths(named) == place.env_files
    assert [dotenv(each)[0].value for each in (own, named)] == ["1", "2"]


@pytest.mark.parametrize(
    ("folder", "told", "files"),
    [
        ("/srv/chat", "docker-compose.yml", ("/srv/chat/docker-compose.yml",)),
        ("/srv/chat", "./docker-compose.yml", ("/srv/chat/docker-compose.yml",)),
        ("/srv/chat", "a.yml,b.yml", ("/srv/chat/a.yml", "/srv/chat/b.yml")),
        ("/srv/chat", "/srv/chat/a.yml, b.yml", ("/srv/chat/a.yml", "/srv/chat/b.yml")),
        ("/srv/chat", "/srv/chat/a.yml,/etc/b.yml", ("/srv/chat/a.yml", "/etc/b.yml")),
        ("/srv/chat", "../base.yml", ("/srv/base.yml",)),
        ("/srv/chat", "chat/a.yml", ("/srv/chat/a.yml",)),
        ("/srv/chat", "srv/chat/a.yml,common/b.yml", ("/srv/chat/a.yml", "/common/b.yml")),
        ("/me/srv/chat", "chat/a.yml,chat/b.yml,c.yml", ("/me/srv/chat/a.yml", "/me/srv/chat/b.yml", "/me/srv/c.yml")),
        ("/srv/chat", "conf/a.yml", ("/srv/chat/conf/a.yml",)),
        ("", "docker-compose.yml", ()),
        ("chat", "a.yml", ()),
        ("", "/srv/a.yml", ("/srv/a.yml",)),
        ("/srv/chat", "", ()),
    ],
)  # fmt: skip
def test_files_that_were_typed_relative_are_found_from_where_they_were_typed(
    folder: str, told: str, files: tuple[str, ...]
) -> None:
    labels = {CONFIG_FILES: told, ENV_FILES: told} | ({WORKING_DIR: folder} if folder else {})
    assert (listed(labels, CONFIG_FILES), listed(labels, ENV_FILES)) == (files, files)


def test_named_folders_are_added_once() -> None:
    made = labelled("a", 1.0, **{WORKING_DIR: "/srv/chat", CONFIG_FILES: "/srv/chat/docker-compose.yml"})
    places = project_places([made], ["/srv/chat/", "/srv/fg", "/srv/fg/../fg"])
    assert [place.directory for place in places] == ["/srv/chat", "/srv/fg"]
    assert places[1] == ProjectPlace("/srv/fg")


def test_a_folder_of_another_kind_of_machine_is_not_read() -> None:
    assert project_places([labelled("a", 1.0, **{WORKING_DIR: "C:\\Users\\x\\chat"})]) == ()


def row(pid: int, container: str | None) -> ProcessRow:
    return ProcessRow(pid=pid, ppid=1, name="x", command=("x",), started_at=None, user=None, container=container)


def test_children_belong_to_the_container_they_run_in() -> None:
    ollama = box("ollama", "ollama", pid=10)
    by_pid = owners.containers_by_pid(
        [row(10, ollama.id), row(11, ollama.id), row(12, "f" * 64), row(13, None)], [ollama]
    )

    assert by_pid == {10: ollama.id, 11: ollama.id}


def test_a_container_leads_to_its_service() -> None:
    mongo = box("mongo", "mongo", project="fg", service="mongo")
    project = Project("fg", services=(ComposeService("mongo", "mongo"),))
    service = owners.service_of(mongo.id, services([mongo], [project]))
    assert service is not None
    assert service.project == "fg"
    assert owners.service_of(None, services([mongo])) is None


def test_an_engine_is_elsewhere_when_its_process_ids_are_somebody_elses_here() -> None:
    mongo = box("mongo", "mongo", pid=10)
    assert owners.is_local([mongo], [row(10, mongo.id)]) is True
    assert owners.is_local([mongo], [row(10, None)]) is False
    assert owners.is_local([mongo], [row(10, "e" * 64)]) is False
    assert owners.is_local([mongo], [row(9, None)]) is None
    assert owners.is_local([], [row(9, None)]) is None


def test_what_is_filled_in_from_a_variable_is_known_with_it(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "services:\n  a:\n    image: x:${TAG:-1}\n    volumes: ['${DATA}/d:/d']\n    command: [plain, $$NOT]\n"
        "    environment: {A: '${V:-${W}}', B: plain, C: $$NOT, D: }\n"
        "  b: {image: y, environment: ['A=${V}', B=plain, C]}\n"
    )
    project, _ = read_project(LocalFiles(), str(tmp_path))
    assert {one.name: set(one.filled) for one in project.services} == {
        "a": {("image", "TAG"), ("volumes", "DATA"), ("A", "V"), ("A", "W"), ("D", "D")},
        "b": {("A", "V"), ("C", "C")},
    }
