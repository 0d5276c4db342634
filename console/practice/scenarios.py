"""What the operator of the practice machine did wrong: one pitfall for each check, as a fresh stack shows them.

Each function acts as the operator did (edits files, recreates or restarts) on a stack that is otherwise in order; its
docstring tells the story. A check added later adds its function here; a test fails as long as it does not.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence

from ..hosts import ComposeProject, Files, HostError
from . import apps, containers, model_servers
from . import files as stacks
from . import kernel as dockerd
from .compose import Compose
from .mongod import MARK, RELEASE
from .network import initiated
from .stand import dice
from .world import World


class Hands:
    """What the operator can do to the stack, with no guard at all."""

    def __init__(self, world: World, files: Files) -> None:
        self.world, self.files, self.tree = world, files, world.tree

    def compose(self, folder: str, *arguments: str, files: Sequence[str] = ()) -> None:
        """``docker compose ARGUMENTS`` in a project's folder. Raises HostError when it fails."""
        project = ComposeProject(folder.rpartition("/")[2], folder, files)
        exit_code, output = Compose(self.world, self.files, project).run(arguments)
        if exit_code:
            raise HostError(f"compose {' '.join(arguments)} in {folder} ended with {exit_code}: {output}")

    def edit(self, path: str, old: str, new: str) -> None:
        """Put other words in place of some in a file that keeps its owner, as an editor that saves by rename does."""
        node = self.tree.get(path)
        if node is None:
            raise HostError(f"{path} does not exist")
        text = node.content.decode().replace(old, new, 1)
        self.tree.put(path, text.encode(), mode=node.mode, uid=node.uid, gid=node.gid)

    def own(self, path: str, text: str) -> None:
        """Write a file as the operator, not as root."""
        self.tree.put(path, text.encode(), uid=stacks.OPERATOR, gid=stacks.OPERATOR)


STAGING, LAB = "/srv/staging", "/srv/lab"
Break = Callable[[Hands], None]
SCENARIOS: dict[str, tuple[str, Break]] = {}
"""Form and act, by the id of the check that must find it."""


def scenario(check: str, form: str) -> Callable[[Break], Break]:
    """Register a function as the pitfall of a check."""

    def register(act: Break) -> Break:
        SCENARIOS[check] = (form, act)
        return act

    return register


@scenario("mongo.keyfile", "too-open")
def too_open(hands: Hands) -> None:
    """Made the key file with ``openssl rand -base64 756 > mongodb.key`` as root and left it at that.

    Mode 0644 and owner root: mongod refuses a key that others may read and exits with 1, and FastGPT waits in vain.
    """
    hands.tree.put(stacks.KEY_FILE, stacks.key(hands.world.seed))
    hands.compose(stacks.FASTGPT, "up", "-d", "--force-recreate", "mongo")


def staging(hands: Hands, command: str = "mongod --replSet rs0") -> None:
    """A second FastGPT beside the first, its mongod started so."""
    text = stacks.text("staging/docker-compose.yml").format(command=command)
    hands.tree.put(f"{STAGING}/docker-compose.yml", text.encode())
    hands.tree.mkdir(f"{STAGING}/data", uid=999, gid=999)
    hands.compose(STAGING, "up", "-d")


def _trial(hands: Hands, tag: str, name: str, more: str = "") -> None:
    text = stacks.text("trial/docker-compose.yml").format(tag=tag, name=name) + more
    hands.tree.put(f"/srv/{name}/docker-compose.yml", text.encode())
    hands.compose(f"/srv/{name}", "up", "-d", "--force-recreate")


@scenario("mongo.replica-set", "never-initiated")
def never_initiated(hands: Hands) -> None:
    """Started a second FastGPT with ``--replSet rs0`` and left out the step that initiates the set.

    mongod waits for its first configuration, and FastGPT's page never loads.
    """
    staging(hands)


@scenario("mongo.shell-missing", "never-ends")
def shell_missing(hands: Hands) -> None:
    """Tried FastGPT's start script with a newer image. Its shell ``mongo`` is gone, and the script waits for ever."""
    _trial(hands, "7.0.9", "trial-newer", stacks.text("trial/script.yml").format(option="--quiet", program="mongo"))


@scenario("mongo.kernel", "refuses")
def kernel(hands: Hands) -> None:
    """Installed the newest kernel and tried MongoDB 8 on it the same day. This build knows it and refuses to start."""
    hands.tree.put(RELEASE, b"6.19.3-061903-generic")
    _trial(hands, "8.0.28", "trial-kernel")


@scenario("mongo.version-files", "other-version")
def version_files(hands: Hands) -> None:
    """Went from image 4.4 to 7.0 at once over one data folder. MongoDB opens files of the version before at most."""
    hands.tree.put(f"/srv/trial-upgrade/data/{MARK}", b"4.4", uid=999, gid=999)
    _trial(hands, "7.0.9", "trial-upgrade")


@scenario("mongo.dead-behind-wrapper", "no-mongod")
def dead_behind_wrapper(hands: Hands) -> None:
    """Gave mongod a cache larger than the machine, under a start script.

    When it had filled the memory the kernel killed it; the script goes on waiting, so that the container still runs.
    """
    with hands.world.ago(3600.0):
        script = stacks.text("trial/script.yml").format(option="--wiredTigerCacheSizeGB 400", program="mongosh")
        _trial(hands, "7.0.9", "trial-greedy", script)


FASTGPT_COMPOSE = f"{stacks.FASTGPT}/docker-compose.yml"
ADDED = "bge-m3"
SECOND, DAY = "second-machine.yml", 86400.0
BEFORE = 300.0
"""Seconds that One API had been running when the channel was added."""


@scenario("oneapi.restart", "stale-channels")
def stale_channels(hands: Hands) -> None:
    """Set SYNC_FREQUENCY to a day, to spare MySQL, and added a channel for bge-m3 five minutes after the restart.

    Its page shows the channel and its test passes, but FastGPT gets 503: the relay keeps its list from the start.
    """
    with hands.world.ago(BEFORE):
        cached = "      - MEMORY_CACHE_ENABLED=true\n"
        hands.edit(FASTGPT_COMPOSE, cached, f"{cached}      - SYNC_FREQUENCY=86400\n")
        hands.compose(stacks.FASTGPT, "up", "-d", "--no-deps", "oneapi")
    rows = json.loads(stacks.ROWS)
    rows.append({"id": len(rows) + 1, "models": [ADDED], "created_time": hands.world.now() - 60.0})
    stacks.channels(hands.tree, stacks.FASTGPT, json.dumps(rows))
    now = hands.world.now()
    hands.world.find("oneapi").say(now, *apps.refusal(now, ADDED, dice("asked", now), "/v1/embeddings"))


CONFIG, OVERRIDE, ENV = (
    f"{stacks.LIBRECHAT}/{name}" for name in ("librechat.yaml", "docker-compose.override.yml", ".env")
)
MOUNT = "    volumes:\n      - ./librechat.yaml:/app/librechat.yaml   # our model servers\n"
LAN = "http://192.0.2.10:3080"
NEW_SECRET = "practice-9b1f6a30c2d94e7f8a55d0c1b2e3f4a5"  # noqa: S105 - of the practice stack


def guide(hands: Hands) -> None:
    """The stack of the deployment guide, in order, its three models on a second machine."""
    with hands.world.ago(DAY):
        stacks.fastgpt(hands.tree, hands.world.seed, stacks.GUIDE, stacks.GUIDE_ROWS)
        hands.tree.put(f"{stacks.GUIDE}/{SECOND}", stacks.text(f"guide/{SECOND}").encode())
        project = ComposeProject("second", stacks.GUIDE, (SECOND,))
        hands.world.elsewhere(stacks.SECOND, Compose(hands.world, hands.files, project).definitions())
    with hands.world.ago(DAY - apps.FIRST_START):
        hands.compose(stacks.GUIDE, "up", "-d")
    initiated(hands.world, "guide-mongo", "mongo:27017")


@scenario("oneapi.channel", "loopback")
def tested_there(hands: Hands) -> None:
    """Built the guide's stack on two machines, tried m3e out on the second one, and copied the address into One API.

    It worked there as localhost. Inside One API's container that is the container, and every embedding gets 500.
    """
    guide(hands)
    stacks.channels(hands.tree, stacks.GUIDE, stacks.GUIDE_ROWS.replace(f"{stacks.SECOND}:6008", "localhost:6008"))


def proxied(hands: Hands) -> None:
    """A FastGPT that keeps its models in MongoDB, with an AI Proxy that has its channels in PostgreSQL, in order."""
    stacks.proxied(hands.tree, hands.world.seed)
    hands.compose(stacks.NEXT, "up", "-d")
    initiated(hands.world, "next-mongo", "mongo:27017")


@scenario("fastgpt.models", "no-proxy-channel")
def switched_on(hands: Hands) -> None:
    """Switched bge-m3 on in the next FastGPT, on its page of models, and made no channel: AI Proxy answers with 404."""
    proxied(hands)
    row = {"model": ADDED, "metadata": {"type": "embedding", "isActive": True}}
    hands.edit(stacks.KEPT_MODELS, "[", f"[{json.dumps(row)},")


@scenario("librechat.config-mount", "not-mounted")
def not_mounted(hands: Hands) -> None:
    """Wrote librechat.yaml beside the compose file and took it for granted that LibreChat reads it.

    The override has other settings but no mount, so the container never sees the file and logs ENOENT.
    """
    hands.own(OVERRIDE, stacks.text("librechat/docker-compose.override.yml").replace(MOUNT, ""))
    hands.own(CONFIG, stacks.text("librechat/librechat.yaml"))
    hands.compose(stacks.LIBRECHAT, "up", "-d")


@scenario("librechat.config-valid", "dropped")
def dropped(hands: Hands) -> None:
    """Wrote ``apikey`` for ``apiKey`` in one of the two endpoints, as a post had it.

    LibreChat accepts the file, leaves that endpoint out, and logs nothing about it.
    """
    hands.edit(CONFIG, 'apiKey: "ollama"', 'apikey: "ollama"')
    hands.compose(stacks.LIBRECHAT, "up", "-d", "--force-recreate", "api")


def set_variables(hands: Hands, **values: str) -> None:
    """Variables in LibreChat's .env."""
    lines = hands.files.read(ENV).decode().splitlines()
    for name, value in values.items():
        lines = [line for line in lines if not line.startswith(f"{name}=")] + [f"{name}={value}"]
    hands.edit(ENV, hands.files.read(ENV).decode(), "\n".join(lines) + "\n")


def restarted(hands: Hands, **values: str) -> None:
    """The same, and then a restart, which is not enough for all of them."""
    set_variables(hands, **values)
    hands.compose(stacks.LIBRECHAT, "restart", "api")


def mirrors(hands: Hands, listed: str) -> None:
    """The file with this list, and the reload that the post goes on to ask for."""
    text = stacks.text("daemon.json").replace('["https://docker.1ms.run"]', listed)
    hands.tree.put(dockerd.FILE, text.encode())
    dockerd.read(hands.world)


@scenario("gpu.driver", "gpu-lost")
def lost_card(hands: Hands) -> None:
    """Put an old card in on a riser from the drawer. It worked for an evening, then fell off the bus under load."""
    hands.world.cards.add(lost=True)


@scenario("gpu.toolkit", "cdi-off")
def through_cdi(hands: Hands) -> None:
    """Took the compose file of a newer guide, which asks for the GPU through CDI.

    In this Docker CDI is off: the container is created and never starts, and its log is empty.
    """
    with contextlib.suppress(HostError):
        added(hands, LAB, "xinference")


@scenario("gpu.lost-in-container", "lost")
def lost_rules(hands: Hands) -> None:
    """Changed a systemd unit and ran `systemctl daemon-reload`, as its comment says.

    systemd wrote the device rules of the reranker's container anew, without the NVIDIA devices of which it does not
    know. What is open stays open; the next thing that asks for the GPU gets "Unknown Error".
    """
    forgotten(hands)
    hands.world.find("lab-rerank").say(hands.world.now(), "Failed to initialize NVML: Unknown Error")


def forgotten(hands: Hands) -> None:
    """A reranker, of whose card systemd does not know."""
    added(hands, LAB, "rerank")
    found = hands.world.find("lab-rerank")
    hands.tree.put(containers.DROP_IN.format(id=found.id), containers.RULES.encode())


@scenario("gpu.shared-device", "count")
def crowded(hands: Hands) -> None:
    """Bought one more card, and wrote count: 1 for both embedding servers, so that each has one.

    count: 1 is the first card, for both of them; the new one idles.
    """
    hands.world.cards.add()
    for service in ("embed-zh", "embed-en"):
        added(hands, LAB, service)


@scenario("gpu.memory-full", "squeezed")
def squeezed(hands: Hands) -> None:
    """Gave a second Ollama and a SGLang a new card together, as 24 GB should do for two models of 7 B.

    Ollama keeps its model loaded; SGLang, started later, does not get the rest that it wants, and ends.
    """
    card = hands.world.cards.add()
    for service in ("ollama", "sglang"):
        added(hands, LAB, service, card)


def added(hands: Hands, folder: str, service: str, card: int | None = None) -> None:
    """One more service in a project's compose file, brought up. HostError when that fails."""
    project, path, end = folder.rpartition("/")[2], f"{folder}/docker-compose.yml", "\nvolumes:\n  ollama:\n"
    if hands.tree.get(path) is None:
        hands.tree.put(path, stacks.text(f"{project}/docker-compose.yml").encode())
    text = stacks.text(f"{project}/added/{service}.yml").replace("CARD", str(card))
    hands.edit(path, end, text + end)
    hands.compose(folder, "up", "-d", "--no-deps", service)


@scenario("server.wrong-key", "misspelt")
def misspelt_key(hands: Hands) -> None:
    """Tidied the compose file of the model servers up, and wrote m3e's variable as all the others are: SK_KEY.

    m3e-large-api reads sk-key and nothing else. It came up as before; only everybody's requests get 401 now.
    """
    hands.edit(
        f"{stacks.MODELS}/docker-compose.yml",
        "- sk-key=${M3E_TOKEN}",
        "- SK_KEY=${M3E_TOKEN}   # capitals, like the others",
    )
    hands.compose(stacks.MODELS, "up", "-d", "--no-deps", "m3e")


def staged(hands: Hands, line: str) -> None:
    """One more line in the environment of the second FastGPT."""
    path, before = f"{STAGING}/docker-compose.yml", "      - MONGODB_URI=mongodb://mongo:27017/fastgpt\n"
    if hands.tree.get(path) is None:
        staging(hands)
    hands.edit(path, before, f"{before}      - {line}\n")
    hands.compose(STAGING, "up", "-d", "--no-deps", "fastgpt")


SIMPLE: tuple[tuple[str, str, Break, str], ...] = (
    ("librechat.cookie", "production", lambda hands: restarted(hands, DOMAIN_CLIENT=LAN, DOMAIN_SERVER=LAN),
     """Switched the proxy with the expired certificate off, and put the plain address of the LAN into .env. v0.7.2
     marks the session cookie Secure all the same, and everybody is back at the login after a reload."""),
    ("librechat.not-applied", "stale-values", lambda hands: restarted(hands, JWT_SECRET=NEW_SECRET),
     """Made a new JWT_SECRET, and restarted LibreChat with ``docker restart``. rag_api got the old one when it was made
     and keeps it: it answers every upload with 401."""),
    ("docker.registry-mirrors", "hangs",
     lambda hands: mirrors(hands, '["https://docker.nju.edu.cn", "https://dockerproxy.com"]'),
     """Copied the mirrors of a post of 2024 into daemon.json. One of them accepts connections and never answers, which
     costs 15 seconds at every pull; the other is gone."""),
    ("gpu.orphan", "left-behind", lambda hands: hands.world.cards.left.append(containers.LeftProcess(
        hands.world.new_pid(), ("VLLM::Worker_TP0",), 1, 1_180, hands.world.now() - 7000)),
     """Removed a vLLM that hung with `docker rm -f`. Its container is gone, one of its workers is not.
     It holds memory of the second card, and no list of containers shows it."""),
    ("mongo.cpu", "no-avx",
     lambda hands: _trial(hands, "5.0.18", "trial-old-cpu", "    environment:\n      - QEMU_CPU=Nehalem\n"),
     """Ran a mongod through an emulator set to an old processor, to see whether an old box would do.
     MongoDB 5.0 wants AVX and dies of an illegal instruction."""),
    ("mongo.bind-ip", "option", lambda hands: _trial(hands, "6.0.14", "trial-bound", stacks.text("trial/bound.yml")),
     """Bound a MongoDB for trials to 127.0.0.1, as the manual advises for a server, and published its port.
     Inside the container that is the container itself: whoever comes by the port is turned away."""),
    ("docker.log-growth", "grown", lambda hands: hands.world.grow_log("vllm", 3 << 30),
     """Set no max-size for any log. vLLM has written its figures every ten seconds since, and every prompt with them:
     3 GiB lie in one file of the Engine, and the disk that it shares with the databases fills."""),
    ("host.sizing", "limit", lambda hands: added(hands, LAB, "reranker"),
     """Set mem_limit: 1g on the reranker, lest it take the machine's memory from the databases. The model is read into
     main memory before it goes anywhere else, and the guide reckons with 4 GB for it."""),
    ("container.needed", "stopped", lambda hands: hands.compose(stacks.LIBRECHAT, "stop", "vectordb"),
     "Stopped the vector database of LibreChat to copy its volume, and went home. rag_api asks for it in vain."),
    ("server.crash-num-workers", "crashing", lambda hands: added(hands, stacks.MODELS, "m3e-guide"),
     """Added the guide's own m3e, second generation, for its wider vectors, with the lines of its compose file.
     NUM_WORKERS=1 stands there, and in the image as well; with it the server dies at its start, every minute."""),
    ("server.ignored-quantize", "fp16", lambda hands: added(hands, stacks.MODELS, "chatglm"),
     """Added ChatGLM2 with QUANTIZE_BIT=4, since the guide's table says that it then needs 6 GB.
     The script never understands the variable: the model holds more than twice of that."""),
    ("server.default-key", "exposed", lambda hands: added(hands, stacks.MODELS, "reranker"),
     """Added a reranker as the tutorial has it, with ACCESS_TOKEN=ACCESS_TOKEN, and published its port to try it out.
     Whoever reaches this machine can use it, and the key stands in every tutorial."""),
    ("ollama.bind", "container", lambda hands: added(hands, stacks.MODELS, "ollama-next"),
     """Added an Ollama to try a new release out, with OLLAMA_HOST=127.0.0.1 so that nobody else could use it.
     Inside a container that is the container itself: its own port leads nowhere."""),
    ("ollama.host-gateway", "missing", lambda hands: added(hands, stacks.MODELS, "open-webui"),
     """Added Open WebUI with the address of a tutorial that was written on Docker Desktop: host.docker.internal.
     On Linux no container knows that name by itself, and no model ever shows up in its list."""),
    ("wiring.quotes", "value", lambda hands: staged(hands, 'CHAT_API_KEY="sk-staging"'),
     "Put quotes round a key of the second FastGPT, as a shell wants them. In a list they are part of the value."),
    ("wiring.address", "itself", lambda hands: staged(hands, "OPENAI_BASE_URL=http://localhost:3001/v1"),
     "Gave it the address of One API that works in the browser: inside the container localhost is the container."),
    ("wiring.unset", "empty", lambda hands: staged(hands, "TOKEN_KEY=${STAGING_TOKEN_KEY}"),
     "Moved its token into a variable, and never wrote the variable into .env. Compose fills in nothing for it."),
)  # fmt: skip
"""One more service, one more line or one command, each: check, form, act, and what the operator did."""
for _check, _form, _act, _story in SIMPLE:
    _act.__doc__ = _story
    SCENARIOS[_check] = (_form, _act)


@scenario("ollama.on-cpu", "lost")
def lost_gpu(hands: Hands) -> None:
    """Gave embeddings an Ollama of their own; then edited a systemd unit and ran `systemctl daemon-reload`.

    The reload took the GPU from the container. Ollama loaded its model again, on the CPU, without a word.
    """
    added(hands, stacks.MODELS, "ollama-embed")
    hands.world.find("ollama-embed").memory[model_servers.NO_GPU] = True
