"""The images of the practice stack and the programs in them, by the last part of the image's name.

A check that needs another image, or another habit of one of these, adds a Program. Nothing here looks at a container.
"""

from __future__ import annotations

from . import accelerated, chatter, guide, librechat, mongod, mongod_ends, oneapi, serving
from .stand import Appetite, OnGpu, Program

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
    listed=mongod_ends.listed,
)  # fmt: skip
POSTGRES = Program(
    command=("postgres",), entrypoint=("docker-entrypoint.sh",),
    env=(*PATH, ("PG_MAJOR", "15"), ("PG_VERSION", "15.4")), exposed=("5432/tcp",), size=412,
    appetite=Appetite(0.015, 140, 3_000, 5_000, 1_000, 16_000, 11), pace=300, start=chatter.postgres_start,
    chat=chatter.postgres_chat,
)  # fmt: skip
LIBRECHAT = Program(
    command=("npm", "run", "backend"), entrypoint=("docker-entrypoint.sh",), user="node", working_dir="/app",
    env=(*PATH, ("NODE_VERSION", "18.20.2"), ("HOST", ANYWHERE)), exposed=("3080/tcp",), size=1480,
    appetite=Appetite(0.03, 290, 6_000, 12_000, 0, 3_000, 23), pace=45, start=librechat.start, chat=librechat.chat,
    processes=(("npm run backend",), ("node", "api/server/index.js")),
)  # fmt: skip
FASTGPT = Program(
    command=("node", "--max-old-space-size=4096", "server.js"), entrypoint=("docker-entrypoint.sh",), user="nextjs",
    working_dir="/app", env=(*PATH, ("NODE_ENV", "production"), ("PORT", "3000")), exposed=("3000/tcp",), size=358,
    appetite=Appetite(0.05, 420, 14_000, 30_000, 0, 1_000, 22), start=chatter.fastgpt_start, chat=chatter.fastgpt_chat,
    pace=12,
)  # fmt: skip
ONEAPI = Program(
    entrypoint=("/one-api",), working_dir="/data", env=PATH, exposed=("3000/tcp",), size=70,
    appetite=Appetite(0.01, 38, 9_000, 9_500, 0, 500, 13), start=oneapi.start, chat=oneapi.chat, pace=6,
    serve=oneapi.serve,
)  # fmt: skip
OLLAMA = Program(
    command=("serve",), entrypoint=("/bin/ollama",),
    env=(*PATH, ("OLLAMA_HOST", ANYWHERE), ("NVIDIA_VISIBLE_DEVICES", "all")), exposed=("11434/tcp",), size=1870,
    appetite=Appetite(0.9, 1_650, 5_000, 11_000, 30_000, 0, 41), chat=chatter.ollama_chat, pace=8,
    start=serving.ollama_start, listed=serving.ollama_listed,
    on_gpu=(OnGpu(0, 5_842, serving.RUNNER), OnGpu(0, 566, serving.SPARE_RUNNER)), serve=serving.ollama,
)  # fmt: skip
VLLM_SERVER = Program(
    command=VLLM[3:], entrypoint=VLLM[:3], working_dir="/vllm-workspace", env=PATH, exposed=("8000/tcp",), size=8_930,
    appetite=Appetite(1.1, 5_300, 8_000, 16_000, 0, 0, 187), chat=chatter.vllm_chat, pace=10,
    on_gpu=(OnGpu(1, 21_694, VLLM),), serve=serving.vllm,
)  # fmt: skip
M3E = Program(
    command=EMBEDDING, working_dir="/app", env=PATH, exposed=("6008/tcp",), size=6_100,
    appetite=Appetite(0.15, 2_050, 7_000, 22_000, 0, 0, 38), chat=chatter.m3e_chat, pace=7,
    on_gpu=(OnGpu(0, 1_728, EMBEDDING),), serve=serving.m3e,
)  # fmt: skip
GUIDE_M3E = ("python", "openai_api.py")
CHATGLM = ("python", "openai_api.py", "--model", "chatglm2-6b")
GUIDE_M3E_SERVER = Program(
    command=GUIDE_M3E, working_dir="/app", env=(*PATH, *guide.BAKED), exposed=("8002/tcp",), size=5_400,
    appetite=Appetite(0.1, 1_900, 900, 2_000, 0, 0, 21), on_gpu=(OnGpu(0, 1_690, GUIDE_M3E),),
    start=guide.second_start, serve=guide.m3e,
)  # fmt: skip
CHATGLM_SERVER = Program(
    command=CHATGLM, working_dir="/app", env=PATH, exposed=("8001/tcp",), size=14_800,
    appetite=Appetite(0.2, 4_100, 900, 3_000, 0, 0, 33), on_gpu=(OnGpu(0, 12_610, CHATGLM),),
    start=guide.first_start, serve=guide.chatglm,
)  # fmt: skip
RERANKER = Program(
    command=("python", "app.py"), working_dir="/app", env=PATH, exposed=("6006/tcp",), size=4_900,
    appetite=Appetite(0.1, 1_400, 700, 900, 0, 0, 19), start=guide.first_start, serve=guide.reranker,
)  # fmt: skip
WEBUI = Program(
    command=("bash", "start.sh"), working_dir="/app/backend", env=PATH, exposed=("8080/tcp",), size=1_610,
    appetite=Appetite(0.02, 480, 2_000, 4_000, 0, 900, 17), chat=chatter.webui_chat, pace=20,
)  # fmt: skip
MYSQL = Program(
    command=("mysqld",), entrypoint=("docker-entrypoint.sh",), env=PATH, exposed=("3306/tcp", "33060/tcp"), size=575,
    appetite=Appetite(0.012, 455, 2_000, 2_500, 500, 9_000, 39), start=oneapi.mysql_start,
)  # fmt: skip
MEILI = Program(
    command=("/bin/sh", "-c", "/bin/meilisearch"), entrypoint=("tini", "--"), working_dir="/meili_data", env=PATH,
    exposed=("7700/tcp",), size=132, appetite=Appetite(0.008, 95, 500, 900, 0, 2_000, 18), chat=chatter.meili_chat,
    pace=25,
)  # fmt: skip
RAG = Program(
    command=("python", "main.py"), working_dir="/app", env=PATH, exposed=("8000/tcp",), size=1_240,
    appetite=Appetite(0.01, 240, 700, 900, 0, 0, 9), chat=chatter.rag_chat, pace=30,
)  # fmt: skip
HOSTILE = Program(
    command=("sh", "-c", "while :; do sleep 60; done # [/etc/x] \x1b[31m"),
    env=(*PATH, ("BANNER", "\x1b]52;c;cm0=\x07[/etc/x]")), size=4, appetite=Appetite(0.0005, 1, 0, 0, 0, 0, 2),
    start=chatter.hostile_start, chat=chatter.hostile_chat, pace=12,
)  # fmt: skip

PROGRAMS = {
    "mongo": MONGO, "pgvector": POSTGRES, "librechat-dev": LIBRECHAT, "librechat": LIBRECHAT, "fastgpt": FASTGPT,
    "one-api": ONEAPI, "ollama": OLLAMA, "vllm-openai": VLLM_SERVER, "m3e-large-api": M3E, "mysql": MYSQL,
    "m3e-large.openai-api": GUIDE_M3E_SERVER, "chatglm2-6b.openai-api": CHATGLM_SERVER, "bge-rerank-base": RERANKER,
    "open-webui": WEBUI, "meilisearch": MEILI, "librechat-rag-api-dev-lite": RAG, "scratchpad": HOSTILE,
    **accelerated.PROGRAMS,
}  # fmt: skip
