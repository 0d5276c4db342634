"""What goes wrong with graphics cards: in a project of its own, ``lab``, where somebody tries things out."""

from __future__ import annotations

import contextlib

from .. import HostError
from . import cards
from .scenario import Hands, scenario

FOLDER = "/srv/lab"
COMPOSE = f"{FOLDER}/docker-compose.yml"
TEI = "ghcr.io/huggingface/text-embeddings-inference:1.2"
UNKNOWN_ERROR = "Failed to initialize NVML: Unknown Error"


@scenario("gpu.driver", "gpu-lost")
def lost_card(hands: Hands) -> None:
    """Put an old card into the machine on a riser from the drawer. It worked for an evening.

    Then it fell off the bus under load; the other cards go on as if nothing had happened.
    """
    hands.world.cards.add(lost=True)


@scenario("gpu.toolkit", "cdi-off")
def through_cdi(hands: Hands) -> None:
    """Took the compose file of a newer guide, which asks for the GPU through CDI.

    In this Docker CDI is off: the container is created and never starts, and its log is empty.
    """
    request = ["driver: cdi", "device_ids: [nvidia.com/gpu=all]", "capabilities: [gpu]"]
    with contextlib.suppress(HostError):
        _add(hands, "xinference", "xprobe/xinference:v0.11.0", request)


@scenario("gpu.toolkit", "device-unknown")
def no_such_card(hands: Hands) -> None:
    """Copied device_ids: ['9'] from the compose file of a machine with ten cards; this one has two."""
    with contextlib.suppress(HostError):
        _add(hands, "xinference", "xprobe/xinference:v0.11.0", _named(9))


@scenario("gpu.lost-in-container", "lost")
def lost_rules(hands: Hands) -> None:
    """Changed a systemd unit and ran `systemctl daemon-reload`, as its comment says.

    systemd wrote the device rules of the reranker's container anew, without the NVIDIA devices of which it does not
    know. What is open stays open; the next thing that asks for the GPU gets "Unknown Error".
    """
    _forgotten(hands)
    found = hands.world.find("lab-rerank")
    found.say(hands.world.now(), UNKNOWN_ERROR)


@scenario("gpu.lost-in-container", "predictable")
def forgotten_rules(hands: Hands) -> None:
    """Runs a toolkit that adds the devices behind systemd's back, and has not reloaded any units yet."""
    _forgotten(hands)


def _forgotten(hands: Hands) -> None:
    _add(hands, "rerank", TEI, _named(1), port="8084:80", more=(_serves("BAAI/bge-reranker-base"),))
    found = hands.world.find("lab-rerank")
    hands.tree.put(cards.DROP_IN.format(id=found.id), cards.RULES.encode())


@scenario("gpu.shared-device", "count")
def crowded(hands: Hands) -> None:
    """Bought one more card, and wrote count: 1 for both embedding servers, so that each has one.

    count: 1 is the first card, for both of them; the new one idles.
    """
    hands.world.cards.add()
    _add(hands, "embed-zh", TEI, _counted(), port="8082:80", more=(_serves("BAAI/bge-small-zh-v1.5"),))
    _add(hands, "embed-en", TEI, _counted(), port="8083:80", more=(_serves("BAAI/bge-small-en-v1.5"),))


@scenario("gpu.memory-full", "squeezed")
def squeezed(hands: Hands) -> None:
    """Gave a second Ollama and a SGLang a new card together, as 24 GB should do for two models of 7 B.

    Ollama keeps its model loaded; SGLang, started later, does not get the rest that it wants, and ends.
    """
    card = hands.world.cards.add()
    _add(hands, "ollama", "ollama/ollama:0.1.38", _named(card), port="11440:11434", volume="ollama:/models")
    _add(hands, "sglang", "lmsysorg/sglang:v0.2.13-cu121", _named(card), port="30000:30000")


@scenario("gpu.orphan", "left-behind")
def orphan(hands: Hands) -> None:
    """Removed a vLLM that hung with `docker rm -f`. Its container is gone, one of its workers is not.

    It holds memory of the second card, and no list of containers shows it.
    """
    _leave(hands, 1, memory=1_180)


def _leave(hands: Hands, card: int, *, memory: int) -> None:
    world = hands.world
    world.cards.left.append(cards.Left(world.new_pid(), ("VLLM::Worker_TP0",), card, memory, world.now() - 7000))


@scenario("host.sizing", "limit")
def little_memory(hands: Hands) -> None:
    """Set mem_limit: 1g on the reranker, lest it take the machine's memory from the databases.

    The model is read into main memory before it goes anywhere else, and the guide reckons with 4 GB for it.
    """
    _add(
        hands, "reranker", "registry.cn-hangzhou.aliyuncs.com/fastgpt/bge-rerank-base:v0.1", (),
        more=("command: python app.py", "mem_limit: 1g", "environment:", "  - ACCESS_TOKEN=practice-rerank-61d0c4"),
    )  # fmt: skip


def _counted() -> list[str]:
    return ["driver: nvidia", "count: 1", "capabilities: [gpu]"]


def _named(card: int) -> list[str]:
    return ["driver: nvidia", f'device_ids: ["{card}"]', "capabilities: [gpu]"]


def _serves(model: str) -> str:
    return f"command: --model-id {model}"


def _add(
    hands: Hands, service: str, image: str, request: list[str] | tuple[str, ...], *, port: str = "", volume: str = "",
    more: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """One more service in the lab's compose file, brought up. HostError when that fails."""
    lines = [f"  {service}:", f"    image: {image}", f"    container_name: lab-{service}", *(f"    {x}" for x in more)]
    lines += ["    ports:", f"      - {port}"] if port else []
    lines += ["    volumes:", f"      - {volume}"] if volume else []
    if request:
        first, *rest = request
        lines += ["    deploy:", "      resources:", "        reservations:", "          devices:"]
        lines += [f"            - {first}", *(f"              {line}" for line in rest)]
    node = hands.tree.get(COMPOSE)
    before = node.content.decode() if node is not None else "volumes:\n  ollama:\nservices:\n"
    hands.tree.put(COMPOSE, (before + "\n".join(lines) + "\n").encode())
    hands.compose(FOLDER, "up", "-d", "--no-deps", service)
