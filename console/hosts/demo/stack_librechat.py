"""The project ``librechat`` as its operator has it: LibreChat v0.7.2 with an override of his own."""

from __future__ import annotations

from .tree import Tree

FOLDER = "/srv/librechat"
OVERRIDE = f"{FOLDER}/docker-compose.override.yml"
CONFIG = f"{FOLDER}/librechat.yaml"
OPERATOR = 1000
"""User and group of the files, and of the api container through UID and GID."""

COMPOSE = """\
# Leave this file as it is, changes belong into docker-compose.override.yml
services:
  api:
    container_name: LibreChat
    ports:
      - "${PORT}:${PORT}"
    depends_on:
      - mongodb
      - rag_api
    image: ghcr.io/danny-avila/librechat-dev:v0.7.2
    restart: always
    user: "${UID}:${GID}"
    environment:
      - HOST=0.0.0.0
      - MONGO_URI=mongodb://mongodb:27017/LibreChat
      - MEILI_HOST=http://meilisearch:7700
      - RAG_PORT=${RAG_PORT:-8000}
      - RAG_API_URL=http://rag_api:${RAG_PORT:-8000}
    volumes:
      - type: bind
        source: ./.env
        target: /app/.env
      - ./images:/app/client/public/images
      - ./logs:/app/api/logs
  mongodb:
    container_name: chat-mongodb
    image: mongo:7.0.9
    restart: always
    user: "${UID}:${GID}"
    volumes:
      - ./data-node:/data/db
    command: mongod --noauth
  meilisearch:
    container_name: chat-meilisearch
    image: getmeili/meilisearch:v1.7.3
    restart: always
    user: "${UID}:${GID}"
    environment:
      - MEILI_NO_ANALYTICS=true
      - MEILI_MASTER_KEY=${MEILI_MASTER_KEY}
    volumes:
      - ./meili_data_v1.7:/meili_data
  vectordb:
    container_name: vectordb
    image: ankane/pgvector:v0.5.1
    environment:
      POSTGRES_DB: mydatabase
      POSTGRES_USER: myuser
      POSTGRES_PASSWORD: mypassword
    restart: always
    volumes:
      - pgdata2:/var/lib/postgresql/data
  rag_api:
    container_name: rag_api
    image: ghcr.io/danny-avila/librechat-rag-api-dev-lite:v0.3.0
    environment:
      - DB_HOST=vectordb
      - RAG_PORT=${RAG_PORT:-8000}
    restart: always
    depends_on:
      - vectordb
    env_file:
      - .env

volumes:
  pgdata2:
"""

OVERRIDE_WITHOUT_MOUNT = """\
# our own settings, kept apart from the upstream file
services:
  api:
    environment:
      - DEBUG_LOGGING=true   # remove once the login trouble is solved

  # the search index needs a bit more room
  meilisearch:
    environment:
      - MEILI_MAX_INDEXING_MEMORY=2Gb
"""

OVERRIDE_WITH_MOUNT = OVERRIDE_WITHOUT_MOUNT.replace(
    "solved\n",
    "solved\n    volumes:\n      - ./librechat.yaml:/app/librechat.yaml   # our model servers\n",
)

ENV = """\
HOST=localhost
PORT=3080
UID=1000
GID=1000
MONGO_URI=mongodb://127.0.0.1:27017/LibreChat
DOMAIN_CLIENT=https://chat.example.org
DOMAIN_SERVER=https://chat.example.org
ENDPOINTS=custom
JWT_SECRET=practice-0c1d6d1e2f7a4b58a1b2c3d4e5f60718
JWT_REFRESH_SECRET=practice-eaa5191f28bc4f2eb1a0b9c8d7e6f504
CREDS_KEY=practice-f34be427ebb29de8d88c107a71546019
CREDS_IV=practice-e2341419ec3dd3d1
MEILI_MASTER_KEY=practice-DrhYf7zENyR6AlUCKmnz0eYA
OPENAI_API_KEY=user_provided
"""

LIBRECHAT_YAML = """\
version: 1.0.9
cache: true
endpoints:
  custom:
    - name: "vLLM"
      apiKey: "not-needed"
      baseURL: "http://192.0.2.10:8001/v1"
      models:
        default: ["qwen1.5-14b-chat"]
        fetch: true
      titleConvo: true
      modelDisplayLabel: "通义千问"
    - name: "Ollama"
      apiKey: "ollama"
      baseURL: "http://192.0.2.10:11434/v1/"
      models:
        default: ["qwen2:7b"]
        fetch: true
"""

EXAMPLE_YAML = """\
# Example of the configuration file; copy it to librechat.yaml
version: 1.0.9
cache: true
endpoints:
  custom:
    - name: "Mistral"
      apiKey: "${MISTRAL_API_KEY}"
      baseURL: "https://api.mistral.ai/v1"
      models:
        default: ["mistral-tiny", "mistral-small"]
        fetch: true
"""


def lay_out(tree: Tree) -> None:
    """Write the project's files, all in order."""
    plain = {
        f"{FOLDER}/docker-compose.yml": COMPOSE, OVERRIDE: OVERRIDE_WITH_MOUNT, CONFIG: LIBRECHAT_YAML,
        f"{FOLDER}/librechat.example.yaml": EXAMPLE_YAML,
    }  # fmt: skip
    for path, text in plain.items():
        tree.put(path, text.encode(), uid=OPERATOR, gid=OPERATOR)
    tree.put(f"{FOLDER}/.env", ENV.encode(), mode=0o600, uid=OPERATOR, gid=OPERATOR)
    for folder in ("images", "logs", "data-node", "meili_data_v1.7"):
        tree.mkdir(f"{FOLDER}/{folder}", uid=OPERATOR, gid=OPERATOR)
