"""Addresses that people wrote, and what ``wiring.address`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import ComposeService, ConfigAddress, ConfigVerdict, EnvVar, NetworkLink, Snapshot, Volume

from examples import Example
from examples.snapshots import file
from examples.wiring.folder import FILE, FOLDER, folder, live, service

FASTGPT, ONEAPI = "ghcr.io/labring/fastgpt:v4.8.23", "justsong/one-api:v0.6.10"
MYSQL = service("mysql", "mysql:8.0.36")
PG = service("pg", "postgres:15")
MONGO = service("mongo", "mongo:5.0.18")
GATEWAY = service("oneapi", ONEAPI, ports=("3001:3000",))
OLLAMA = service("ollama", "ollama/ollama:0.5.7", ports=("11434:11434",))


def app(*env: str, **more: object) -> ComposeService:
    return service("fastgpt", FASTGPT, *env, **more)


def dsn(place: str, **more: object) -> ComposeService:
    return service("oneapi", ONEAPI, f"SQL_DSN=root:pw@tcp({place})/oneapi", **more)


def webui(*env: str, **more: object) -> ComposeService:
    return service("webui", "ghcr.io/open-webui/open-webui:v0.5.4", *env, **more)


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


def fine(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "ok")


def chat(*addresses: ConfigAddress, running: bool = False, **more: object) -> Snapshot:
    """A LibreChat whose librechat.yaml names these, beside Ollama and rag_api."""
    api = service("api", "ghcr.io/danny-avila/librechat:v0.8.4", **more)
    rag = service("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", shared=("PORT=3080",))
    snapshot = (live if running else folder)(api, OLLAMA, rag)
    own = snapshot.containers[0].id if running else None
    verdict = ConfigVerdict(f"{FOLDER}/librechat.yaml", "0.8.4", "image", own, "stack", "api", addresses=addresses)
    return replace(snapshot, config_verdicts=(verdict,))


def at(host: str, port: int = 11434) -> ConfigAddress:
    return ConfigAddress("endpoint Mine", "baseURL", host, port, 7)


def reads(*dotenv: str, env: tuple[str, ...] = ()) -> Snapshot:
    """A LibreChat that reads these of its mounted ``.env``, beside its database and rag_api."""
    mount = Volume("bind", f"{FOLDER}/.env", "/app/.env", declared_in=FILE)
    api = service("api", "ghcr.io/danny-avila/librechat:v0.8.4", *env, volumes=(mount,))
    rag = service("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest")
    given = tuple(EnvVar(*one.split("=", 1)) for one in dotenv)
    return replace(folder(api, MONGO, rag, env=given), files=(file(f"{FOLDER}/.env"),))


def unreadable(*env: str) -> Snapshot:
    """A LibreChat with these in its environment, whose mounted ``.env`` may not be read."""
    made = reads(env=env)
    return replace(made, files=(replace(file(f"{FOLDER}/.env"), kind="unreadable"),))


def called(address: str) -> Snapshot:
    """A One API to be made in a network that is made elsewhere and called otherwise; MySQL runs in it."""
    made = folder(
        dsn(address, networks=("all",)), service("mysql", "mysql:8", networks=("all",), ports=("3307:3306",)),
        foreign_networks=("all",), network_names={"all": "shared-ai"},
    )  # fmt: skip
    (mysql,) = live(service("mysql", "mysql:8", networks=("all",), ports=("3307:3306",))).containers
    return replace(made, containers=(replace(mysql, networks=(NetworkLink("shared-ai", "10.0.0.9", ("mysql",)),)),))


HOST = {"network_mode": "host", "networks": ()}
TO_HOST = "host.docker.internal:host-gateway"
CACHE = ("SQL_DSN=root:pw@tcp(mysql)/oneapi", "REDIS_CONN_STRING=redis://cache")
TO_ONEAPI = "OPENAI_BASE_URL=http://localhost:3001/v1"
FINDS = (
    finds("wrote localhost for One API", "itself", folder(app(TO_ONEAPI), GATEWAY)),
    finds("wrote localhost for One API, and it runs", "itself", live(app(TO_ONEAPI), GATEWAY)),
    finds("left loopback for Ollama in AnythingLLM", "itself", folder(service("anything", "mintplexlabs/anythingllm",
          "OLLAMA_BASE_PATH=http://127.0.0.1:11434"), OLLAMA)),
    finds("left loopback for Ollama in Lobe", "itself", folder(service("lobe", "lobehub/lobe-chat:latest",
          "OLLAMA_PROXY_URL=http://localhost:11434"), OLLAMA)),
    finds("left loopback for LiteLLM's database", "itself", folder(service("litellm", "ghcr.io/berriai/litellm:main",
          "DATABASE_URL=postgresql://u:p@localhost:5432/litellm"), PG)),
    finds("left loopback for the embeddings of rag_api", "itself", folder(service("rag_api",
          "ghcr.io/danny-avila/librechat-rag-api-dev:latest", "EMBEDDINGS_PROVIDER=ollama",
          "OLLAMA_BASE_URL=http://localhost:11434"), OLLAMA)),
    finds("wrote 127.0.0.1 for MongoDB", "itself", folder(app("MONGODB_URI=mongodb://u:p@127.0.0.1:27017/x"), MONGO)),
    finds("renamed the database", "nobody", folder(dsn("db:3306"), service("one-api-mysql", "mysql:8.2.0"))),
    finds("renamed the database, and it runs", "nobody", live(dsn("db:3306"), service("one-api-mysql", "mysql:8.2.0"))),
    finds("renamed redis", "nobody", folder(service("oneapi", ONEAPI, *CACHE, "SYNC_FREQUENCY=60"), MYSQL)),
    finds("put the database into another network", "apart", folder(dsn("mysql:3306"), service("mysql", "mysql:8",
          networks=("back",)))),
    finds("uses the machine's network with Docker's names", "host-network", folder(
          app("MONGODB_URI=mongodb://mongo:27017/x", **HOST), service("mongo", "mongo:5", **HOST))),
    finds("wrote the published port of a MySQL in a network with a name of its own", "port", called("mysql:3307")),
    finds("wrote the published port of MySQL", "port", folder(dsn("mysql:3307"), service("mysql", "mysql:8",
          ports=("3307:3306",)))),
    finds("changed both sides of the port", "port", folder(dsn("mysql:3307"), service("mysql", "mysql:8",
          ports=("3307:3307",)))),
    finds("wrote the published port, and it runs", "port", live(dsn("mysql:3307"), service("mysql", "mysql:8",
          ports=("3307:3306",)))),
    finds("wrote a port that Ollama is not published at", "machine-port", folder(
          webui("OLLAMA_BASE_URLS=http://host.docker.internal:7869", extra_hosts=(TO_HOST,)), OLLAMA)),
    finds("has one wrong of two addresses", "nobody", folder(
          webui("OLLAMA_BASE_URLS=http://ollama:11434;http://olama:11434"), OLLAMA)),
    finds("named a model server in librechat.yaml that is no service", "nobody", chat(at("a.example.org"), at("llm"))),
    finds("named loopback in librechat.yaml, and it runs", "itself", chat(at("127.8.9.1"), running=True)),
    finds("named rag_api at LibreChat's port in librechat.yaml", "port", chat(at("rag_api", 3080))),
    finds("named a service in librechat.yaml under host networking", "host-network", chat(at("ollama"), **HOST)),
    finds("left loopback in the .env that LibreChat reads", "itself", reads("RAG_API_URL=http://localhost:8000")),
    finds("named Redis wrongly in the .env that LibreChat reads", "nobody",
          reads("REDIS_URI=redis://cache:6379", "USE_REDIS=true")),
    finds("took Meilisearch out and left its search on", "nobody",
          reads("SEARCH=true", env=("MEILI_HOST=http://meilisearch:7700",))),
    finds("took Meilisearch out, says SEARCH, and its .env may not be read", "nobody",
          unreadable("MEILI_HOST=http://meilisearch:7700", "SEARCH=true")),
    finds("has a wrong database besides, and its .env may not be read", "nobody",
          unreadable("MEILI_HOST=http://meilisearch:7700", "MONGO_URI=mongodb://db/x")),
    finds("named the database wrongly in the .env that LibreChat reads", "nobody", reads("MONGO_URI=mongodb://db/x")),
    finds("has an env file with an address that FastGPT reads", "itself", folder(app(shared=(TO_ONEAPI,)), GATEWAY)),
)  # fmt: skip

FINDS_NOT = (
    fine("wrote the service's name", folder(dsn("mysql:3306"), MYSQL)),
    fine("wrote the container's name", folder(dsn("own:3306"), service("mysql", "mysql:8", container_name="own"))),
    fine("wrote an alias", folder(dsn("sql:3306"), service("mysql", "mysql:8", aliases=("sql",)))),
    fine("wrote another machine's name", folder(app("PG_URL=postgresql://u:p@pg.example.com:5433/x"))),
    fine("wrote another machine's address", folder(app("OPENAI_BASE_URL=http://192.168.1.5:3001/v1"))),
    fine("publishes MySQL elsewhere and asks inside", folder(dsn("mysql:3306"), service("mysql", "mysql:8",
         ports=("3307:3306",)))),
    fine("moved MySQL's own port", folder(dsn("mysql:3307"), service("mysql", "mysql:8",
         command=("mysqld", "--port=3307")))),
    fine("uses the machine's network and loopback", folder(app("MONGODB_URI=mongodb://127.0.0.1:27017/x", **HOST),
         service("mongo", "mongo:5", **HOST))),
    fine("names an extra host", folder(app("MONGODB_URI=mongodb://db:27017/x", extra_hosts=("db:10.1.2.3",)))),
    fine("is in a network of another stack", folder(dsn("db:3306", networks=("all",)), foreign_networks=("all",),
         network_names={"all": "all"})),
    fine("is in a network of another stack under a name of its own", called("db:3306")),
    fine("lives in another's network", folder(app(TO_ONEAPI, network_mode="service:oneapi", networks=()), GATEWAY)),
    fine("asks Ollama on the machine", folder(webui("OLLAMA_BASE_URL=http://host.docker.internal:11434"))),
    fine("named services and machines in librechat.yaml", chat(at("ollama"), at("rag_api", 8000), at("10.0.0.7"))),
    fine("named loopback in librechat.yaml under host networking", chat(at("localhost"), running=True, **HOST)),
    fine("names services in the .env that LibreChat reads", reads("RAG_API_URL=http://rag_api:8000")),
    fine("left Redis in .env and does not use it", reads("MONGO_URI=mongodb://mongo/x", "REDIS_URI=redis://cache:6379")),
    fine("renamed redis, which One API does not use without SYNC_FREQUENCY",
         folder(service("oneapi", ONEAPI, *CACHE), MYSQL)),
    fine("took Meilisearch out and switched its search off",
         reads("MONGO_URI=mongodb://mongo/x", "SEARCH=false", env=("MEILI_HOST=http://meilisearch:7700",))),
    fine("left loopback in .env where the compose file says otherwise", reads("MONGO_URI=mongodb://127.0.0.1:27017/x",
         env=("MONGO_URI=mongodb://mongo:27017/x",))),
    Example("has a .env that may not be read, and no Meilisearch", unreadable("MEILI_HOST=http://meilisearch:7700"),
            "unknown"),
    Example("has a .env that may not be read, and Meilisearch is off",
            unreadable("MEILI_HOST=http://meilisearch:7700", "SEARCH=false"), "not_applicable"),
    Example("has an address that the program fills in", folder(app("OPENAI_BASE_URL=http://{host}/{id}")), "ok"),
    Example("has embeddings that do not come from Ollama", folder(service("rag_api",
            "ghcr.io/danny-avila/librechat-rag-api-dev:latest", "OLLAMA_BASE_URL=http://localhost:11434")),
            "not_applicable"),
    fine("runs well", live(dsn("mysql:3306"), MYSQL, app("FE_DOMAIN=http://localhost:3000"))),
    fine("has a template's word in place of a name", folder(app("MILVUS_ADDRESS=zilliz_cloud_address"))),
    fine("has a gateway that a newer variable overrides", folder(app(TO_ONEAPI,
         "AIPROXY_API_ENDPOINT=http://aiproxy:3000"), service("aiproxy", "ghcr.io/labring/aiproxy:v0.1.7"))),
    Example("has an address for browsers", folder(app("FE_DOMAIN=http://localhost:3000")), "not_applicable"),
    Example("shares an env file with one that does not read it", folder(service("rag_api",
            "ghcr.io/danny-avila/librechat-rag-api-dev:latest", shared=("MONGO_URI=mongodb://nobody:27017/x",))),
            "not_applicable"),
    Example("has a value in quotes, which is another matter", folder(service("oneapi", ONEAPI,
            'SQL_DSN="root:pw@tcp(db:3306)/x"')), "not_applicable"),
    fine("has a password with brackets", folder(app("PG_URL=postgresql://u:p@(ss)w@pg:5432/x"), PG)),
    fine("has such a password of Redis", folder(app("REDIS_URL=redis://:se@(cret)@pg:5432"), PG)),
    *(Example(f"has a password that looks like a host: {value}", folder(service("oneapi", ONEAPI, f"SQL_DSN={value}")),
              "not_applicable")
      for value in ("root:pw@(ss)w@mysql:3306/x", "postgres://12:3/4@pg:5432/x",
                    "postgresql://user:12#ss@pg:5432/x")),
    Example("waits for a profile", folder(dsn("db:3306", profiles=("later",))), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
