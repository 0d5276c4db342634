"""The images of the practice stack and the programs in them, by the last part of the image's name.

A check that needs another image, or another habit of one of these, adds a Program. Nothing here looks at a container.
"""

from __future__ import annotations

import random

from . import apps, model_servers, mongod
from .model_servers import BAKED, CHAT, EMBEDDINGS, FIRST_KEY, PUBLIC_KEY, first_start, guide, second_start
from .stand import Appetite, Fate, OnGpu, Program, Stand, stamp

GIN_TIME, UTC_TIME = "%Y/%m/%d - %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"
HOSTILE_WORDS = (
    "模型加载完成 ✓ 日本語 한국어 \x1b[5mblink", "[/etc/x]", "\x1b]0;title\x07\rover the line", "漢" * 300,
    "Traceback [bold red on white]x[/]: \ud800",
)  # fmt: skip


def fastgpt_start(_stand: Stand) -> Fate:
    """fact: up to v4.8.13 nothing happens before the first request."""
    return Fate(("  ▲ Next.js 13.5.2", "  - Local:        http://localhost:3000", " ✓ Ready in 412ms"))


def fastgpt_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """fact: up to v4.8.6 each request tries the database again; mongoose buffers 10 s, then gives up."""
    at = stamp(stand.now)
    if "mongo" in stand.peers:
        words = ("mongo connected", "pg connected", "completions running time: 2.317s", "Vector search: 43ms")
        return (f"[INFO] {at} {dice.choice(words)}",)
    what = dice.choice(("users.findOne()", "auth_codes.findOne()", "users.findOne()"))
    return (
        f"[INFO] {at} mongo start connect",
        "error-> mongo connect error MongooseServerSelectionError: getaddrinfo ENOTFOUND mongo",
        f"MongooseError: Operation `{what}` buffering timed out after 10000ms",
    )


def postgres_start(stand: Stand) -> Fate:
    """Up and ready."""
    words = ('listening on IPv4 address "0.0.0.0", port 5432', "database system is ready to accept connections")
    return Fate(tuple(f"{stamp(stand.now)}.114 UTC [1] LOG:  {word}" for word in words))


def postgres_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A checkpoint."""
    done = f"wrote {dice.randint(2, 400)} buffers (0.{dice.randint(0, 9)}%)"
    return (f"{stamp(stand.now)}.{dice.randint(100, 999)} UTC [27] LOG:  checkpoint complete: {done}",)


def meili_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A request to the search index."""
    request = f'172.19.0.5 "GET /indexes/messages HTTP/1.1" 200 {dice.randint(100, 900)}'
    return (f"[{stamp(stand.now, UTC_TIME)} INFO  actix_web::middleware::logger] {request}",)


def rag_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """LibreChat asks whether it is well."""
    at = f"{stamp(stand.now)},{dice.randint(100, 999)}"
    return (f"{at} - root - INFO - Request GET http://rag_api:8000/health - 200",)


def ollama_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A completion."""
    where = '     172.18.0.5 | POST     "/v1/chat/completions"'
    return (f"[GIN] {stamp(stand.now, GIN_TIME)} | 200 | {dice.uniform(0.4, 7.0):10.6f}s | {where}",)


def vllm_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """The line of figures it logs every ten seconds."""
    prompt, generation = dice.uniform(0, 900), dice.uniform(0, 80)
    pace = f"prompt throughput: {prompt:.1f} tokens/s, Avg generation throughput: {generation:.1f} tokens/s"
    queue = f"Running: {dice.randint(0, 4)} reqs, Swapped: 0 reqs, Pending: 0 reqs"
    cache = f"GPU KV cache usage: {dice.uniform(0, 60):.1f}%, CPU KV cache usage: 0.0%"
    return (f"INFO {stamp(stand.now, '%m-%d %H:%M:%S')} metrics.py:229] Avg {pace}, {queue}, {cache}",)


def m3e_chat(_stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """An embedding."""
    return (f'INFO:     172.18.0.5:{dice.randint(32000, 60000)} - "POST /v1/embeddings HTTP/1.1" 200 OK',)


def webui_chat(stand: Stand, _dice: random.Random) -> tuple[str, ...]:
    """Open WebUI asks its Ollama for models. fact: without the extra host the name does not exist on Linux."""
    wanted, known = stand.env("OLLAMA_BASE_URL") or "", dict(e.split(":", 1) for e in stand.definition.extra_hosts)
    host = wanted.partition("://")[2].partition(":")[0]
    if host not in known and host not in stand.peers:
        why = f"Cannot connect to host {host}:11434 ssl:default [Name or service not known]"
        return (f"ERROR [open_webui.apps.ollama.main] Connection error: {why}",)
    return ("INFO [open_webui.apps.ollama.main] get_all_models()",)


def hostile_start(_stand: Stand) -> Fate:
    """Everything a log line should not do to a terminal."""
    markup = "[/etc/x] [bold red]not markup[/] [link=file:///etc/passwd]click[/link]"
    return Fate((markup, "\x1b]52;c;cm0gLXJmIC8=\x07\x1b[2J\x1b[31mred\x1b[0m \x9b31m \u202egnp.exe\u202c"))


def hostile_chat(_stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """More of it."""
    return (dice.choice(HOSTILE_WORDS),)


PATH = (("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),)
ANYWHERE = "0.0.0.0"  # noqa: S104 - the images' own default, nothing listens here
VLLM = ("python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "Qwen/Qwen1.5-14B-Chat-AWQ")
EMBEDDING = ("uvicorn", "localembedding:app", "--host", ANYWHERE, "--port", "6008")


def of(image: str) -> Program:
    """The program in an image; a quiet one where the image is not known."""
    return PROGRAMS.get(image.rpartition("/")[2].partition("@")[0].partition(":")[0], Program(env=PATH))


MONGO = Program(
    command=("mongod",), entrypoint=("docker-entrypoint.sh",),
    env=PATH, exposed=("27017/tcp",), size=663,
    appetite=Appetite(0.02, 310, 4_000, 9_000, 2_000, 24_000, 58), pace=9, start=mongod.start, chat=mongod.chat,
    listed=mongod.listed,
)  # fmt: skip
POSTGRES = Program(
    command=("postgres",), entrypoint=("docker-entrypoint.sh",),
    env=(*PATH, ("PG_MAJOR", "15"), ("PG_VERSION", "15.4")), exposed=("5432/tcp",), size=412,
    appetite=Appetite(0.015, 140, 3_000, 5_000, 1_000, 16_000, 11), pace=300, start=postgres_start,
    chat=postgres_chat,
)  # fmt: skip
LIBRECHAT = Program(
    command=("npm", "run", "backend"), entrypoint=("docker-entrypoint.sh",), user="node", working_dir="/app",
    env=(*PATH, ("NODE_VERSION", "18.20.2"), ("HOST", ANYWHERE)), exposed=("3080/tcp",), size=1480,
    appetite=Appetite(0.03, 290, 6_000, 12_000, 0, 3_000, 23), pace=45,
    start=apps.librechat_start, chat=apps.librechat_chat,
    processes=(("npm run backend",), ("node", "api/server/index.js")),
)  # fmt: skip
FASTGPT = Program(
    command=("node", "--max-old-space-size=4096", "server.js"), entrypoint=("docker-entrypoint.sh",), user="nextjs",
    working_dir="/app", env=(*PATH, ("NODE_ENV", "production"), ("PORT", "3000")), exposed=("3000/tcp",), size=358,
    appetite=Appetite(0.05, 420, 14_000, 30_000, 0, 1_000, 22), start=fastgpt_start, chat=fastgpt_chat,
    pace=12,
)  # fmt: skip
ONEAPI = Program(
    entrypoint=("/one-api",), working_dir="/data", env=PATH, exposed=("3000/tcp",), size=70,
    appetite=Appetite(0.01, 38, 9_000, 9_500, 0, 500, 13), start=apps.oneapi_start, chat=apps.oneapi_chat, pace=6,
    serve=apps.serve,
)  # fmt: skip
OLLAMA = Program(
    command=("serve",), entrypoint=("/bin/ollama",),
    env=(*PATH, ("OLLAMA_HOST", ANYWHERE), ("NVIDIA_VISIBLE_DEVICES", "all")), exposed=("11434/tcp",), size=1870,
    appetite=Appetite(0.9, 1_650, 5_000, 11_000, 30_000, 0, 41), chat=ollama_chat, pace=8,
    start=model_servers.ollama_start, listed=model_servers.ollama_listed,
    on_gpu=(OnGpu(0, 5_842, model_servers.RUNNER), OnGpu(0, 566, model_servers.SPARE_RUNNER)),
    serve=model_servers.ollama,
)  # fmt: skip
VLLM_SERVER = Program(
    command=VLLM[3:], entrypoint=VLLM[:3], working_dir="/vllm-workspace", env=PATH, exposed=("8000/tcp",), size=8_930,
    appetite=Appetite(1.1, 5_300, 8_000, 16_000, 0, 0, 187), chat=vllm_chat, pace=10,
    on_gpu=(OnGpu(1, 21_694, VLLM),), serve=model_servers.vllm,
)  # fmt: skip
M3E = Program(
    command=EMBEDDING, working_dir="/app", env=PATH, exposed=("6008/tcp",), size=6_100,
    appetite=Appetite(0.15, 2_050, 7_000, 22_000, 0, 0, 38), chat=m3e_chat, pace=7,
    on_gpu=(OnGpu(0, 1_728, EMBEDDING),), serve=guide((EMBEDDINGS,), "sk-key", FIRST_KEY),
)  # fmt: skip
GUIDE_M3E = ("python", "openai_api.py")
CHATGLM = ("python", "openai_api.py", "--model", "chatglm2-6b")
GUIDE_M3E_SERVER = Program(
    command=GUIDE_M3E, working_dir="/app", env=(*PATH, *BAKED), exposed=("8002/tcp",), size=5_400,
    appetite=Appetite(0.1, 1_900, 900, 2_000, 0, 0, 21), on_gpu=(OnGpu(0, 1_690, GUIDE_M3E),),
    start=second_start, serve=guide((EMBEDDINGS,), "SK_KEY", PUBLIC_KEY),
)  # fmt: skip
CHATGLM_SERVER = Program(
    command=CHATGLM, working_dir="/app", env=PATH, exposed=("8001/tcp",), size=14_800,
    appetite=Appetite(0.2, 4_100, 900, 3_000, 0, 0, 33), on_gpu=(OnGpu(0, 12_610, CHATGLM),),
    start=first_start, serve=guide((CHAT, EMBEDDINGS), "SK-KEY", FIRST_KEY),
)  # fmt: skip
RERANKER = Program(
    command=("python", "app.py"), working_dir="/app", env=PATH, exposed=("6006/tcp",), size=4_900,
    appetite=Appetite(0.1, 1_400, 700, 900, 0, 0, 19), start=first_start,
    serve=guide(("/v1/rerank",), "ACCESS_TOKEN", "ACCESS_TOKEN"),
)  # fmt: skip
WEBUI = Program(
    command=("bash", "start.sh"), working_dir="/app/backend", env=PATH, exposed=("8080/tcp",), size=1_610,
    appetite=Appetite(0.02, 480, 2_000, 4_000, 0, 900, 17), chat=webui_chat, pace=20,
)  # fmt: skip
MYSQL = Program(
    command=("mysqld",), entrypoint=("docker-entrypoint.sh",), env=PATH, exposed=("3306/tcp", "33060/tcp"), size=575,
    appetite=Appetite(0.012, 455, 2_000, 2_500, 500, 9_000, 39), start=apps.mysql_start,
)  # fmt: skip
MEILI = Program(
    command=("/bin/sh", "-c", "/bin/meilisearch"), entrypoint=("tini", "--"), working_dir="/meili_data", env=PATH,
    exposed=("7700/tcp",), size=132, appetite=Appetite(0.008, 95, 500, 900, 0, 2_000, 18), chat=meili_chat,
    pace=25,
)  # fmt: skip
RAG = Program(
    command=("python", "main.py"), working_dir="/app", env=PATH, exposed=("8000/tcp",), size=1_240,
    appetite=Appetite(0.01, 240, 700, 900, 0, 0, 9), chat=rag_chat, pace=30,
)  # fmt: skip
HOSTILE = Program(
    command=("sh", "-c", "while :; do sleep 60; done # [/etc/x] \x1b[31m"),
    env=(*PATH, ("BANNER", "\x1b]52;c;cm0=\x07[/etc/x]")), size=4, appetite=Appetite(0.0005, 1, 0, 0, 0, 0, 2),
    start=hostile_start, chat=hostile_chat, pace=12,
)  # fmt: skip

PROGRAMS = {
    "mongo": MONGO, "pgvector": POSTGRES, "librechat-dev": LIBRECHAT, "librechat": LIBRECHAT, "fastgpt": FASTGPT,
    "one-api": ONEAPI, "ollama": OLLAMA, "vllm-openai": VLLM_SERVER, "m3e-large-api": M3E, "mysql": MYSQL,
    "m3e-large.openai-api": GUIDE_M3E_SERVER, "chatglm2-6b.openai-api": CHATGLM_SERVER, "bge-rerank-base": RERANKER,
    "open-webui": WEBUI, "meilisearch": MEILI, "librechat-rag-api-dev-lite": RAG, "scratchpad": HOSTILE,
    **model_servers.PROGRAMS,
}  # fmt: skip
