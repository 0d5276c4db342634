"""What the applications keep their data in, the applications themselves, and what serves them beside models.

fact: the official images' Dockerfiles (MONGO_VERSION, PG_VERSION, PG_MAJOR, MYSQL_VERSION, MARIADB_VERSION,
REDIS_VERSION, VALKEY_VERSION, NGINX_VERSION); pgvector's tags name the extension first: 0.8.0-pg15; mongodb/mongo
src/mongo/util/exit_code.h; labring/FastGPT, compose files of v4.6 to v4.15 (its image starts projects/app/server.js
with node); danny-avila/LibreChat v0.7.2 to v0.8.7, package.json and compose files; the compose files of Dify, RAGFlow,
AnythingLLM, n8n and SearXNG.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...text import N_
from ..descriptor import Descriptor
from ..mongo_uri import PORT

_FOLDER = re.compile(r"(?:^|/)fastgpt(?:[-_][\w.]+)?(?:/|$)", re.IGNORECASE)


def is_fastgpt(script: str, words: Sequence[str]) -> bool:
    """FastGPT's own server, or ``next start``, in a folder of its name."""
    is_next = script.endswith(("/next", "/next.js")) and "start" in words
    return (is_next or script.endswith("projects/app/server.js")) and bool(_FOLDER.search(script))


def is_librechat(script: str, words: Sequence[str]) -> bool:  # noqa: ARG001 - the script alone tells
    """LibreChat's own server."""
    return script == "api/server/index.js" or script.endswith("/api/server/index.js")


_APPS = (
    Descriptor(role="fastgpt", images="fastgpt fastgpt-pro fastgpt-app", names="fastgpt fastgpt-app", node=is_fastgpt),
    Descriptor(
        role="librechat",
        images="librechat librechat-dev librechat-api librechat-dev-api",
        names="librechat librechat-api",
        node=is_librechat,
        npm="backend backend:dev",
    ),
    Descriptor(
        role="rag_api",
        images=(
            "rag_api rag-api librechat-rag-api librechat-rag-api-lite librechat-rag-api-dev librechat-rag-api-dev-lite"
        ),
        names="rag_api rag-api",
    ),
    Descriptor(
        role="open_webui",
        images="open-webui openwebui ollama-webui",
        names="open-webui",
        programs=("open-webui",),
    ),
    Descriptor(
        role="nginx",
        images="nginx nginx-unprivileged openresty",
        names="nginx librechat-nginx",
        programs=("nginx", "openresty"),
        version_variables=("NGINX_VERSION",),
    ),
    Descriptor(
        role="sandbox",
        images="fastgpt-sandbox fastgpt-code-sandbox fastgpt-agent-sandbox dify-sandbox",
        names="fastgpt-sandbox fastgpt-code-sandbox",
    ),
    Descriptor(
        role="app",
        images="dify-api dify-web dify-plugin-daemon ragflow anythingllm n8n searxng librechat-admin-panel",
        names="dify-api dify-web ragflow anythingllm n8n searxng",
    ),
)


EXIT_CODES = {
    2: N_("a bad option, or a key file that is missing while authentication is on"),
    14: N_("mongod met an error it could not go on from; its log says which"),
    48: N_("the port is taken, or the address cannot be bound"),
    51: N_("mongod gave up on a fatal assertion"),
    62: N_(
        "the data folder is of another major version of MongoDB; go back to the old image and step one major at a time"
    ),
    100: N_("mongod met an error that it did not expect, mostly because it cannot use its data folder"),
    132: N_("the processor lacks AVX, which MongoDB 5.0 and later need (on ARM: version 8.2-A)"),
}
_PG_CLIENTS = "psql pg_dump pg_dumpall pg_restore pg_basebackup"
_PG_SERVERS = "postgres docker-entrypoint.sh"
_PG_VERSION = ("PG_VERSION", "PG_MAJOR")

DESCRIPTORS = (
    Descriptor(
        role="mongo",
        images="mongo mongodb mongodb-community-server mongodb-enterprise-server percona-server-mongodb",
        names="mongo mongodb chat-mongodb fastgpt-mongo",
        programs=("mongod", "mongos"),
        clients="mongosh mongo mongodump mongorestore mongoimport mongoexport",
        servers="mongod mongos docker-entrypoint.sh",
        version_variables=("MONGO_VERSION",),
        exit_codes=EXIT_CODES,
        port=PORT,
    ),
    # the first of a role speaks for an image of any other name, and such a one has a tag of its own
    Descriptor(
        role="postgres",
        images="pgvector pgvecto-rs vchord-postgres vchord-suite timescaledb timescaledb-ha paradedb",
        names="pg postgres aiproxy_pg fastgpt-pg fastgpt-aiproxy-pg",
        programs=("postgres", "postmaster"),
        clients=_PG_CLIENTS,
        servers=_PG_SERVERS,
        version_variables=_PG_VERSION,
        tag=r"pg(\d+)",
        # fact: PG_MAJOR in pgvector's Dockerfile at these tags; ankane/pgvector ended with v0.5.1
        tagged=(
            (r"/pgvector:v?0\.[345]\.\d+$|(?:^|/)ankane/pgvector:latest$", "15"),
            (r"/pgvector:v?0\.2\.\d+$", "14"),
        ),
        port=5432,
    ),
    Descriptor(
        role="postgres",
        images="postgres postgresql postgis",
        clients=_PG_CLIENTS,
        servers=_PG_SERVERS,
        version_variables=_PG_VERSION,
        port=5432,
    ),
    Descriptor(
        role="mysql",
        images="mysql mariadb mysql-server percona-server",
        names="mysql",
        programs=("mysqld", "mariadbd"),
        clients="mysql mysqldump mariadb mariadb-dump mysqladmin",
        servers="mysqld mariadbd docker-entrypoint.sh",
        version_variables=("MYSQL_VERSION", "MARIADB_VERSION"),
        port=3306,
    ),
    Descriptor(
        role="redis",
        images="redis redis-stack redis-stack-server valkey keydb dragonfly",
        names="redis fastgpt-redis",
        programs=("redis-server", "valkey-server"),
        clients="redis-cli",
        servers="redis-server docker-entrypoint.sh",
        version_variables=("REDIS_VERSION", "VALKEY_VERSION"),
    ),
    Descriptor(
        role="meilisearch", images="meilisearch", names="meilisearch chat-meilisearch", programs=("meilisearch",)
    ),
    Descriptor(role="milvus", images="milvus", names="milvusstandalone milvus-standalone", programs=("milvus run",)),
    Descriptor(
        role="minio",
        images="minio",
        names="minio fastgpt-minio",
        programs=("minio server",),
        clients="mc",
        servers="server",
    ),
    Descriptor(
        role="vector_db",
        images="qdrant weaviate chroma chromadb oceanbase oceanbase-ce seekdb",
        names="qdrant weaviate chroma chromadb oceanbase seekdb",
        programs=("qdrant", "weaviate", "chroma run", "observer"),
    ),
    Descriptor(
        role="search",
        images="elasticsearch elasticsearch-oss opensearch",
        names="elasticsearch opensearch",
        programs=("elasticsearch", "opensearch"),
    ),
    Descriptor(
        role="database",
        images="clickhouse clickhouse-server etcd",
        names="clickhouse milvusetcd milvus-etcd",
        programs=("clickhouse-server", "clickhouse server", "etcd"),
        clients="etcdctl clickhouse-client",
        servers="etcd clickhouse-server",
    ),
    *_APPS,
)
