"""Which role an image, a command, a name plays, and what only looks like it."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace
from stackops.console.model import Container, EnvVar, Role
from stackops.console.products.registry import DESCRIPTORS
from stackops.console.products.roles import role_of, role_of_program
from stackops.console.products.services import role_of_container

BOOTSTRAP = (
    "bash",
    "-c",
    'openssl rand -base64 12 > /data/mongodb.key\nexec docker-entrypoint.sh "$@" &\nuntil mongo -u a; do sleep 2; done',
)

BY_IMAGE = [
    ("fastgpt", "ghcr.io/labring/fastgpt:v4.9.14"),
    ("fastgpt", "registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt:v4.8.20"),
    ("oneapi", "justsong/one-api:latest"),
    ("oneapi", "registry.cn-hangzhou.aliyuncs.com/fastgpt/one-api:v0.6.6"),
    ("oneapi", "calciumion/new-api"),
    ("aiproxy", "ghcr.io/labring/aiproxy:v0.1.7"),
    ("aiproxy", "ghcr.io/labring/sealos-aiproxy-service:latest"),
    ("librechat", "ghcr.io/danny-avila/librechat-dev:latest"),
    ("librechat", "registry.librechat.ai/danny-avila/librechat-dev-api:latest"),
    ("librechat", "librechat"),
    ("mongo", "mongo:5.0.18"),
    ("mongo", "localhost:5000/mirror/mongo@sha256:" + "a" * 64),
    ("mongo", "bitnami/mongodb:7"),
    ("postgres", "pgvector/pgvector:0.8.0-pg15"),
    ("postgres", "ankane/pgvector"),
    ("postgres", "postgres:16-alpine"),
    ("mysql", "mysql:8.0.36"),
    ("mysql", "mariadb"),
    ("redis", "redis:7.2-alpine"),
    ("redis", "valkey/valkey:8"),
    ("meilisearch", "getmeili/meilisearch:v1.12.3"),
    ("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest"),
    ("ollama", "ollama/ollama:rocm"),
    ("model_server", "stawky/m3e-large-api:latest"),
    ("model_server", "registry.cn-hangzhou.aliyuncs.com/coldsnap/baichuan2-7b-chat.openai-api:v1"),
    ("model_server", "registry.cn-hangzhou.aliyuncs.com/fastgpt/bge-rerank-base:v0.1"),
    ("model_server", "coldsnap/bge-reranker-base:v1"),
    ("model_server", "xprobe/xinference:latest"),
    ("model_server", "vllm/vllm-openai:v0.6.0"),
    ("model_server", "lmsysorg/sglang:latest"),
    ("model_server", "ghcr.io/huggingface/text-generation-inference:2.4"),
    ("model_server", "ghcr.io/huggingface/text-embeddings-inference:cpu-1.5"),
    ("model_server", "ghcr.io/ggml-org/llama.cpp:server-cuda"),
    ("model_server", "localai/localai:latest-gpu-nvidia-cuda-12"),
    ("model_server", "michaelf34/infinity:0.0.70"),
    ("open_webui", "ghcr.io/open-webui/open-webui:main"),
    ("open_webui", "ghcr.io/ollama-webui/ollama-webui:main"),
    ("milvus", "milvusdb/milvus:v2.4.3"),
    ("minio", "minio/minio:RELEASE.2025-09-07T16-13-09Z"),
    ("nginx", "nginx:1.27.0-alpine"),
    ("model_server", "ghcr.io/berriai/litellm:main-latest"),
    ("model_server", "alpindale/aphrodite-openai:latest"),
    ("model_server", "koboldai/koboldcpp:latest"),
    ("model_server", "ghcr.io/speaches-ai/speaches:latest-cuda"),
    ("model_server", "fedirz/faster-whisper-server:latest-cpu"),
    ("model_server", "ghcr.io/mostlygeek/llama-swap:cuda"),
    ("model_server", "atinoda/text-generation-webui:default-nvidia"),
    ("model_server", "openmmlab/lmdeploy:v0.7"),
    ("model_server", "maximhq/bifrost:v1.2"),
    ("vector_db", "qdrant/qdrant:v1.13"),
    ("vector_db", "cr.weaviate.io/semitechnologies/weaviate:1.27.0"),
    ("vector_db", "chromadb/chroma:0.6.3"),
    ("vector_db", "registry.cn-hangzhou.aliyuncs.com/fastgpt/oceanbase-ce:4.3"),
    ("vector_db", "oceanbase/seekdb:1"),
    ("search", "docker.elastic.co/elasticsearch/elasticsearch:8.12.0"),
    ("search", "opensearchproject/opensearch:2"),
    ("database", "clickhouse/clickhouse-server:24.8"),
    ("database", "quay.io/coreos/etcd:v3.5.5"),
    ("sandbox", "ghcr.io/labring/fastgpt-sandbox:v4.9.14"),
    ("sandbox", "langgenius/dify-sandbox:0.2.10"),
    ("app", "langgenius/dify-api:1.1.3"),
    ("app", "langgenius/dify-web:1.1.3"),
    ("app", "infiniflow/ragflow:v0.17.2"),
    ("app", "mintplexlabs/anythingllm:latest"),
    ("app", "docker.n8n.io/n8nio/n8n"),
    ("app", "searxng/searxng:latest"),
    ("app", "registry.librechat.ai/clickhouse/librechat-admin-panel:latest"),
]


@pytest.mark.parametrize(("role", "image"), BY_IMAGE)
def test_the_last_part_of_the_image_tells_the_role(role: str, image: str) -> None:
    assert role_of(image) == role


def test_every_role_has_an_image_here() -> None:
    assert (
        {role for role, _ in BY_IMAGE}
        == {one.role for one in DESCRIPTORS} - {"unknown"}
        == {*get_args(Role)} - {"unknown"}
    )


@pytest.mark.parametrize(
    "image",
    [
        "mongo-express", "percona/mongodb_exporter:0.40", "bitnami/mongodb-exporter", "prom/mysqld-exporter",
        "prometheuscommunity/postgres-exporter", "oliver006/redis_exporter", "rediscommander/redis-commander:latest",
        "redis/redisinsight", "dpage/pgadmin4", "phpmyadmin", "adminer", "nginx/nginx-prometheus-exporter",
        "zilliz/attu:v2.4", "minio/mc", "quay.io/minio/console", "tianon/true",
        "ghcr.io/labring/fastgpt-mcp_server:v4.9.14", "ghcr.io/labring/fastgpt-plugin:v1.0.3", "qdrant-backup",
        "prometheuscommunity/elasticsearch-exporter:v1.7", "ollama-exporter", "mongo/backup-agent",
        "tiredofit/db-backup", "fluent/fluentd", "sha256:" + "c" * 64, "", "mymongo", "notredis", "fastgptx",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_service_is_unknown(image: str) -> None:
    assert role_of(image) == "unknown"


@pytest.mark.parametrize("name", ["chat-mongodb", "mongo", "redis", "LibreChat"])
@pytest.mark.parametrize("image", ["tianon/true", "mongo-express:1", "bitnami/redis-exporter"])
def test_a_name_does_not_make_a_service_of_what_stands_beside_one(image: str, name: str) -> None:
    assert role_of(image, (), name) == "unknown"


@pytest.mark.parametrize(
    ("image", "command", "role"),
    [
        ("mongo:5", ("mongosh", "--eval", "rs.initiate()"), "unknown"),
        ("mongo:5", ("bash", "-c", "sleep 5 && mongosh --host mongo --eval 'rs.initiate()'"), "unknown"),
        ("mongo:5", (*BOOTSTRAP, "mongod", "--keyFile", "/data/mongodb.key"), "mongo"),
        ("mongo:5", BOOTSTRAP, "mongo"),
        ("mongo:5", ("docker-entrypoint.sh", "mongod", "--noauth"), "mongo"),
        ("postgres:16", ("pg_dump", "-h", "pg", "-f", "/backup/x.sql"), "unknown"),
        ("postgres:16", ("docker-entrypoint.sh", "postgres"), "postgres"),
        ("mysql:8", ("mysqldump", "--all-databases"), "unknown"),
        ("mysql:8", ("docker-entrypoint.sh", "--default-authentication-plugin=mysql_native_password"), "mysql"),
        ("redis:7", ("redis-cli", "-h", "redis", "FLUSHALL"), "unknown"),
        ("redis:7", ("docker-entrypoint.sh", "redis-server", "--requirepass", "x"), "redis"),
        ("ollama/ollama", ("/bin/ollama", "serve"), "ollama"),
        ("ollama/ollama", ("/bin/sh", "-c", "ollama pull llama3"), "unknown"),
        ("ollama/ollama", ("/bin/sh", "-c", "ollama serve & sleep 5; ollama pull llama3; wait"), "ollama"),
        ("minio/minio", ("/usr/bin/docker-entrypoint.sh", "server", "/data"), "minio"),
        ("minio/minio", ("/bin/sh", "-c", "mc alias set x; mc mb x/y"), "unknown"),
        ("mongo:6", ("--dbpath", "/data/mongo", "--replSet", "rs0"), "mongo"),
        ("mongo:6", ("mongod", "--dbpath", "/srv/mongodump"), "mongo"),
        ("mongo:6", ("docker-entrypoint.sh", "--dbpath", "/data/mongo"), "mongo"),
        ("mongo:6", ("docker-entrypoint.sh", "mongosh", "--host", "mongod"), "unknown"),
        ("mongo:6", ("sh", "-c", "timeout 30 mongod --dbpath /x/mongo --logpath /var/log/mongosh"), "mongo"),
        ("mongo:6", ("sh", "-c", 'until mongosh --host mongod --eval "rs.status()"; do sleep 1; done'), "unknown"),
        ("mongo:6", ("sh", "-c", "echo it's here; exec mongod --dbpath /mongo"), "mongo"),
        ("mongo:6", ("/usr/local/bin/start.sh", "mongo"), "mongo"),
        ("mongo:5", (*BOOTSTRAP, "script", "mongod", "--replSet", "rs0"), "mongo"),
        ("mongo:5", (*BOOTSTRAP, "mongod", "--replSet", "rs0"), "mongo"),
        ("mongo:5", (*BOOTSTRAP, "--", "--replSet", "rs0"), "mongo"),
        (
            "mongo:5",
            ("bash", "-c", 'docker-entrypoint.sh "${@:1}" & until mongo --eval 1; do :; done', "x", "y"),
            "mongo",
        ),
        ("mysql:8", ("--datadir=/var/lib/mysql", "--log-error=/var/log/mysql"), "mysql"),
        ("postgres:16", ("-c", "config_file=/etc/psql"), "postgres"),
        ("redis:7", ("--dir", "/redis-cli"), "redis"),
        ("redis:7", ("docker-entrypoint.sh", "redis-cli", "-h", "redis", "PING"), "unknown"),
        ("ollama/ollama", ("pull", "llama3"), "unknown"),
    ],
)
def test_a_client_run_out_of_a_servers_image_is_not_the_server(image: str, command: tuple[str, ...], role: str) -> None:
    assert role_of(image, command, "mongo") == role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("LibreChat", "librechat"), ("chat-mongodb", "mongo"), ("aiproxy_pg", "postgres"), ("LibreChat-NGINX", "nginx"),
        ("m3e", "model_server"), ("mongo-1", "unknown"), ("my-librechat", "unknown"),
    ],
)  # fmt: skip
def test_an_image_of_ones_own_is_known_by_an_exact_name(name: str, role: str) -> None:
    assert role_of("registry.example/team/app:3", ("./run",), name) == role


@pytest.mark.parametrize(
    ("command", "variables", "role"),
    [
        (("/start",), ("MONGO_VERSION",), "mongo"),
        (("docker-entrypoint.sh", "--replSet", "rs0"), ("GOSU_VERSION", "MONGO_VERSION"), "mongo"),
        (("/start",), ("PG_MAJOR",), "postgres"),
        (("/start",), ("MYSQL_VERSION",), "mysql"),
        (("sh", "-c", "mongodump --archive | gzip > /backup/x"), ("MONGO_VERSION",), "unknown"),
        (("redis-server",), ("MONGO_VERSION",), "redis"),
        (("/start",), ("NGINX_VERSION",), "unknown"),
        (("/start",), (), "unknown"),
    ],
)
def test_a_database_under_another_name_is_known_by_its_own_variables(
    command: tuple[str, ...], variables: tuple[str, ...], role: str
) -> None:
    assert role_of("team/store:3", command, "store", variables) == role


def test_what_a_compose_file_gives_is_not_the_images() -> None:
    version, path = EnvVar("MONGO_VERSION", "5.0.18"), EnvVar("PATH", "/bin")
    given = Container("0" * 64, "app", "team/app", "running", env=(version, path))
    assert role_of_container(given) == "unknown"
    made = replace(given, env=(path, version))
    assert role_of_container(made) == "mongo"


def test_the_program_beats_the_name() -> None:
    assert role_of("team/app", ("tini", "--", "redis-server"), "mongo") == "redis"


def test_the_image_beats_everything() -> None:
    assert role_of("pgvector/pgvector:0.8.0-pg15", ("mongod",), "redis") == "postgres"


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/usr/bin/mongod --config /etc/mongod.conf", "mongo"),
        ("tini -- mongod", "mongo"),
        ("gosu mongodb mongod", "mongo"),
        ("docker-entrypoint.sh mongod --replSet rs0", "mongo"),
        ("sudo -E env A=B nice -n 5 mongod", "mongo"),
        ("env A=B C=D ollama serve", "ollama"),
        ("/usr/local/bin/ollama serve", "ollama"),
        ("ollama run llama3", None),
        ("ollama runner --model x", None),
        ("npm run backend", "librechat"),
        ("npm run backend:dev", "librechat"),
        ("npm run build", None),
        ("node api/server/index.js", "librechat"),
        ("node --max-old-space-size=4096 /srv/LibreChat/api/server/index.js", "librechat"),
        ("node server/index.js", None),
        ("node /srv/FastGPT/node_modules/.bin/next start", "fastgpt"),
        ("node /srv/fastgpt/projects/app/server.js", "fastgpt"),
        ("node /srv/shop/node_modules/.bin/next start", None),
        ("node /srv/FastGPT/node_modules/.bin/next dev", None),
        ("python3 -m vllm.entrypoints.openai.api_server --model x", "model_server"),
        ("/venv/bin/python /venv/bin/vllm serve Qwen/Qwen2", "model_server"),
        ("/venv/bin/python /venv/bin/lmdeploy serve api_server internlm/internlm2", "model_server"),
        ("/venv/bin/python /venv/bin/lmdeploy convert internlm/internlm2", None),
        ("vllm serve Qwen/Qwen2", "model_server"),
        ("vllm bench", None),
        ("python -m sglang.launch_server --port 30000", "model_server"),
        ("text-generation-launcher --model-id x", "model_server"),
        ("text-embeddings-router --port 80", "model_server"),
        ("xinference-local --host 0.0.0.0", "model_server"),
        ("/opt/llama-server -m x.gguf", "model_server"),
        ("python openai_api.py", "model_server"),
        ("uvicorn openai_api:app --port 8002", "model_server"),
        ("python3 -m uvicorn m3e_api:app", "model_server"),
        ("uvicorn shop.main:app", None),
        ("python manage.py runserver", None),
        ("python -m http.server", None),
        ("nginx: master process nginx -g daemon off;", "nginx"),
        ("docker logs -f mongod", None),
        ("vim /etc/mongod.conf", None),
        ("grep ollama serve", None),
        ("docker run ollama/ollama serve", None),
        ("tail -f /var/log/mongod", None),
        ("bash", None),
        ("", None),
    ],
)
def test_a_program_is_known_by_what_is_started(command: str, role: str | None) -> None:
    assert role_of_program(command.split(" ") if command else []) == role


@pytest.mark.parametrize(
    ("script", "role"),
    [("exec mongod --replSet rs0", "mongo"), ("cd /x && node api/server/index.js", "librechat"), ("echo mongod", None)],
)
def test_a_shells_line_is_looked_into(script: str, role: str | None) -> None:
    assert role_of_program(["sh", "-c", script]) == role


@pytest.mark.parametrize("word", ["[/etc/x]", "\x1b[2J", "あ" * 300, "-" * 5000, "sh -c sh -c sh", "a:b:c@d"])
def test_nothing_foreign_upsets_it(word: str) -> None:
    assert role_of(word, (word, word), word) == "unknown"


FASTCHAT = "fastchat.serve"


@pytest.mark.parametrize(
    "script",
    [
        f"python3 -m {FASTCHAT}.controller & python3 -m {FASTCHAT}.openai_api_server --host 0.0.0.0 --port 8000",
        f"python3 -m {FASTCHAT}.openai_api_server --port 8000 & python3 -m {FASTCHAT}.controller; wait",
        f"set -e\npython -m {FASTCHAT}.vllm_worker > /log 2>&1 &\nsleep infinity",
        "/usr/local/bin/ollama serve & sleep 5; ollama pull qwen2; wait",
    ],
)
def test_a_script_that_starts_several_programs_is_told_by_any_of_them(script: str) -> None:
    role = "ollama" if "ollama" in script else "model_server"
    for command in (("sh", "-c", script), ("/bin/bash", "-lc", script), ("tini", "--", "bash", "-c", script)):
        assert role_of("registry.example.com/team/own:1", command) == role


@pytest.mark.parametrize("script", ["docker logs mongod; sleep 5", "echo ollama serve", "vim mongod.conf & wait"])
def test_a_script_that_only_speaks_of_a_server_is_none(script: str) -> None:
    assert role_of("registry.example.com/team/own:1", ("sh", "-c", script)) == "unknown"
