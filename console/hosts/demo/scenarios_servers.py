"""What goes wrong with model servers and Ollama."""

from __future__ import annotations

from . import serving
from . import stack_models as stack
from .scenario import Hands, scenario

COMPOSE = f"{stack.FOLDER}/docker-compose.yml"
GUIDE = "registry.cn-hangzhou.aliyuncs.com/coldsnap"


@scenario("server.wrong-key", "misspelt")
def misspelt_key(hands: Hands) -> None:
    """Tidied the compose file of the model servers up, and wrote m3e's variable as all the others are: SK_KEY.

    m3e-large-api reads sk-key and nothing else. It came up as before; only everybody's requests get 401 now.
    """
    _edit(hands, "      - sk-key=${M3E_TOKEN}\n", "      - SK_KEY=${M3E_TOKEN}   # capitals, like the others\n")
    hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "m3e")


@scenario("server.crash-num-workers", "crashing")
def crash_num_workers(hands: Hands) -> None:
    """Added the guide's own m3e, second generation, for its wider vectors, with the lines of its compose file.

    NUM_WORKERS=1 stands there, and in the image as well; with it the server dies at its start, every minute.
    """
    _add(hands, "m3e-guide", f"{GUIDE}/m3e-large.openai-api:v2", "127.0.0.1:8002:8002",
         ("SK_KEY=${M3E_TOKEN}", "NUM_WORKERS=1"))  # fmt: skip


@scenario("server.ignored-quantize", "fp16")
def ignored_quantize(hands: Hands) -> None:
    """Added ChatGLM2 with QUANTIZE_BIT=4, since the guide's table says that it then needs 6 GB.

    The script never understands the variable: the model holds more than twice of that.
    """
    _add(hands, "chatglm", f"{GUIDE}/chatglm2-6b.openai-api:v1", "127.0.0.1:8003:8001",
         ("SK-KEY=${M3E_TOKEN}", "QUANTIZE_BIT=4"))  # fmt: skip


@scenario("server.default-key", "exposed")
def default_key(hands: Hands) -> None:
    """Added a reranker as the tutorial has it, with ACCESS_TOKEN=ACCESS_TOKEN, and published its port to try it out.

    Whoever reaches this machine can use it, and the key stands in every tutorial.
    """
    _add(hands, "reranker", "registry.cn-hangzhou.aliyuncs.com/fastgpt/bge-rerank-base:v0.1", "6006:6006",
         ("ACCESS_TOKEN=ACCESS_TOKEN",), gpu=False)  # fmt: skip


@scenario("ollama.bind", "container")
def bound_to_loopback(hands: Hands) -> None:
    """Added an Ollama to try a new release out, with OLLAMA_HOST=127.0.0.1 so that nobody else could use it.

    Inside a container that is the container itself: its own port leads nowhere.
    """
    _add(hands, "ollama-next", "ollama/ollama:0.1.38", "127.0.0.1:11435:11434", ("OLLAMA_HOST=127.0.0.1",))


@scenario("ollama.host-gateway", "missing")
def no_host_gateway(hands: Hands) -> None:
    """Added Open WebUI with the address of a tutorial that was written on Docker Desktop: host.docker.internal.

    On Linux no container knows that name by itself, and no model ever shows up in its list.
    """
    _add(hands, "open-webui", "ghcr.io/open-webui/open-webui:v0.3.35", "3005:8080",
         ("OLLAMA_BASE_URL=http://host.docker.internal:11434",), gpu=False)  # fmt: skip


@scenario("ollama.on-cpu", "lost")
def lost_gpu(hands: Hands) -> None:
    """Gave embeddings an Ollama of their own; then edited a systemd unit and ran `systemctl daemon-reload`.

    The reload took the GPU from the container. Ollama loaded its model again, on the CPU, without a word.
    """
    _add(hands, "ollama-embed", "ollama/ollama:0.1.38", "127.0.0.1:11436:11434", ("OLLAMA_MODELS=/models",),
         volume="ollama:/models")  # fmt: skip
    hands.world.find("ollama-embed").memory[serving.NO_GPU] = True


@scenario("ollama.on-cpu", "no-grant")
def no_grant(hands: Hands) -> None:
    """Copied Ollama's service from the README without the lines about GPUs, and recreated it.

    It runs and answers, several times slower than before, while a card beside it is idle.
    """
    _edit(
        hands, "      - ollama:/models\n    deploy: &gpu\n",
        "      - ollama:/models\n  # once in Ollama's service\n  unused:\n    image: ollama/ollama:0.1.38\n"
        "    profiles: [never]\n    deploy: &gpu\n",
    )  # fmt: skip
    hands.compose(stack.FOLDER, "up", "-d", "--no-deps", "ollama")


def _add(
    hands: Hands, name: str, image: str, port: str, environment: tuple[str, ...], *, gpu: bool = True,
    volume: str | None = None,
) -> None:  # fmt: skip
    lines = [
        f"  {name}:", f"    image: {image}", f"    container_name: {name}", "    restart: always", "    ports:",
        f'      - "{port}"', "    environment:", *(f"      - {one}" for one in environment),
        *(["    volumes:", f"      - {volume}"] if volume else []), *(["    deploy: *gpu"] if gpu else []),
    ]  # fmt: skip
    _edit(hands, "\nvolumes:\n  ollama:\n", "".join(f"{line}\n" for line in lines) + "\nvolumes:\n  ollama:\n")
    hands.compose(stack.FOLDER, "up", "-d", "--no-deps", name)


def _edit(hands: Hands, old: str, new: str) -> None:
    node = hands.tree.get(COMPOSE)
    text = node.content.decode() if node else ""
    hands.tree.put(COMPOSE, text.replace(old, new, 1).encode())
