"""Reading librechat.yaml for its service: which file, which environment, read again only when it changed, no secret."""

from __future__ import annotations

from msgspec import to_builtins
from stackops.console.collect.sources.configs import LIMIT, read
from stackops.console.hosts import NotPermitted
from stackops.console.model import ComposeService, Container, EnvVar, LogMark, Mount, Project, Volume
from stackops.console.products.librechat.reading import config_path, host_path
from support.memory_files import MemoryFiles

DIR = "/srv/librechat"
YAML = f"{DIR}/librechat.yaml"
INSIDE = "/app/librechat.yaml"
IMAGE = "ghcr.io/danny-avila/librechat-dev:v0.7.2"
GOOD = "version: 1.0.9\ncache: true\n"
DOTENV = Volume("bind", f"{DIR}/.env", "/app/.env")
CONTAINER = Container(
    id="c" * 64, name="LibreChat", image=IMAGE, state="running", project="librechat", service="api",
    mounts=(Mount("bind", YAML, INSIDE),),
)  # fmt: skip


def declared(*volumes, image=IMAGE, env=(), **more):
    service = ComposeService("api", image=image, volumes=volumes, **more)
    return Project("librechat", DIR, services=(service,), env=tuple(EnvVar(k, v) for k, v in env))


def one(files, *, containers=(), project=None, marks=(), **more):
    door = MemoryFiles(files) if isinstance(files, dict) else files
    (verdict,) = read(door, containers, (project or declared(),), marks, **more)
    return verdict


def test_a_mounted_file_is_judged_for_its_container():
    found = one({YAML: GOOD}, containers=(CONTAINER,))
    assert (found.path, found.container, found.mounted) == (YAML, CONTAINER.id, True)
    assert (found.stage, found.boot, found.release, found.release_from) == ("ok", "ok", "0.7.2", "image")


def test_a_declared_file_is_judged_before_anything_runs():
    elsewhere = f"{DIR}/config/lc.yaml"
    found = one({elsewhere: GOOD, YAML: "version: 1\n"}, project=declared(Volume("bind", elsewhere, INSIDE)))
    assert (found.path, found.mounted, found.stage) == (elsewhere, False, "ok")
    assert (found.project, found.service, found.container) == ("librechat", "api", None)
    assert found.release_from == "compose file"


def test_a_file_that_nothing_mounts_is_judged_all_the_same():
    found = one({YAML: "version: 1\n"})
    assert (found.path, found.mounted, found.stage) == (YAML, False, "schema")
    assert one({f"{DIR}/librechat.yml": GOOD}).path == f"{DIR}/librechat.yml"


def test_without_a_file_there_is_nothing_to_judge():
    found = one({DIR: None})
    assert (found.stage, found.boot, found.problem) == (None, None, None)
    directory = one({YAML: None}, containers=(CONTAINER,))
    assert (directory.stage, directory.problem) == (None, None)


def test_what_the_container_sees_is_what_counts():
    mounted = Container(**{**to_container(CONTAINER), "mounts": (Mount("bind", f"{DIR}/gone.yaml", INSIDE),)})
    assert one({YAML: "version: 1\n"}, containers=(mounted,)).stage is None


def to_container(container):
    return {name: getattr(container, name) for name in container.__struct_fields__}


def test_config_path_decides_and_a_web_address_is_not_judged():
    other = Container(**{**to_container(CONTAINER), "env": (EnvVar("CONFIG_PATH", "conf/c.yaml"),),
                         "mounts": (Mount("bind", f"{DIR}/conf", "/app/conf"),)})  # fmt: skip
    assert one({f"{DIR}/conf/c.yaml": GOOD}, containers=(other,)).path == f"{DIR}/conf/c.yaml"
    service = ComposeService("api", image=IMAGE, env=(EnvVar("CONFIG_PATH", "https://x.example/c.yaml"),))
    web = Project("librechat", DIR, services=(service,))
    assert read(MemoryFiles({YAML: GOOD}), (), (web,), ()) == ()


def test_the_variables_of_dotenv_count_where_it_is_read():
    azure = (
        "version: 1.0.9\nendpoints:\n  azureOpenAI:\n    groups:\n"
        '      - {group: a, apiKey: "${KEY}", instanceName: i, deploymentName: d, version: v, models: {m: true}}\n'
    )
    assert one({YAML: azure}, project=declared(env=[("KEY", "x")])).stage == "azure"
    assert one({YAML: azure}, project=declared(DOTENV, env=[("KEY", "x")])).stage == "ok"
    handed = ComposeService("api", image=IMAGE, env=(EnvVar("KEY", "x"),), env_files=(f"{DIR}/.env",))
    assert one({YAML: azure}, project=Project("librechat", DIR, services=(handed,))).stage == "ok"
    other = Volume("bind", f"{DIR}/chat.env", "/app/.env")
    assert one({YAML: azure, f"{DIR}/chat.env": "KEY=x\n"}, project=declared(other)).stage == "ok"
    assert one({YAML: azure, f"{DIR}/chat.env": "OTHER=x\n"}, project=declared(other)).stage == "azure"
    assert one({YAML: azure}, project=declared(other)).stage == "ok", "a file that cannot be read proves nothing"
    api = "ghcr.io/danny-avila/librechat-api:v0.8.4"
    assert one({YAML: azure}, project=declared(DOTENV, env=[("KEY", "x")], image=api)).stage == "azure"
    early = Container(**{**to_container(CONTAINER), "detailed": False})
    assert one({YAML: azure}, containers=(early,)).stage != "azure", "an environment not yet known proves nothing"


def test_the_banner_beats_the_tag_and_the_operator_beats_both():
    mark = LogMark(CONTAINER.id, "librechat.start", "> LibreChat@v0.8.7 backend")
    other = LogMark("d" * 64, "librechat.start", "> LibreChat@v0.6.0 backend")
    found = one({YAML: "version: 1\n"}, containers=(CONTAINER,), marks=(mark, other))
    assert (found.release, found.release_from, found.boot) == ("0.8.7", "log", "exit 1")
    assert one({YAML: GOOD}, containers=(CONTAINER,), marks=(mark,), told="v0.8.2").release == "0.8.2"
    assert one({YAML: GOOD}, project=declared(image="librechat-dev:latest")).release_from == "newest"


def test_a_release_newer_than_the_rules_is_not_blamed_for_keys_it_may_know():
    text = "version: 1.0.9\nsomethingNew: {}\n"
    assert "newer than the rules known here" in (one({YAML: text}, told="0.9.0").problem or "")
    assert one({YAML: text}, told="0.8.7").stage == "schema"
    assert one({YAML: text.replace("1.0.9", "1")}, told="0.9.0").stage == "schema"


def test_a_file_is_read_again_only_when_it_changed():
    files, memory = MemoryFiles({YAML: GOOD}), {}
    for _ in range(3):
        one(files, containers=(CONTAINER,), memory=memory)
    assert files.reads == [YAML]
    files.content[YAML] = b"version: 1\n"
    assert one(files, containers=(CONTAINER,), memory=memory).stage == "schema"
    assert one(files, containers=(CONTAINER,), memory=memory, told="0.8.2").boot == "exit 1"
    assert len(files.reads) == 3
    read(files, (), (), (), memory=memory)
    assert memory == {}


def test_what_cannot_be_read_is_a_problem_and_no_verdict():
    denied = MemoryFiles({YAML: NotPermitted(f"{YAML}: permission denied")})
    assert one(denied, containers=(CONTAINER,)).problem == f"{YAML}: permission denied"
    assert one({YAML: ValueError()}, containers=(CONTAINER,)).problem == "this user may not read it"
    assert one({YAML: "#" * (LIMIT + 1)}, containers=(CONTAINER,)).problem == "it is larger than 512 KiB"
    assert "nested deeper" in (one({YAML: "[" * 3000}, containers=(CONTAINER,)).problem or "")


def test_a_file_that_is_not_utf8_is_judged_and_not_edited():
    found = one({YAML: "# 模型\ncache: true\n".encode("gbk")}, containers=(CONTAINER,))
    assert (found.stage, found.repairs) == ("schema", ())


def test_no_secret_of_the_file_leaves():
    secret = "sk-verysecretvalue0123456789abcdef"
    text = f"""\
version: 1
imageOutputType: {secret}
endpoints:
  custom:
    - name: "x"
      apikey: "{secret}"
      baseURL: "http://user:{secret}@localhost/v1"
      models: {{default: ["{secret}"]}}
  azureOpenAI:
    groups: [{{group: "g", apiKey: "{secret}", models: {{m: {{}}}}}}]
"""
    for shown in (text, text.replace("version: 1\nimageOutputType", "version: 1.0.9\n# imageOutputType")):
        found = one({YAML: shown}, containers=(CONTAINER,))
        assert found.issues
        assert secret not in repr(to_builtins(found))


def test_foreign_text_is_cleaned():
    text = 'version: 1.0.9\nendpoints:\n  custom:\n    - name: "a\\e]52;c;aGk=\\ab"\n      apikey: k\n'
    found = one({YAML: text}, containers=(CONTAINER,))
    assert "\x1b" not in repr(found)
    assert found.dropped == ("ab",)


def test_the_longest_mount_decides_where_a_path_leads():
    mounts = (
        Mount("bind", "/a", "/app"),
        Mount("bind", "/b/l.yaml", "/app/librechat.yaml"),
        Mount("volume", "v", "/app/x"),
    )
    assert host_path("/app/librechat.yaml", mounts) == "/b/l.yaml"
    assert host_path("/app/other.yaml", mounts) == "/a/other.yaml"
    assert host_path("/app/x/y.yaml", mounts) is None
    assert host_path("/elsewhere", mounts) is None
    assert host_path("/app/a", (Mount("bind", "/a", "app"),)) is None
    assert config_path((EnvVar("CONFIG_PATH", ""),), None, None) == "/app/librechat.yaml"
