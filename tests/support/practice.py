"""More that the operator of the practice machine may do wrong: forms of pitfalls that no fresh practice stack shows.

They are built as the product's own (``stackops.console.practice.scenarios``), one for each other way into a pitfall.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import NamedTuple

from stackops.console.hosts import HostError
from stackops.console.practice import DemoHost, kernel, scenarios
from stackops.console.practice import files as stacks
from stackops.console.practice.mongod import place
from stackops.console.practice.network import initiated
from stackops.console.practice.replies import moment
from stackops.console.practice.scenarios import CONFIG, MOUNT, OVERRIDE, SCENARIOS, Break, Hands

MONGO = "staging-mongo"
COMPOSE, IMAGE = f"{stacks.LIBRECHAT}/docker-compose.yml", "librechat-dev:v0.7.2"
OVERRIDE_WITH_MOUNT = stacks.text("librechat/docker-compose.override.yml")
OVERRIDE_WITHOUT_MOUNT = OVERRIDE_WITH_MOUNT.replace(MOUNT, "")
LIBRECHAT_YAML = stacks.text("librechat/librechat.yaml")


class Scenario(NamedTuple):
    """One form of one pitfall."""

    check: str
    form: str
    act: Break

    @property
    def story(self) -> str:
        """What the operator did."""
        return " ".join((self.act.__doc__ or "").split())


FORMS = {check: {form: Scenario(check, form, act)} for check, (form, act) in SCENARIOS.items()}
"""By check, then by form; the first is the one of a fresh stack."""


def form(check: str, name: str) -> Callable[[Break], Break]:
    def register(act: Break) -> Break:
        FORMS[check][name] = Scenario(check, name, act)
        return act

    return register


def break_again(host: DemoHost, check: str, name: str | None = None) -> None:
    """Let the operator do it now; without a form as on a fresh stack."""
    with host.world.lock:
        host.build()
        ({**FORMS, **APART}[check][name] if name else next(iter(FORMS[check].values()))).act(host.hands)


def has_set(host: DemoHost) -> bool:
    """Whether the staging mongod keeps the configuration of a set."""
    return host.world.tree.get(place(host.world.find(MONGO).definition)) is not None


def mounted(host: DemoHost) -> bool:
    """Whether LibreChat sees its librechat.yaml."""
    return "/app/librechat.yaml" in {bind.target for bind in host.world.find("LibreChat").definition.binds}


THREE = """\
# a FastGPT on a set of three, as a post describes it
x-member: &member
  image: mongo:5.0.8
  command: --replSet app --bind_ip_all
services:
  mongo1:
    <<: *member
    container_name: three-mongo1
  mongo2:
    <<: *member
    container_name: three-mongo2
  mongo3:
    <<: *member
    container_name: three-mongo3
  fastgpt:
    image: ghcr.io/labring/fastgpt:v4.9.0
    container_name: three-fastgpt
    environment:
      - MONGODB_URI=mongodb://mongo1:27017,mongo2:27017,mongo3:27017/fastgpt?replicaSet=app
"""


def three(hands: Hands) -> None:
    """Three members of one set, started and not initiated, and an app that names them all."""
    hands.tree.put("/srv/three/docker-compose.yml", THREE.encode())
    hands.compose("/srv/three", "up", "-d")


def pull_failed(at: float) -> bytes:
    """What dockerd says when Docker Hub does not answer. fact: seen with 20.10 behind a firewall."""
    why = (
        'Get \\"https://registry-1.docker.io/v2/\\": net/http: request canceled while waiting for connection'
        " (Client.Timeout exceeded while awaiting headers)"
    )
    said = f'level=error msg="Handler for POST /v1.45/images/create returned error: {why}"'
    return f'time="{moment(at)}" {said}\n'.encode()


def _write(hands: Hands, content: bytes) -> None:
    hands.tree.put(stacks.KEY_FILE, content, mode=0o400, uid=stacks.KEY_OWNER, gid=stacks.KEY_OWNER)
    _start(hands)


def _key(hands: Hands, *, mode: int, uid: int) -> None:
    hands.tree.put(stacks.KEY_FILE, stacks.key(hands.world.seed), mode=mode, uid=uid, gid=uid)


def _start(hands: Hands) -> None:
    hands.compose(stacks.FASTGPT, "up", "-d", "--force-recreate", "mongo")


def _recreate_with(hands: Hands, text: str) -> None:
    hands.own(CONFIG, text)
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", "api")


def _in_order(hands: Hands) -> None:
    hands.own(OVERRIDE, OVERRIDE_WITH_MOUNT)
    _recreate_with(hands, LIBRECHAT_YAML)


def _release(hands: Hands, tag: str) -> None:
    hands.edit(COMPOSE, IMAGE, IMAGE.replace("v0.7.2", tag))
    hands.compose(stacks.LIBRECHAT, "up", "-d", "api")


@form("mongo.keyfile", "wrong-owner")
def wrong_owner(hands: Hands) -> None:
    """Set the mode to 400, as every post says, and forgot the owner.

    The file belongs to root, so that mongod, which runs as uid 999, cannot open it.
    """
    _key(hands, mode=0o400, uid=0)
    _start(hands)


@form("mongo.keyfile", "directory")
def directory(hands: Hands) -> None:
    """Started the stack before making the key file.

    The Engine made a directory of the missing file; mongod calls its mode too open, which sends everybody to chmod.
    """
    hands.tree.drop(stacks.KEY_FILE)
    _start(hands)


@form("mongo.keyfile", "missing")
def missing(hands: Hands) -> None:
    """Removed the key file while tidying up; the container had gone down with it."""
    _key(hands, mode=0o644, uid=0)
    _start(hands)
    hands.tree.drop(stacks.KEY_FILE)


@form("mongo.keyfile", "empty")
def empty(hands: Hands) -> None:
    """Made the file with ``touch``, gave it mode and owner, and never put a key in."""
    _write(hands, b"")


@form("mongo.keyfile", "bad-characters")
def bad_characters(hands: Hands) -> None:
    """Typed a passphrase of his own into the key file: mongod takes base64 characters only."""
    _write(hands, "我的密钥-my-own-key!\n".encode())


@form("mongo.keyfile", "bad-length")
def bad_length(hands: Hands) -> None:
    """Asked openssl for 1024 bytes; in base64 these are 1368 characters, and mongod takes 1024 at the most."""
    text = stacks.key(hands.world.seed).decode().strip()
    _write(hands, (text + text)[:1368].encode() + b"\n")


@form("mongo.keyfile", "not-restarted")
def not_restarted(hands: Hands) -> None:
    """Followed a post to the end, mode and owner and all, but did not start mongo again."""
    scenarios.too_open(hands)
    _key(hands, mode=0o400, uid=stacks.KEY_OWNER)


@form("mongo.replica-set", "removed")
def removed(hands: Hands) -> None:
    """Renamed the service from fastgpt-mongo to mongo over the old data folder.

    The stored configuration names a host that leads nowhere any more: mongod is REMOVED from its own set.
    """
    scenarios.staging(hands)
    initiated(hands.world, MONGO, "fastgpt-mongo:27017")
    hands.compose(scenarios.STAGING, "restart", "mongo")


@form("mongo.replica-set", "container-id")
def container_id(hands: Hands) -> None:
    """Typed ``rs.initiate()`` into the shell, without a configuration.

    mongod took its host name, in a container its id. All is well, until the container is made anew.
    """
    scenarios.staging(hands)
    initiated(hands.world, MONGO, f"{hands.world.find(MONGO).id[:12]}:27017")


@form("mongo.replica-set", "partly")
def partly(hands: Hands) -> None:
    """Started three members of one set and initiated the first of them alone.

    The other two wait for a configuration that names them, and a second initiate would only make a second set.
    """
    three(hands)
    initiated(hands.world, "three-mongo1", "mongo1:27017", name="app")


@form("mongo.replica-set", "apart")
def apart(hands: Hands) -> None:
    """Initiated each of three members alone, one after the other, since each of them asked for it.

    They are three sets of the same name now, and the app writes into whichever it meets first.
    """
    three(hands)
    for number in (1, 2, 3):
        initiated(hands.world, f"three-mongo{number}", f"mongo{number}:27017", name="app")


@form("mongo.replica-set", "app-uri")
def app_uri(hands: Hands) -> None:
    """Joined the first option to the connection string with ``&``, as one joins all the others.

    What stands behind it is a part of the database's name: FastGPT works on an empty database of a strange name.
    """
    text = (
        stacks.text("staging/docker-compose.yml")
        .format(command="mongod --replSet rs0")
        .replace(":27017/fastgpt", ":27017/fastgpt&retryWrites=true")
    )
    scenarios.staging(hands)
    initiated(hands.world, MONGO, "mongo:27017")
    hands.tree.put(f"{scenarios.STAGING}/docker-compose.yml", text.encode())
    hands.compose(scenarios.STAGING, "up", "-d")


@form("mongo.replica-set", "set-name")
def set_name(hands: Hands) -> None:
    """Renamed the set from rs0 to rs1 in the command, because a post did.

    The name is stored with the data and cannot be changed: mongod waits for a set that will never come.
    """
    scenarios.staging(hands)
    initiated(hands.world, MONGO, "mongo:27017")
    scenarios.staging(hands, "mongod --replSet rs1")


@form("mongo.replica-set", "standalone")
def standalone(hands: Hands) -> None:
    """Took ``--replSet`` out of the command again, as no key file was at hand.

    mongod runs well by itself, and FastGPT's transactions fail one after the other.
    """
    scenarios.staging(hands, "mongod")


@form("oneapi.restart", "database-not-ready")
def database_not_ready(hands: Hands) -> None:
    """Threw MySQL's data folder away to begin anew, and looked at One API at once.

    MySQL needs most of a minute for an empty folder; until then One API ends again and again, as it should.
    """
    hands.compose(stacks.FASTGPT, "stop", "oneapi", "mysql")
    hands.tree.drop(stacks.MYSQL_DATA)
    hands.tree.mkdir(stacks.MYSQL_DATA, mode=0o700, uid=stacks.KEY_OWNER)
    hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "mysql")
    hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "oneapi")


@form("oneapi.restart", "start-again")
def start_again(hands: Hands) -> None:
    """Switched the restart policy of One API off to read its log in peace, then restarted MySQL for a backup.

    One API was started while MySQL was away, ended, and nobody has started it since.
    """
    hands.edit(
        scenarios.FASTGPT_COMPOSE,
        "    restart: always\n    environment:\n      - SQL_DSN",
        '    restart: "no"\n    environment:\n      - SQL_DSN',
    )
    with hands.world.ago(scenarios.BEFORE):
        hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "oneapi")
    hands.compose(stacks.FASTGPT, "stop", "mysql")
    hands.compose(stacks.FASTGPT, "restart", "oneapi")
    hands.compose(stacks.FASTGPT, "start", "mysql")


@form("oneapi.restart", "database-down")
def database_down(hands: Hands) -> None:
    """Stopped MySQL to copy its folder and forgot to start it; One API went down at the next restart of the machine."""
    hands.compose(stacks.FASTGPT, "stop", "mysql")
    hands.compose(stacks.FASTGPT, "restart", "oneapi")


@form("oneapi.restart", "config-changed")
def config_changed(hands: Hands) -> None:
    """Added bge-m3 to the vector models of config.json and waited for FastGPT to offer it.

    FastGPT reads the file once, at its start, and nobody has started it since.
    """
    path = f"{stacks.FASTGPT}/config.json"
    more = '{ "model": "bge-m3", "name": "BGE M3", "defaultToken": 512, "maxToken": 8000 }'
    text = stacks.text("fastgpt/config.json").replace('"maxToken": 1800 }]', f'"maxToken": 1800 }},\n    {more}]')
    hands.tree.put(path, text.encode())


@form("oneapi.restart", "host-port")
def host_port(hands: Hands) -> None:
    """Moved MySQL to port 33066 of the host, because 3306 was taken, and changed SQL_DSN along with it.

    Between containers the port is still 3306: nothing listens where One API knocks, and no restart will change that.
    """
    hands.edit(scenarios.FASTGPT_COMPOSE, "      - 3306:3306\n", "      - 33066:3306\n")
    hands.edit(scenarios.FASTGPT_COMPOSE, "@tcp(mysql:3306)/", "@tcp(mysql:33066)/")
    hands.compose(stacks.FASTGPT, "up", "-d", "mysql", "oneapi")


@form("librechat.config-mount", "directory")
def mounted_first(hands: Hands) -> None:
    """Mounted librechat.yaml first and meant to write it later.

    The Engine made a directory of the missing file, root-owned, and LibreChat logs EISDIR.
    """
    hands.tree.drop(CONFIG)
    hands.own(OVERRIDE, OVERRIDE_WITH_MOUNT)
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", "api")


@form("librechat.config-mount", "changed")
def changed(hands: Hands) -> None:
    """Edited librechat.yaml with an editor that saves by rename, and did not restart.

    The mount holds the old inode, so the running container still reads the old file.
    """
    _in_order(hands)
    hands.own(CONFIG, LIBRECHAT_YAML.replace("cache: true", "cache: false"))


@form("librechat.config-mount", "source-missing")
def source_missing(hands: Hands) -> None:
    """Removed librechat.yaml to begin anew from the example, and was called away.

    LibreChat still runs on what it read; at its next start the Engine makes a directory of the missing file.
    """
    _in_order(hands)
    hands.tree.drop(CONFIG)


@form("librechat.config-mount", "not-applied")
def not_applied(hands: Hands) -> None:
    """Added the mount to the override and ran ``docker compose restart``.

    A restart keeps the old definition of the container: the mount is in the file and not in the container.
    """
    scenarios.not_mounted(hands)
    hands.own(OVERRIDE, OVERRIDE_WITH_MOUNT)
    hands.compose(stacks.LIBRECHAT, "restart", "api")


@form("librechat.config-mount", "override-not-in-use")
def override_not_in_use(hands: Hands) -> None:
    """Started the stack with ``-f docker-compose.yml``, as a post said.

    A list of files switches the automatic override off, so that the mount in it never arrives.
    """
    with hands.world.ago(300.0):
        _in_order(hands)
    base = f"{stacks.LIBRECHAT}/docker-compose.yml"
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", "api", files=(base,))


@form("librechat.config-valid", "schema")
def schema(hands: Hands) -> None:
    """Moved a list of models and lost its indentation on the way.

    ``default`` stands beside ``models`` instead of under it, and the whole file is refused.
    """
    models = '        default: ["qwen2:7b"]\n        fetch: true\n'
    _recreate_with(hands, LIBRECHAT_YAML.replace(models, models.replace("        ", "      ")))


@form("librechat.config-valid", "syntax")
def syntax(hands: Hands) -> None:
    """Pasted an endpoint from a web page; its keys stand one column too deep.

    The file is no YAML any more, and LibreChat runs on its defaults.
    """
    head, item, tail = LIBRECHAT_YAML.partition('    - name: "Ollama"\n')
    _recreate_with(hands, head + item + "".join(f" {line}" for line in tail.splitlines(keepends=True)))


@form("librechat.cookie", "domain")
def domain(hands: Hands) -> None:
    """Updated to v0.8.7 and set DOMAIN_SERVER to the address that people really type.

    From v0.8.3 on that is what makes the cookie Secure; the localhost of the example would have kept it plain.
    """
    _release(hands, "v0.8.7")
    scenarios.restarted(hands, DOMAIN_CLIENT=scenarios.LAN, DOMAIN_SERVER=scenarios.LAN)


@form("librechat.cookie", "forced")
def forced(hands: Hands) -> None:
    """Found SESSION_COOKIE_SECURE in a post about hardening and set it to true, without https anywhere.

    From v0.8.6 on the setting decides alone, and browsers drop the cookie that comes over http.
    """
    _release(hands, "v0.8.7")
    scenarios.set_variables(hands, SESSION_COOKIE_SECURE="true")
    scenarios.restarted(hands, DOMAIN_CLIENT=scenarios.LAN, DOMAIN_SERVER=scenarios.LAN)


@form("librechat.cookie", "nodemon")
def nodemon(hands: Hands) -> None:
    """Followed the blog: ``command: npm run backend:dev`` in the override, on an image of 2025.

    nodemon was taken out of the images in May 2024, and this machine has no way to the internet: a restart loop.
    """
    _release(hands, "v0.7.5")
    text = OVERRIDE_WITH_MOUNT.replace("  api:\n", "  api:\n    command: npm run backend:dev   # from the blog\n")
    hands.own(OVERRIDE, text)
    hands.compose(stacks.LIBRECHAT, "up", "-d", "api")


@form("librechat.not-applied", "override-not-in-use")
def values_override_not_in_use(hands: Hands) -> None:
    """Started the whole stack with ``-f docker-compose.yml``, as a post said, and wonders where his settings are.

    A list of files switches the automatic override off.
    """
    with hands.world.ago(300.0):
        hands.tree.drop(CONFIG)
        hands.own(OVERRIDE, OVERRIDE_WITHOUT_MOUNT)
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", files=(COMPOSE,))


@form("librechat.not-applied", "definition")
def definition(hands: Hands) -> None:
    """Gave Meilisearch a newer image in docker-compose.yml, pulled it and ran ``docker compose restart``.

    A restart keeps the container that there is, with the image it was made from.
    """
    text = hands.files.read(COMPOSE).decode()
    hands.own(COMPOSE, text.replace("meilisearch:v1.7.3", "meilisearch:v1.7.6"))
    hands.world.images["getmeili/meilisearch:v1.7.6"] = None
    hands.compose(stacks.LIBRECHAT, "restart", "meilisearch")


@form("librechat.not-applied", "env-changed")
def env_changed(hands: Hands) -> None:
    """Closed the registration in .env and took it for done.

    LibreChat reads its .env when it starts, and that was before.
    """
    scenarios.set_variables(hands, ALLOW_REGISTRATION="false")


@form("docker.registry-mirrors", "dead")
def dead(hands: Hands) -> None:
    """Trusted a mirror whose operator has given up: its name is not known to any DNS any more."""
    scenarios.mirrors(hands, '["https://dockerproxy.com"]')


@form("docker.registry-mirrors", "not-a-registry")
def not_a_registry(hands: Hands) -> None:
    """Pasted the address of a mirror's web page, which answers every question with the same friendly HTML."""
    scenarios.mirrors(hands, '["https://docker.xuanyuan.me"]')


@form("docker.registry-mirrors", "not-allowed")
def not_allowed(hands: Hands) -> None:
    """Chose a mirror that carries a list of images, and tried it with hello-world; pgvector is not on its list."""
    scenarios.mirrors(hands, '["https://docker.m.daocloud.io"]')


@form("docker.registry-mirrors", "typo")
def typo(hands: Hands) -> None:
    """Wrote registry-mirror for the key, after the flag of that name: the Engine takes the file and does nothing."""
    hands.tree.put(kernel.FILE, stacks.text("daemon.json").replace('"registry-mirrors"', '"registry-mirror"').encode())
    hands.world.mirrors = ()


@form("docker.registry-mirrors", "wrong-type")
def wrong_type(hands: Hands) -> None:
    """Forgot the brackets around the one mirror; the Engine will not start with this file the next time."""
    scenarios.mirrors(hands, '"https://docker.1ms.run"')


@form("docker.registry-mirrors", "bad-address")
def bad_address(hands: Hands) -> None:
    """Left the scheme out of the mirror's address, which every browser allows and the Engine does not."""
    scenarios.mirrors(hands, '["docker.1ms.run"]')


@form("docker.registry-mirrors", "not-effective")
def not_effective(hands: Hands) -> None:
    """Put a second mirror into daemon.json and shied away from restarting Docker, which stops every container."""
    hands.tree.put(
        kernel.FILE,
        stacks.text("daemon.json").replace('1ms.run"]', '1ms.run", "https://docker.1panel.live"]').encode(),
    )


@form("docker.registry-mirrors", "hub-unreachable")
def hub_unreachable(hands: Hands) -> None:
    """Took the mirror out, as somebody said it was no longer needed, and ran docker pull behind the same firewall."""
    scenarios.mirrors(hands, "[]")
    hands.world.daemon_log += pull_failed(hands.world.now())


@form("gpu.toolkit", "device-unknown")
def no_such_card(hands: Hands) -> None:
    """Copied device_ids: ['9'] from the compose file of a machine with ten cards; this one has two."""
    with contextlib.suppress(HostError):
        text = stacks.text("lab/added/xinference.yml").replace("driver: cdi", "driver: nvidia")
        text = "services:\n" + text.replace("[nvidia.com/gpu=all]", '["9"]')
        hands.tree.put("/srv/lab/docker-compose.yml", text.encode())
        hands.compose("/srv/lab", "up", "-d", "--no-deps", "xinference")


@form("gpu.lost-in-container", "predictable")
def forgotten_rules(hands: Hands) -> None:
    """Runs a toolkit that adds the devices behind systemd's back, and has not reloaded any units yet."""
    scenarios.forgotten(hands)


@form("ollama.on-cpu", "no-grant")
def no_grant(hands: Hands) -> None:
    """Copied Ollama's service from the README without the lines about GPUs, and recreated it.

    It runs and answers, several times slower than before, while a card beside it is idle.
    """
    hands.edit(
        f"{stacks.MODELS}/docker-compose.yml", "      - ollama:/models\n    deploy: &gpu\n",
        "      - ollama:/models\n  # once in Ollama's service\n  unused:\n    image: ollama/ollama:0.1.38\n"
        "    profiles: [never]\n    deploy: &gpu\n",
    )  # fmt: skip
    hands.compose(stacks.MODELS, "up", "-d", "--no-deps", "ollama")


APART: dict[str, dict[str, Scenario]] = {}
"""Pitfalls that no fresh practice stack shows: one line of FastGPT's own file each, in an orderly stack."""
FASTGPT = f"{stacks.FASTGPT}/docker-compose.yml"
PG = "postgresql://username:${PG_PASSWORD}@pg:5432/postgres"


def line(check: str, name: str, old: str, new: str, story: str, *services: str) -> None:
    """One line of the file is another, and these services follow it."""

    def act(hands: Hands) -> None:
        hands.edit(FASTGPT, old, new)
        if services:
            hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", *services)

    act.__doc__ = story
    APART[check] = {name: Scenario(check, name, act)}


line("compose.drift", "changed", "TOKEN_KEY=practice-token-5d02", "TOKEN_KEY=practice-token-5d03",
     "Changed a key of FastGPT in its file, and restarted it: a restart keeps what it was made with.")  # fmt: skip
line("fastgpt.base-url", "no-v1", "OPENAI_BASE_URL=http://oneapi:3000/v1", "OPENAI_BASE_URL=http://oneapi:3000",
     "Copied the address of One API out of the browser, and so without the /v1 that every client needs.",
     "fastgpt")  # fmt: skip
line("fastgpt.token", "unknown-key", "CHAT_API_KEY=sk-practiceoneapi3d11", "CHAT_API_KEY=sk-fastgpt",
     "Took the key of FastGPT's example file, which One API knows only where its own INITIAL_ROOT_TOKEN was the same.",
     "fastgpt")  # fmt: skip


@form("oneapi.channel", "doubled")
def doubled_path(hands: Hands) -> None:
    """Made a channel for one more model of vLLM, with the address that every other client takes: with /v1 at its end.

    One API puts /v1 behind it once more, and whoever asks for the model gets 404.
    """
    rows = json.loads(stacks.ROWS)
    rows.append({"id": 9, "name": "coder", "models": ["qwen-coder"], "created_time": 1.0, "type": 1,
                 "base_url": "http://192.0.2.10:8001/v1"})  # fmt: skip
    stacks.channels(hands.tree, stacks.FASTGPT, json.dumps(rows))


@form("fastgpt.models", "missing")
def offered_alone(hands: Hands) -> None:
    """Wrote the model into config.json as vLLM's page spells it, with capitals, and recreated FastGPT.

    The channel has it in lower case, and One API takes a channel by the exact name: nobody can chat any more.
    """
    hands.edit(f"{stacks.FASTGPT}/config.json", '"qwen1.5-14b-chat"', '"Qwen1.5-14B-Chat"')
    hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "--force-recreate", "fastgpt")


line("wiring.dsn", "written", PG, PG.replace("${PG_PASSWORD}", "a#b/c"),
     "Gave PostgreSQL a password with signs that mean something else in an address, and wrote it as it is.",
     "fastgpt")  # fmt: skip
line("postgres.credentials", "password", PG, PG.replace("username", "root"),
     "Wrote root into FastGPT's PG_URL, as it is called elsewhere; the database was made for another user.",
     "fastgpt")  # fmt: skip
line("mysql.credentials", "password", "SQL_DSN=root:${MYSQL_PASSWORD}@", "SQL_DSN=root:oneapimmysql@",
     "Copied the line with SQL_DSN out of the guide, and with it the guide's password for MySQL.",
     "oneapi")  # fmt: skip
line("fastgpt.upgrade", "missing", "fastgpt:v4.7", "fastgpt:v4.8.4",
     "Raised FastGPT to v4.8.4 by its tag alone. From v4.8.2 on code in flows runs in a sandbox, which nobody added.",
     "fastgpt")  # fmt: skip
line("fastgpt.redis", "missing", "fastgpt:v4.7", "fastgpt:v4.9.14",
     "Raised FastGPT to v4.9.14 by its tag alone. From v4.9.4 on it wants a Redis, of which nothing is said.",
     "fastgpt")  # fmt: skip
line("compose.invalid", "refused-later", "restart: always\n    ports: #", "restrat: always\n    ports: #",
     "Mistyped a key while all was running. Nothing happens until the next up, which is refused.")  # fmt: skip
line("postgres.pgvector", "missing", "ankane/pgvector:v0.5.0", "postgres:16",
     "Took the plain PostgreSQL, since it is the official one. It has no vectors, and FastGPT cannot start.",
     "pg")  # fmt: skip
line("mysql.auth-plugin", "removed", "mysql:8.0.36", "mysql:8.4.0",
     "Raised MySQL to 8.4, which does not know the option any more that stands in the same file.", "mysql")  # fmt: skip
line("docker.default-secrets", "as-shipped", "TOKEN_KEY=practice-token-5d02", "TOKEN_KEY=any",
     "Left the key that upstream's file is published with, so that everybody can sign FastGPT's tokens.",
     "fastgpt")  # fmt: skip
line("docker.bind-directory", "directory", "      - ./config.json:/app/data/config.json",
     "      - ./config.json:/app/data/config.json\n      - ./branding.json:/app/branding.json",
     "Mounted a file that was never put there: Docker has made an empty directory of its name.", "fastgpt")  # fmt: skip
line("fastgpt.gateway-shadowed", "shadowed", "- OPENAI_BASE_URL=http://oneapi:3000/v1",
     "- ONEAPI_URL=http://oneapi:3000/v1\n      - OPENAI_BASE_URL=https://api.openai.com/v1",
     "Wanted OpenAI's own models and wrote its address beside ONEAPI_URL of an older file, which goes on to win.",
     "fastgpt")  # fmt: skip
line("docker.unpinned", "unpinned", "mongo:5.0.18", "mongo:latest",
     "Wrote latest for MongoDB's tag, to be up to date: the next pull takes another major release.",
     "mongo")  # fmt: skip


def otherwise(check: str, name: str, story: str, act: Break) -> None:
    """One other edit in an orderly stack."""

    def told(hands: Hands) -> None:
        act(hands)

    told.__doc__ = story
    APART[check] = {name: Scenario(check, name, told)}


def in_librechat(hands: Hands, old: str, new: str, service: str) -> None:
    hands.edit(COMPOSE, old, new)
    hands.compose(stacks.LIBRECHAT, "up", "-d", service)


def published_secret(hands: Hands) -> None:
    scenarios.set_variables(hands, JWT_SECRET="16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef")
    hands.compose(stacks.LIBRECHAT, "up", "-d")
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", "api")


def one_comma(hands: Hands) -> None:
    hands.edit(f"{stacks.FASTGPT}/config.json", '"maxToken": 1800 }]', '"maxToken": 1800 }],')
    hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "--force-recreate", "fastgpt")


PORTS = "    container_name: chat-mongodb\n"
otherwise("docker.exposed-databases", "no-password",
      "Published LibreChat's MongoDB to look into it with a desktop program. It asks nobody for a password.",
      lambda hands: in_librechat(hands, PORTS, f"{PORTS}    ports:\n      - 27018:27017\n", "mongodb"))  # fmt: skip
otherwise("librechat.env", "listens-inside",
      "Set HOST to localhost, so that only the proxy gets in; inside the container that shuts the proxy out as well.",
      lambda hands: in_librechat(hands, "- HOST=0.0.0.0", "- HOST=localhost", "api"))  # fmt: skip
otherwise("librechat.default-secrets", "reachable",
      "Copied JWT_SECRET out of LibreChat's example file, with which everybody can sign in as anybody.",
      published_secret)  # fmt: skip
otherwise("fastgpt.config", "not-json",
      "Added a comma at the end of a list in config.json, which releases before v4.8.4 do not read.",
      one_comma)  # fmt: skip
otherwise("docker.daemon-json", "invalid-json",
      "Put an option into daemon.json with a comma behind it. Docker runs on, and does not start the next time.",
      lambda hands: hands.tree.put(kernel.FILE, b'{"log-driver": "json-file",}'))  # fmt: skip
