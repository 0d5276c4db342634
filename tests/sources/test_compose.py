"""read_project: which files, what they say together, and every way in which they can be wrong."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from stackops.console.compose.reading import normalised_name, read_project
from stackops.console.hosts import NotPermitted
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import ComposeService, ConfigFile, Fault, Project
from support.compose_cli import config, needs_compose, version
from support.memory_files import MemoryFiles

HERE = "/srv/LibreChat"
DATA = Path(__file__).resolve().parents[1] / "data" / "compose"
ONE = "services:\n  a: {image: x}\n"

REFUSED = [
    # Compose refuses each of these with these words, which a test below asks it
    ("services:\n  a:\n    image: x\n    network: [n]\n",
     "line 4, column 5: services.a Additional property network is not allowed"),
    ("services: {a: {image: x}}\nfoo: 1\n", "line 2, column 1: (root) Additional property foo is not allowed"),
    ("services:\n", "line 1, column 1: services must be a mapping"),
    ("services: []\n", "line 1, column 1: services must be a mapping"),
    ("services:\n  a b: {image: x}\n", "line 2, column 3: services Additional property a b is not allowed"),
    ("services:\n  a: text\n", "line 2, column 3: services.a must be a mapping"),
    ("services:\n  a:\n", "line 2, column 3: services.a must be a mapping"),
    ("services:\n  a: {volumes: [./a:/b]}\n",
     'service "a" has neither an image nor a build context specified: invalid compose project'),
    ("services:\n  a: {image: x, depends_on: [b]}\n",
     'service "a" depends on undefined service "b": invalid compose project'),
    ("services:\n  a: {image: x, depends_on: {b: {condition: service_started}}}\n  b: {image: y, profiles: [z]}\n",
     'service "a" depends on undefined service "b": invalid compose project'),
    ("services:\n  a: {image: x, volumes: [nope:/y]}\n",
     'service "a" refers to undefined volume nope: invalid compose project'),
    ("services:\n  a: {image: x, networks: [n]}\n",
     'service "a" refers to undefined network n: invalid compose project'),
    ("services:\n  a: {image: x, volumes: {a: b}}\n", "line 2, column 17: services.a.volumes must be a list"),
    ("services:\n  a: {image: x, volumes: [{target: /b}]}\n", "line 2, column 27: services.a.volumes.0 type is required"),
    ("services:\n  a: {image: 1}\n", "line 2, column 7: services.a.image must be a string"),
    ("services:\n  a: {image: x, environment: A=1}\n", "line 2, column 17: services.a.environment must be a mapping"),
    ("services:\n  a: {image: x, ports: ['${PORT}:${PORT}']}\n", "line 2, column 25: No port specified: :<empty>"),
    ("services:\n  a: {image: x, command: 'a \"b'}\n",
     "line 2, column 17: error decoding 'services[a].command': invalid command line string"),
    ("services:\n  a: {image: x, extends: b}\n",
     'line 2, column 17: cannot extend service "a" in /srv/LibreChat/compose.yml: service "b" not found'),
    ("services:\n  a: {image: x, extends: }\n",
     'line 2, column 17: cannot extend service "a" in /srv/LibreChat/compose.yml: service "" not found'),
    ("services:\n  a: {image: x, scale: 1.5}\n", "line 2, column 17: services.a.scale must be a integer or string"),
    ("services:\n  a: {image: x, cpus: .nan}\n", "line 2, column 17: json: unsupported value: NaN"),
    ("services:\n  a: {image: '${X:?need it}'}\n",
     "error while interpolating services.a.image: required variable X is missing a value: need it"),
    ("services:\n  a:\n    image: x\n    image: y\n", 'line 4, column 5: mapping key "image" already defined at line 3'),
    ("services:\n\ta: 1\n", "line 2, column 1: a tab; YAML wants spaces here"),
]  # fmt: skip


def project(files: dict[str, object], **more: object) -> tuple[Project, tuple[Fault, ...]]:
    content = {f"{HERE}/{name}": value for name, value in files.items()}
    return read_project(MemoryFiles(content), HERE, **more)  # type: ignore[arg-type]


def service(files: dict[str, object], name: str = "a") -> ComposeService:
    found, _ = project(files)
    return next(s for s in found.services if s.name == name)


def error_of(text: str, name: str = "compose.yml") -> str | None:
    found, faults = project({name: text})
    (file,) = found.files
    assert bool(file.error) == bool(faults)
    return file.error


def example(*, override: bool = True) -> tuple[Project, tuple[Fault, ...]]:
    names = ["docker-compose.yml", ".env", *(["docker-compose.override.yml"] if override else [])]
    return project({name: (DATA / name).read_bytes() for name in names})


def test_a_project_is_read_with_its_override_laid_over_it() -> None:
    # fact: docker compose v2.26.1 config says the same, see test_compose_corpus
    found, faults = example()
    assert faults == ()
    assert found.name == "librechat"
    assert [(f.path, f.automatic_override, f.in_use) for f in found.files] == [
        (f"{HERE}/docker-compose.yml", False, True),
        (f"{HERE}/docker-compose.override.yml", True, True),
    ]
    api, mongo = found.services
    assert (api.image, api.user, api.restart) == ("ghcr.io/danny-avila/librechat-dev:latest", "1000:1000", "always")
    assert api.container_name == "LibreChat"
    assert api.command == ("node", "api/server/index.js")
    assert api.ports == ("3080:3080",)
    assert api.depends_on == ("mongodb",)
    assert {e.name: e.value for e in api.env} == {
        "HOST": "127.0.0.1", "MONGO_URI": "mongodb://mongodb:27017/LibreChat", "FROM_DOTENV": "as it is", "LEVEL": "1.5",
        "DEBUG": "true",
    }  # fmt: skip
    assert mongo.command == ()
    assert [(v.source, v.target) for v in mongo.volumes] == [(f"{HERE}/db", "/data/db")]


def test_volumes_merge_by_target_and_know_where_they_were_declared() -> None:
    api = example()[0].services[0]
    override = f"{HERE}/docker-compose.override.yml"
    assert {v.target: (v.kind, v.source, v.long_form, v.declared_in) for v in api.volumes} == {
        "/app/.env": ("bind", f"{HERE}/.env", True, f"{HERE}/docker-compose.yml"),
        "/app/api/logs": ("bind", f"{HERE}/other-logs", False, override),
        "/app/librechat.yaml": ("bind", f"{HERE}/librechat.yaml", False, override),
    }


def test_of_two_documents_the_one_that_says_most_of_the_place_is_told() -> None:
    wrong, right = "services:\n  a:\n    image: x\n    foo: 1\n", "services:\n  a:\n    image: x\n"
    told = "services.a Additional property foo is not allowed"
    assert error_of(f"{wrong}---\n{wrong}") == f"line 9, column 5: {told}"
    assert error_of(f"{wrong}---\n{right}") == f"line 4, column 5: {told}"
    assert error_of(f"{right}---\n{wrong}") == f"line 8, column 5: {told}"


def test_a_label_file_that_nobody_answers_about_is_told_and_the_rest_is_read() -> None:
    found, faults = project(
        {"compose.yml": "services:\n  a: {image: x, label_file: l}\n", "l": NotPermitted("no answer")}
    )
    assert [service.image for service in found.services] == ["x"]
    assert [fault.sentence for fault in faults] == [f"label file {HERE}/l cannot be read: no answer"]


def test_foreign_networks_are_those_that_compose_takes_for_external() -> None:
    rows = ("a: {external: 'false'}", "b: {external: 'yes'}", "c: {external: {}}", '"f\\e[1m": {external: true}', "e:")
    found, faults = project({"compose.yml": f"{ONE}networks:\n" + "".join(f"  {row}\n" for row in rows)})
    assert faults == ()
    assert found.foreign_networks == ("b", "c", "f")


def test_foreign_volumes_and_services_that_only_have_to_end_are_known() -> None:
    files = {
        "compose.yml": "services:\n  a: {image: x, depends_on: {b: {condition: service_completed_successfully}, "
        "c: {condition: service_started}}}\n  b: {image: x}\n  c: {image: x, depends_on: [b]}\n"
        "volumes:\n  own:\n  old: {external: true}\n"
    }
    found, faults = project(files)
    assert faults == ()
    assert found.foreign_volumes == ("old",)
    assert [service.awaits_end for service in found.services] == [("b",), (), ()]


def test_who_waits_for_health_and_what_the_health_check_runs_are_known() -> None:
    files = {
        "compose.yml": "services:\n  a: {image: x, depends_on: {b: {condition: service_healthy}}}\n"
        "  b: {image: x, healthcheck: {test: [CMD, curl, -f, http://b]}}\n  c: {image: x, healthcheck: {test: true}}\n"
    }
    found, _ = project(files)
    assert [(one.awaits_health, one.health_test) for one in found.services] == [
        (("b",), ""), ((), "CMD curl -f http://b"), ((), "true")
    ]  # fmt: skip


def test_networks_are_known_by_the_names_that_the_engine_has() -> None:
    rows = (
        "a: {name: mine}",
        "b: {external: true}",
        "c: {external: true, name: ours}",
        "d: {external: {name: old}}",
        "e:",
    )
    found, faults = project({"compose.yml": f"{ONE}networks:\n" + "".join(f"  {row}\n" for row in rows)})
    assert faults == ()
    assert found.network_names == {"a": "mine", "b": "b", "c": "ours", "d": "old"}


def test_without_the_override_the_base_says_what_it_says() -> None:
    mongo = example(override=False)[0].services[1]
    assert mongo.command == ("mongod", "--noauth")
    assert [(v.kind, v.source, v.target, v.read_only) for v in mongo.volumes] == [
        ("bind", f"{HERE}/data-node", "/data/db", False),
        ("volume", "dump", "/dump", True),
    ]


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (("docker-compose.yml",), ["docker-compose.yml"]),
        (("docker-compose.yaml", "docker-compose.yml"), ["docker-compose.yml"]),
        (("compose.yml", "compose.yaml", "docker-compose.yml"), ["compose.yaml"]),
        (("compose.yaml", "docker-compose.override.yml"), ["compose.yaml", "docker-compose.override.yml"]),
        (("docker-compose.yml", "compose.override.yaml"), ["docker-compose.yml", "compose.override.yaml"]),
    ],
)
def test_files_are_chosen_in_compose_s_order(present: tuple[str, ...], chosen: list[str]) -> None:
    found, _ = project(dict.fromkeys(present, ONE))
    assert [f.path for f in found.files if f.in_use] == [f"{HERE}/{name}" for name in chosen]


def test_of_two_overrides_the_first_is_read_and_both_are_told() -> None:
    # fact: librechat-stack 16, if both exist say so
    found, faults = project(
        {"compose.yml": ONE, "docker-compose.override.yml": ONE, "docker-compose.override.yaml": ONE}
    )
    assert [(Path(f.path).name, f.in_use) for f in found.files] == [
        ("compose.yml", True), ("docker-compose.override.yml", True), ("docker-compose.override.yaml", False),
    ]  # fmt: skip
    assert "Compose reads only the first" in faults[0].sentence


def test_the_files_of_the_label_are_the_ones_and_an_unused_override_is_listed() -> None:
    # fact: performance-and-safety 5.3, an explicit -f switches the automatic override off
    files = {"docker-compose.yml": ONE, "docker-compose.override.yml": "services:\n  a: {image: other}\n"}
    found, _ = project(files, config_files=[f"{HERE}/docker-compose.yml"])
    assert found.services[0].image == "x"
    assert [(Path(f.path).name, f.automatic_override, f.in_use) for f in found.files] == [
        ("docker-compose.yml", False, True), ("docker-compose.override.yml", True, False),
    ]  # fmt: skip


def test_named_env_files_hold_in_place_of_the_folders_own_and_a_later_one_wins() -> None:
    # fact: docker compose v2.26.1
    files = {
        "c.yml": 'services:\n  a: {image: "${A}-${B}-${C}"}\n', ".env": "A=never\nC=never\n",
        "one.env": "A=1\nB=1\n", "two.env": "B=${A}2\n",
    }  # fmt: skip
    named = [f"{HERE}/one.env", f"{HERE}/two.env"]
    found, faults = project(files, config_files=["c.yml"], env_files=named)
    assert (found.services[0].image, faults) == ("1-12-", ())
    assert {var.name: var.value for var in found.env} == {"A": "1", "B": "12"}
    assert found.env_files == tuple(named)
    assert {var.name: var.value for var in found.dotenv} == {"A": "never", "C": "never"}

    _, faults = project({"c.yml": ONE}, config_files=["c.yml"], env_files=["/gone.env"])
    assert "/gone.env" in faults[0].sentence


def test_compose_file_in_the_env_file_names_the_files() -> None:
    # fact: docker compose v2.26.1
    files = {".env": "COMPOSE_FILE=a.yml:sub/b.yml\n", "a.yml": ONE, "sub/b.yml": "services:\n  b: {image: y}\n"}
    found, _ = project({**files, "compose.yml": "services:\n  never: {image: z}\n"})
    assert [s.name for s in found.services] == ["a", "b"]


def test_a_file_of_the_label_that_is_gone_is_an_error_of_that_file() -> None:
    found, faults = project({"compose.yml": ONE}, config_files=["gone.yml", "compose.yml"])
    assert found.files[0].error == f"{HERE}/gone.yml does not exist"
    assert [s.name for s in found.services] == ["a"]
    assert faults[0].source == f"compose:{HERE}"


@pytest.mark.parametrize(
    ("env", "head", "given", "name"),
    [
        ("", "", None, "librechat"),
        ("", "name: ${N:-Mine}\n", None, "mine"),
        ("COMPOSE_PROJECT_NAME=zed\n", "name: mine\n", None, "zed"),
        ("COMPOSE_PROJECT_NAME=zed\n", "name: mine\n", "label", "label"),
    ],
)
def test_the_project_s_name_comes_from_the_nearest_place(env: str, head: str, given: str | None, name: str) -> None:
    assert project({".env": env, "compose.yml": head + ONE}, name=given)[0].name == name


def test_folder_names_become_project_names_as_compose_makes_them() -> None:
    # fact: docker compose v2.26.1 makes `abc-` of the folder `_A.b C-é`
    assert normalised_name("_A.b C-é") == "abc-"


def test_mounts_of_every_spelling_become_absolute() -> None:
    # fact: docker compose v2.26.1
    text = (
        'services:\n  a:\n    image: x\n    volumes: ["./a b:/c", "~:/h", "vol:/d:nocopy", "./x:/y/../q", "..:/u", /anon,'
        ' "./w/:/w/:ro,Z", {type: bind, source: rel, target: /rel}, {type: tmpfs, target: /t}]\nvolumes: {vol: }\n'
    )
    home = str(Path.home())
    assert {(v.kind, v.source, v.target, v.read_only) for v in service({"compose.yml": text}).volumes} == {
        ("bind", f"{HERE}/a b", "/c", False), ("bind", home, "/h", False), ("volume", "vol", "/d", False),
        ("bind", f"{HERE}/x", "/q", False), ("bind", "/srv", "/u", False), ("volume", "", "/anon", False),
        ("bind", f"{HERE}/w", "/w", True), ("bind", f"{HERE}/rel", "/rel", False), ("tmpfs", "", "/t", False),
    }  # fmt: skip


def test_commands_are_words_in_either_form() -> None:
    found = service({"compose.yml": "services:\n  a: {image: x, command: 'sh -c \"a b\"', entrypoint: [x, 1, true]}\n"})
    assert (found.command, found.entrypoint) == (("sh", "-c", "a b"), ("x", "1", "true"))


def test_env_files_count_below_the_environment_and_a_name_alone_comes_from_the_env_file() -> None:
    # fact: docker compose v2.26.1
    text = "services:\n  a:\n    image: x\n    env_file: [f.env, {path: no.env, required: false}]\n    environment: [A, N=1=2]\n"
    found = service({"compose.yml": text, ".env": "A=dota\n", "f.env": "A=fenv\nQ=${A}-q\nP=p\n"})
    assert {e.name: e.value for e in found.env} == {"A": "dota", "Q": "dota-q", "P": "p", "N": "1=2"}
    assert found.env_files == (f"{HERE}/f.env", f"{HERE}/no.env")


def test_an_env_file_that_compose_insists_on_is_told_when_missing() -> None:
    # fact: docker compose v2.26.1, `env file ... not found`
    found, faults = project({"compose.yml": "services:\n  a: {image: x, env_file: .env}\n"})
    assert faults[0].sentence == f"{HERE}/compose.yml: env file {HERE}/.env not found"
    assert found.files[0].error == f"env file {HERE}/.env not found"


def test_an_env_file_uses_the_ones_before_it() -> None:
    files = {
        "compose.yml": "services:\n  a: {image: x, env_file: [a.env, b.env]}\n",
        "a.env": "U=me\n",
        "b.env": "URL=$U@h\n",
    }
    assert {e.name: e.value for e in service(files).env} == {"U": "me", "URL": "me@h"}


def test_a_service_extends_one_of_the_same_file() -> None:
    # fact: docker compose v2.26.1
    text = (
        "services:\n  base: {image: x, command: a, depends_on: [db], volumes: ['./a:/a'], environment: {A: 1}}\n"
        "  db: {image: y}\n  a: {extends: {service: base}, environment: [A=2], volumes: ['./b:/b']}\n"
    )
    found = service({"compose.yml": text})
    assert (found.image, found.command, found.depends_on) == ("x", ("a",), ("db",))
    assert {e.name: e.value for e in found.env} == {"A": "2"}
    assert {v.target for v in found.volumes} == {"/a", "/b"}


FOLLOWED = [
    # each with other files beside it; what Compose makes of it a test below asks Compose itself
    ("include: [db.yml]\nservices:\n  a: {image: 'a:${V:-none}'}\n",
     {"db.yml": "services:\n  db: {image: 'db:${V:-none}', volumes: ['./d:/d']}\n", ".env": "V=root\n"}),
    ("include:\n  - {path: [inc/a.yml, inc/b.yml], env_file: inc/x.env, project_directory: inc}\nservices:\n  c: {image: c}\n",
     {"inc/a.yml": "services:\n  a: {image: 'a:${V:-none}', volumes: ['./d:/d'], env_file: e.env}\n",
      "inc/b.yml": "services:\n  a: {environment: {X: '${V:-none}'}}\n", "inc/x.env": "V=x\n", "inc/e.env": "Q=1\n"}),
    ("include: [sub/c.yml]\nservices:\n  a: {image: x, depends_on: [s]}\n",
     {"sub/c.yml": "services:\n  s: {image: 's:${V:-n}-${W:-n}'}\n", "sub/.env": "V=sub\nW=sub\n", ".env": "V=root\n"}),
    ("services:\n  a: {extends: {file: sub/c.yml, service: s}, environment: [A=1]}\n",
     {"sub/c.yml": "services:\n  s: {image: 's:${V:-none}', volumes: ['./d:/d'], environment: [B=2]}\n"}),
    ("services:\n  a: {image: x, depends_on: {b: {condition: service_started, required: false}}}\n  b: {image: y, profiles: [z]}\n", {}),
    ("services:\n  a: {image: x, environment: {H: '${H:-http://a/e/{id}}'}}\n", {}),
    ("services:\n  a: {image: x, environment: {H: '${H:-{\"a\": {\"b\": 1}}} z'}}\n", {}),
    ("services:\n  a: {image: x, volumes: ['${PWD}/f:/f', '${HOME}/h:/h']}\n", {}),
    ("services:\n  a: {image: x, environment: {P: '$PWD'}}\n", {".env": "PWD=/elsewhere\n"}),
]  # fmt: skip
BROKEN = [
    ("include: [db.yml]\nservices:\n  a: {image: x}\n", {}, "db.yml"),
    ("include: sub/c.yml\nservices:\n  a: {image: x}\n", {}, "`include` must be a list"),
    ("include: [db.yml]\nservices:\n  a: {image: x}\n", {"db.yml": "services:\n  a: {image: other}\n"},
     "services.a conflicts with imported resource"),
    ("include: [compose.yml]\nservices:\n  a: {image: x}\n", {}, "circle"),
    ("services:\n  a: {extends: {file: c.yml, service: b}}\n", {"c.yml": "services:\n  z: {image: y}\n"}, '"b" not found'),
    ("services:\n  a: {image: x, volumes: ['${G}:/data']}\n", {}, "invalid spec: :/data: empty section between colons"),
    ("services:\n  a: {image: x, volumes: ['./x:']}\n", {}, "empty section between colons"),
    ("services:\n  a: {image: x, env_file: [chat.env]}\n", {}, "chat.env not found"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "beside", "reason"), BROKEN)
def test_what_compose_refuses_in_files_beside_is_told_of_the_file_that_names_them(text, beside, reason) -> None:
    found, faults = project({"compose.yml": text, **beside})
    assert reason in (found.files[0].error or ""), found.files
    assert [file.path for file in found.files] == [f"{HERE}/compose.yml"]
    assert faults


def test_the_variable_that_leaves_a_volume_empty_is_named() -> None:
    text = "services:\n  a: {image: x, volumes: ['${G}:/data', '${H}:/h']}\n"
    _, faults = project({"compose.yml": text, ".env": "H=/h\n"})
    assert faults[0].remedy == "Nothing gives G a value: set it in .env."


@pytest.mark.engine
@needs_compose
@pytest.mark.parametrize(("text", "beside"), [*FOLLOWED, *((text, beside) for text, beside, _ in BROKEN)])
def test_files_beside_are_followed_as_compose_follows_them(text, beside, tmp_path: Path) -> None:
    for name, content in {"compose.yml": text, **beside}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found, _ = read_project(LocalFiles(), str(tmp_path))
    data, complaint = config(tmp_path, profiles=False)
    assert (found.files[0].error is None) == (data is not None), (found.files, complaint)
    for name, service in (data or {"services": {}})["services"].items():
        own = next(each for each in found.services if each.name == name)
        assert own.image == service["image"]
        assert {e.name: e.value for e in own.env} == (service.get("environment") or {})
        assert {(v.source, v.target) for v in own.volumes} == {
            (v["source"], v["target"]) for v in service.get("volumes", ())
        }


@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_what_compose_refuses_is_an_error_of_the_file_with_compose_s_reason(text: str, error: str) -> None:
    assert error_of(text) == error


@pytest.mark.engine
@needs_compose
@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_compose_itself_gives_that_reason(text: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(text)
    data, complaint = config(tmp_path, profiles=False)
    assert data is None
    reason = (error.split(": ", 1)[1] if error.startswith("line ") else error).replace(HERE, str(tmp_path))
    if (version() or "").startswith("2.26.") and "a tab" not in reason and "already defined" not in reason:
        assert reason in " ".join(complaint.split())


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        "version: '3.8'\nx-a: {b: 1}\n" + ONE,
        "services:\n  a: {image: x, depends_on: [b], profiles: [q]}\n",
        "services:\n  a: {build: .}\n  b: {provider: {type: model}}\n",
        "services:\n  a: {image: x, networks: [default], x-mine: 1}\n",
        "services:\n  a: {image: x, environment: {B: , C: null}, command: null, user: ''}\n",
        # of newer releases, which may be the one that is used here
        "services:\n  a: {image: x, use_api_socket: true, pull_policy: daily, models: [m]}\nmodels: {m: {model: y}}\n",
        "services:\n  a: {image: x, env_file: [{path: e, format: raw, required: false}]}\n",
        "services:\n  a: {image: x, networks: {default: {interface_name: eth1}}, gpus: all}\n",
        "services:\n  a: {image: x, volumes: [{type: image, source: y, target: /y, image: {subpath: z}}]}\n",
    ],
)
def test_what_compose_accepts_is_no_error(text: str) -> None:
    assert error_of(text) is None


def test_a_profile_switched_on_in_the_env_file_makes_its_services_count() -> None:
    text = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: y, profiles: [z]}\n"
    found, _ = project({"compose.yml": text, ".env": "COMPOSE_PROFILES=q,z\n"})
    assert found.files[0].error is None


@pytest.mark.parametrize("override", ["# only comments\n", "", "version: '3.4'\n# x\n", "services:\n  a:\n"])
def test_an_override_that_says_nothing_is_fine(override: str) -> None:
    # fact: docker compose v2.26.1 accepts all four
    found, faults = project({"compose.yml": ONE, "compose.override.yml": override})
    assert faults == ()
    assert found.services[0].image == "x"


def test_an_override_with_an_empty_services_line_is_refused_as_compose_does() -> None:
    # fact: docker compose v2.26.1; what one gets by uncommenting only the first line of LibreChat's example
    found, _ = project({"compose.yml": ONE, "compose.override.yml": "services:\n"})
    assert [f.error for f in found.files] == [None, "line 1, column 1: services must be a mapping"]
    assert [s.name for s in found.services] == ["a"]


def test_the_file_that_names_a_service_wrongly_is_the_one_blamed() -> None:
    override = "services:\n  librechat:\n    volumes: ['./librechat.yaml:/app/librechat.yaml']\n"
    found, _ = project({"compose.yml": ONE, "compose.override.yml": override})
    assert [f.error for f in found.files] == [
        None, 'service "librechat" has neither an image nor a build context specified: invalid compose project',
    ]  # fmt: skip


def test_a_broken_file_does_not_hide_the_others() -> None:
    found, faults = project({"compose.yml": ONE, "compose.override.yml": "services: [\n"})
    assert [s.name for s in found.services] == ["a"]
    assert len(faults) == 1
    assert faults[0].remedy == "Correct the file; `docker compose config -q` says the same."


def test_a_folder_without_a_compose_file_says_so_with_the_way_out() -> None:
    found, faults = project({"readme.txt": "x"})
    assert found.files == ()
    assert faults[0].sentence.startswith(f"There is no compose file in {HERE} (compose.yaml, ")
    assert faults[0].remedy is not None


@pytest.mark.parametrize("content", [{}, {HERE: NotPermitted("no")}])
def test_a_folder_that_is_missing_or_closed_is_one_fault(content: dict[str, object]) -> None:
    found, faults = read_project(MemoryFiles(content), HERE)  # type: ignore[arg-type]
    assert found.name == "librechat"
    assert [f.sentence.startswith(f"The folder {HERE} cannot be read: ") for f in faults] == [True]


def test_an_unreadable_env_file_is_told_and_its_variables_count_as_unset() -> None:
    _, faults = project({"compose.yml": ONE, ".env": NotPermitted("no")})
    assert faults[0].sentence == f"{HERE}/.env cannot be read, so its variables count as unset: no"


def test_hostile_names_are_made_harmless() -> None:
    text = 'services:\n  a:\n    image: "x\\u001b]52;c;eA==\\a[/etc/x]"\n    container_name: "\\u202eabc"\n    command: ["\\u001b[2J"]\n'
    found = service({"compose.yml": text})
    assert (found.image, found.container_name, found.command) == ("x[/etc/x]", "<U+202E>abc", ("",))


def test_files_carry_their_digest() -> None:
    found, _ = project({"compose.yml": ONE})
    digest = hashlib.sha256(ONE.encode()).hexdigest()
    assert found.files == (ConfigFile(f"{HERE}/compose.yml", digest),)
