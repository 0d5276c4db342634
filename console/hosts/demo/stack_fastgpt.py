"""The project ``fastgpt`` as its operator has it: FastGPT with One API, set up after a blog post."""

from __future__ import annotations

from .tree import Tree
from .walks import dice

FOLDER = "/srv/fastgpt"
KEY_FILE = f"{FOLDER}/mongodb.key"
KEY_OWNER = 999
"""fact: user mongodb of the official image."""
MYSQL_DATA = f"{FOLDER}/mysql"
TABLESPACE = "ibdata1"
"""What MySQL makes first of all; where it is missing the folder is initialised."""
CHANNELS = f"{MYSQL_DATA}/oneapi/channels.ibd"
"""One API's channels, as the stand-ins keep them."""
ROWS = '[{"id": 1, "models": ["qwen1.5-14b-chat"], "created_time": 0}, {"id": 2, "models": ["m3e"], "created_time": 0}]'

COMPOSE = """\
# FastGPT + One API. Change the passwords before the first start, later they are ignored.
version: "3.3"
services:
  pg:
    image: ankane/pgvector:v0.5.0
    container_name: pg
    restart: always
    ports: # not needed outside, only for debugging
      - 5432:5432
    environment:
      - POSTGRES_USER=username
      - POSTGRES_PASSWORD=${PG_PASSWORD}
      - POSTGRES_DB=postgres
    volumes:
      - ./pg/data:/var/lib/postgresql/data
  mongo:
    image: mongo:5.0.18
    container_name: mongo
    ports:
      - 27017:27017
    command: mongod --keyFile /data/mongodb.key --replSet rs0
    environment:
      # only used on the very first start
      - MONGO_INITDB_ROOT_USERNAME=myname
      - MONGO_INITDB_ROOT_PASSWORD=${MONGO_PASSWORD}
    volumes:
      - ./mongo/data:/data/db
      - ./mongodb.key:/data/mongodb.key
  fastgpt:
    container_name: fastgpt
    image: ghcr.io/labring/fastgpt:v4.7
    ports:
      - 3000:3000
    depends_on:
      - mongo
      - pg
    restart: always
    environment:
      - DEFAULT_ROOT_PSW=${ROOT_PASSWORD}
      - OPENAI_BASE_URL=http://oneapi:3000/v1
      - CHAT_API_KEY=sk-fastgpt
      - TOKEN_KEY=any
      - ROOT_KEY=root_key
      - FILE_TOKEN_KEY=filetoken
      - MONGODB_URI=mongodb://myname:${MONGO_PASSWORD}@mongo:27017/fastgpt?authSource=admin
      - PG_URL=postgresql://username:${PG_PASSWORD}@pg:5432/postgres
    volumes:
      - ./config.json:/app/data/config.json
  mysql:
    image: mysql:8.0.36
    container_name: mysql
    restart: always
    ports:
      - 3306:3306
    command: --default-authentication-plugin=mysql_native_password
    environment:
      MYSQL_ROOT_PASSWORD: ${MYSQL_PASSWORD}
      MYSQL_DATABASE: oneapi
    volumes:
      - ./mysql:/var/lib/mysql
  oneapi:
    container_name: oneapi
    image: ghcr.io/songquanpeng/one-api:v0.6.6
    ports:
      - 3001:3000
    depends_on:
      - mysql
    restart: always
    environment:
      - SQL_DSN=root:${MYSQL_PASSWORD}@tcp(mysql:3306)/oneapi
      - SESSION_SECRET=oneapikey
      - MEMORY_CACHE_ENABLED=true
      - INITIAL_ROOT_TOKEN=fastgpt
      # 演示 [/etc/x]
      - THEME=default
    volumes:
      - ./oneapi:/data
"""

ENV = """\
PG_PASSWORD=practice-pg-4f1c
MONGO_PASSWORD=practice-mongo-9b27
MYSQL_PASSWORD=practice-mysql-77aa
ROOT_PASSWORD=practice-root-1234
"""

CONFIG = """\
{
  "systemEnv": { "vectorMaxProcess": 15, "qaMaxProcess": 15, "pgHNSWEfSearch": 100 },
  "llmModels": [
    {
      "model": "qwen1.5-14b-chat", "name": "Qwen 14B (vLLM)", "maxContext": 8000, "maxResponse": 4000,
      "datasetProcess": true, "usedInClassify": true, "usedInExtractFields": true, "usedInToolCall": true,
      "usedInQueryExtension": true
    }
  ],
  "vectorModels": [{ "model": "m3e", "name": "M3E", "defaultToken": 500, "maxToken": 1800 }]
}
"""


def lay_out(tree: Tree, seed: str) -> None:
    """Write the project's files, all in order."""
    tree.put(f"{FOLDER}/docker-compose.yml", COMPOSE.encode())
    tree.put(f"{FOLDER}/.env", ENV.encode(), mode=0o600)
    tree.put(f"{FOLDER}/config.json", CONFIG.encode())
    tree.put(KEY_FILE, key(seed), mode=0o400, uid=KEY_OWNER, gid=KEY_OWNER)
    tree.mkdir(f"{FOLDER}/mongo/data", uid=KEY_OWNER, gid=KEY_OWNER)
    tree.put(f"{FOLDER}/mongo/data/WiredTiger", b"WiredTiger\n", mode=0o600, uid=KEY_OWNER, gid=KEY_OWNER)
    for folder in ("pg/data", "mysql"):
        tree.mkdir(f"{FOLDER}/{folder}", mode=0o700, uid=KEY_OWNER)
    tree.put(f"{MYSQL_DATA}/{TABLESPACE}", b"", mode=0o640, uid=KEY_OWNER)
    tree.put(CHANNELS, ROWS.encode(), mode=0o640, uid=KEY_OWNER)
    tree.mkdir(f"{FOLDER}/oneapi")


def key(seed: str) -> bytes:
    """What ``openssl rand -base64 756`` writes; the same seed gives the same key."""
    import base64

    return base64.encodebytes(dice(seed, "mongodb.key").randbytes(756)).replace(b"\n", b"")[:1008] + b"\n"
