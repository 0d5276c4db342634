"""LibreChat v0.8.2 with MongoDB, Meilisearch, rag_api, its vectordb and Ollama: each arrow cut, told once, mended."""

from __future__ import annotations

import os
from typing import ClassVar

from support.corpus import CORPUS
from support.cut_stack import CutStack
from support.cuts import Cut, CutTests, Given, Parted, Written, stopped

MORE = {"ollama": {"image": "ollama/ollama:0.3.12", "restart": "always"}}
MOUNT = {"type": "bind", "source": "./librechat.yaml", "target": "/app/librechat.yaml"}
ADDED = {"api": {"image": "ghcr.io/danny-avila/librechat-dev:v0.8.2", "volumes": [MOUNT]}}
DOTENV = (
    "\nDOMAIN_CLIENT=https://chat.example.org\nDOMAIN_SERVER=https://chat.example.org\nUID=1000\nGID=1000\n"
    f"JWT_SECRET={'a1' * 32}\nJWT_REFRESH_SECRET={'b2' * 32}\nCREDS_KEY={'c3' * 32}\nCREDS_IV={'d4' * 16}\n"
    f"MEILI_MASTER_KEY={'m4' * 20}\nEMBEDDINGS_PROVIDER=ollama\nOLLAMA_BASE_URL=http://ollama:11434\n"
)
CONFIG = """version: 1.3.3
endpoints:
  custom:
    - name: Ollama
      apiKey: ollama
      baseURL: http://ollama:11434/v1
      models:
        default: ["gemma:7b"]
        fetch: true
"""


def mongo(at: str, options: str = "") -> Given:
    return Given("api", {"MONGO_URI": f"mongodb://{at}/LibreChat{options}"})


def meili(url: str) -> Given:
    return Given("api", {"MEILI_HOST": url})


def rag(url: str) -> Given:
    return Given("api", {"RAG_API_URL": url})


def vectors(**env: str) -> Given:
    return Given("rag_api", env)


def endpoint(url: str) -> Written:
    return Written("api", "librechat.yaml", "http://ollama:11434/v1", url)


ELSEWHERE = "api looks for MongoDB where mongodb is not"
CUTS = (
    # api -> mongodb
    Cut("mongodb: another host", mongo("mongo:27017"), "api -> mongo:27017", "name", [ELSEWHERE]),
    Cut("mongodb: another port", mongo("mongodb:27018"), "api -> mongodb:27018", "port", [ELSEWHERE], fixed=True),
    Cut("mongodb: loopback", mongo("127.0.0.1:27017"), "api -> 127.0.0.1:27017", "port", [ELSEWHERE]),
    Cut("mongodb: TLS", mongo("mongodb:27017", "?tls=true"), "api -> mongodb:27017", "protocol",
        ["api and mongodb do not agree on TLS at mongodb:27017"]),
    Cut("mongodb: stopped", stopped("mongodb"), "api -> mongodb:27017", "name",
        ["mongodb is stopped, and api needs it"]),
    Cut("mongodb: no network", Parted("mongodb"), "api -> mongodb:27017", "name",
        ["api cannot reach MongoDB: api and mongodb share no network"]),
    # api -> meilisearch
    Cut("meilisearch: another host", meili("http://meili:7700"), "api -> meili:7700", "name",
        ["api looks for meilisearch under a name that nobody has: MEILI_HOST says meili"]),
    Cut("meilisearch: another port", meili("http://meilisearch:7701"), "api -> meilisearch:7701", "port",
        ["api asks meilisearch at port 7701, where it does not listen: MEILI_HOST says meilisearch:7701"]),
    Cut("meilisearch: https", meili("https://meilisearch:7700"), "api -> meilisearch:7700", "protocol",
        ["api and meilisearch do not agree on TLS at meilisearch:7700"]),
    Cut("meilisearch: stopped", stopped("meilisearch"), "api -> meilisearch:7700", "name",
        ["meilisearch is stopped, and api needs it"]),
    # api -> rag_api
    Cut("rag_api: another host", rag("http://rag:8000"), "api -> rag:8000", "name",
        ["api looks for rag_api under a name that nobody has: RAG_API_URL says rag"]),
    Cut("rag_api: another port", rag("http://rag_api:8001"), "api -> rag_api:8001", "port",
        ["api asks rag_api at port 8001, where it does not listen: RAG_API_URL says rag_api:8001"]),
    Cut("rag_api: loopback", rag("http://localhost:8000"), "api -> localhost:8000", "port",
        ["api looks for rag_api at itself: RAG_API_URL says localhost"]),
    Cut("rag_api: stopped", stopped("rag_api"), "api -> rag_api:8000", "name",
        ["rag_api is stopped, and api needs it"], fixed=True),
    # rag_api -> vectordb and Ollama
    Cut("vectordb: another password", vectors(POSTGRES_PASSWORD="other"), "rag_api -> vectordb:5432", "login",
        ["rag_api is refused by vectordb: another user or password than it was made with"]),
    Cut("vectordb: another database", vectors(POSTGRES_DB="other"), "rag_api -> vectordb:5432", "database",
        ["vectordb has no database other, which rag_api asks for"]),
    Cut("vectordb: stopped", stopped("vectordb"), "rag_api -> vectordb:5432", "name",
        ["vectordb is stopped, and rag_api needs it"]),
    Cut("vectordb: no network", Parted("vectordb"), "rag_api -> vectordb:5432", "name",
        ["rag_api cannot reach PostgreSQL: rag_api and vectordb share no network"]),
    Cut("embeddings: another host", vectors(OLLAMA_BASE_URL="http://olama:11434"), "rag_api -> olama:11434", "name",
        ["rag_api looks for Ollama under a name that nobody has: OLLAMA_BASE_URL says olama"]),
    Cut("embeddings: the machine's name", vectors(OLLAMA_BASE_URL="http://host.docker.internal:11434"),
        "rag_api -> host.docker.internal:11434", "name",
        ["rag_api asks for host.docker.internal, which it cannot resolve"]),
    # api and rag_api -> Ollama
    Cut("ollama: no network", Parted("ollama"), "rag_api -> ollama:11434", "name",
        ["api and rag_api cannot reach Ollama: ollama is in no network of theirs"]),
    Cut("ollama: stopped", stopped("ollama"), "api -> ollama:11434", "name",
        ["ollama is stopped, and api and rag_api need it"], fixed=True),
    # api's endpoint in librechat.yaml -> Ollama
    Cut("endpoint: another host", endpoint("http://olama:11434/v1"), "api -> olama:11434", "name",
        ["api looks for endpoint Ollama under a name that nobody has: baseURL in librechat.yaml:6 says olama"]),
    Cut("endpoint: another port", endpoint("http://ollama:11435/v1"), "api -> ollama:11435", "port",
        ["api asks ollama at port 11435, where it does not listen: baseURL in librechat.yaml:6 says ollama:11435"]),
    Cut("endpoint: loopback", endpoint("http://localhost:11434/v1"), "api -> localhost:11434", "port",
        ["api looks for endpoint Ollama at itself: baseURL in librechat.yaml:6 says localhost"]),
    Cut("endpoint: the machine, where nobody listens", endpoint("http://host.docker.internal:11434/v1"),
        "api -> host.docker.internal:11434", "port",
        ["api cannot reach Ollama: nobody listens at host.docker.internal:11434",
         'Nobody listens at host:11434 of this machine, where librechat.yaml, endpoint "Ollama" looks']),
)  # fmt: skip


class TestCuts(CutTests):
    release = "librechat/v0.8.2"
    more = MORE
    added = ADDED
    paths: ClassVar = {"endpoint Ollama gemma:7b": "ok"}
    whole: ClassVar = {
        "api": ("mongodb:27017", "meilisearch:7700", "rag_api:8000", "ollama:11434"),
        "rag_api": ("vectordb:5432", "ollama:11434"),
    }
    cuts = CUTS

    @classmethod
    def files(cls) -> dict[str, str]:
        example = (CORPUS / cls.release / ".env.example").read_text(encoding="utf-8")
        return {".env": example + DOTENV, "librechat.yaml": CONFIG}

    @classmethod
    def prepare(cls, stack: CutStack) -> None:
        for name in ("data-node", "images", "logs", "uploads", "meili_data_v1.12"):  # Docker would make them root's
            stack.path(name).mkdir()
            os.chown(stack.path(name), 1000, 1000)
