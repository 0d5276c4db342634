"""host.docker.internal in environments and settings, on Linux, on Docker Desktop, with and without an extra host."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    ConfigAddress,
    ConfigVerdict,
    EngineInfo,
    EnvVar,
    NetworkLink,
    Server,
    ServerUser,
    Snapshot,
)

from examples import Example
from examples.snapshots import ENGINE, bind, stack
from examples.wiring.folder import folder, service

FOLDER = "/srv/webui"
OLLAMA = EnvVar("OLLAMA_BASE_URL", "http://host.docker.internal:11434")
DESKTOP = replace(ENGINE, os="Docker Desktop", version="26.1.1")
FIX = ("EditFile", "ComposeUp")


def webui(
    *variables: EnvVar, declared: tuple[str, ...] = (), baked: bool = False, engine: EngineInfo | None = ENGINE,
    declares: dict[str, Any] | None = None, **container: Any,
) -> Snapshot:  # fmt: skip
    """An Open WebUI made by Compose."""
    named = tuple(variable.name for variable in variables)
    declares = {"extra_hosts": declared, "env": () if baked else variables, "named": named} | (declares or {})
    return stack(
        "open_webui", FOLDER, name="open-webui", service="open-webui", image="ghcr.io/open-webui/open-webui:main",
        container={"env": variables, **container}, declared=declares, engine=engine,
    )  # fmt: skip


def _used_by_settings() -> Snapshot:
    """One API has the address in a channel, and no variable with it."""
    made = stack(
        "oneapi", "/srv/fastgpt", name="oneapi", service="oneapi", image="ghcr.io/songquanpeng/one-api:v0.6.6",
        container={},
    )  # fmt: skip
    user = ServerUser("One API channel 3 (llama)", "oneapi", "http://host.docker.internal:11434")
    server = Server("host:11434", "ollama", "http://127.0.0.1:11434", "up", users=(user,))
    return replace(made, servers=(server,))


def _shared_env_file(variable: str, *users: ServerUser) -> Snapshot:
    """LibreChat's ``.env`` given to rag_api as a whole, as its compose file does."""
    one = EnvVar(variable, "http://host.docker.internal:7860")
    declares = {"env": (one,), "named": ("DB_HOST",), "env_files": ("/srv/librechat/.env",)}
    made = stack("rag_api", "/srv/librechat", name="rag_api", service="rag_api", image="librechat-rag-api-dev:latest",
                 container={"env": (one,)}, declared=declares)  # fmt: skip
    server = Server("host:7860", "ollama", "http://127.0.0.1:7860", "up", users=users)
    return replace(made, servers=(server,))


def _alias() -> Snapshot:
    link = NetworkLink("webui_default")
    made = webui(OLLAMA, networks=(link,))
    proxy = stack("nginx", FOLDER, name="proxy", service="proxy", image="nginx:1.27",
                  container={"networks": (replace(link, aliases=("host.docker.internal",)),)})  # fmt: skip
    return replace(made, containers=(*made.containers, *proxy.containers))


def _folder(*env: str, shared: tuple[str, ...] = (), **more: Any) -> Snapshot:
    """The same before anything runs, and with no Engine to ask."""
    made = service("app", "ghcr.io/open-webui/open-webui:main", *env, shared=shared, **more)
    return replace(folder(made), engine=None)


def _in_a_file(*, running: bool) -> Snapshot:
    """The address of an endpoint in librechat.yaml."""
    image, own = "ghcr.io/danny-avila/librechat:v0.8.4", {"container": {}} if running else {}
    made = stack("librechat", "/srv/chat", name="LibreChat", service="api", image=image, **own)  # type: ignore[arg-type]
    address = ConfigAddress("endpoint Mine", "baseURL", "host.docker.internal", 8000, 7)
    container = made.containers[0].id if running else None
    path = "/srv/chat/librechat.yaml"
    verdict = ConfigVerdict(path, "0.8.4", "image", container, "chat", "api", addresses=(address,))
    return replace(made, config_verdicts=(verdict,), engine=ENGINE if running else None)


def _by_hand() -> Snapshot:
    made = webui(OLLAMA)
    return replace(made, containers=(replace(made.containers[0], project=None, service=None, labels={}),), projects=())


EXAMPLES = (
    Example("the address of a tutorial, on Linux", webui(OLLAMA), "finding", "missing", FIX),
    Example("one of several addresses", webui(EnvVar("OLLAMA_BASE_URLS", "http://ollama:11434;http://host.docker.internal:1")),
            "finding", "missing", FIX),
    Example("a proxy on the host", webui(EnvVar("HTTPS_PROXY", "http://host.docker.internal:7890")),
            "finding", "missing", FIX),
    Example("the name alone", webui(EnvVar("DB_HOST", "host.docker.internal")), "finding", "missing", FIX),
    Example("in librechat.yaml", _in_a_file(running=True), "finding", "missing", FIX),
    Example("in librechat.yaml, before a start", _in_a_file(running=False), "finding", "missing", ("EditFile",)),
    Example("in a channel of One API", _used_by_settings(), "finding", "missing", FIX),
    Example("added to the compose file, not recreated",
            webui(OLLAMA, declared=("host.docker.internal:host-gateway",)), "finding", "not-recreated", ("ComposeUp",)),
    Example("only the image's own default", webui(OLLAMA, baked=True), "finding", "missing", FIX),
    Example("in an env file, by a name that is followed",
            _shared_env_file("OLLAMA_BASE_URL", ServerUser("rag_api, OLLAMA_BASE_URL", "rag_api",
                                                           "http://host.docker.internal:7860")),
            "finding", "missing", FIX),
    Example("in an env file that was meant for another service", _shared_env_file("SD_WEBUI_URL"), "not_applicable"),
    Example("in the host's network", webui(OLLAMA, network_mode="host"), "finding", "missing", FIX),
    Example("OrbStack resolves it", webui(OLLAMA, engine=replace(ENGINE, os="OrbStack")), "ok"),
    Example("other extra hosts", webui(OLLAMA, extra_hosts=("db:10.0.0.1",)), "finding", "missing", FIX),
    Example("made by docker run", _by_hand(), "finding", "missing", ()),
    Example("an Engine of long ago", webui(OLLAMA, engine=replace(ENGINE, version="19.03.15")),
            "finding", "missing", ()),
    Example("the extra host is there", webui(OLLAMA, extra_hosts=("host.docker.internal:host-gateway",)), "ok"),
    Example("as newer releases write it", webui(OLLAMA, extra_hosts=("host.docker.internal=192.0.2.1",)), "ok"),
    Example("Docker Desktop resolves it", webui(OLLAMA, engine=DESKTOP), "ok"),
    Example("an alias in the network", _alias(), "ok"),
    Example("Podman resolves it, behind Docker's own socket",
            webui(OLLAMA, engine=replace(ENGINE, version="4.9.3", os="fedora")), "ok"),
    Example("a virtual machine of Colima's resolves it",
            webui(OLLAMA, engine=replace(ENGINE, os="Ubuntu 24.04", address="unix:///home/me/.colima/default/docker.sock")),
            "ok"),
    Example("an /etc/hosts of its own", webui(OLLAMA, mounts=(bind("/srv/webui/hosts", "/etc/hosts"),)), "unknown"),
    Example("nobody knows the Engine's system", webui(OLLAMA, engine=replace(ENGINE, os=None)), "unknown"),
    Example("in another container's network", webui(OLLAMA, network_mode="container:abc"), "unknown"),
    Example("excepted from a proxy", webui(EnvVar("NO_PROXY", "localhost,host.docker.internal")), "not_applicable"),
    Example("its own address for browsers", webui(EnvVar("WEBUI_URL", "http://host.docker.internal:3000")),
            "not_applicable"),
    Example("a longer name", webui(EnvVar("URL", "http://host.docker.internal.example.com/")), "not_applicable"),
    Example("another name", webui(EnvVar("OLLAMA_BASE_URL", "http://ollama:11434")), "not_applicable"),
    Example("in a folder of which nothing runs", _folder("OLLAMA_BASE_URL=http://host.docker.internal:11434"),
            "finding", "missing", ("EditFile",)),
    Example("in the env file of a folder, by a name that is followed",
            _folder(shared=("OLLAMA_BASE_URL=http://host.docker.internal:11434",)), "finding", "missing",
            ("EditFile",)),
    Example("in the env file of a folder, for another service",
            _folder(shared=("SD_WEBUI_URL=http://host.docker.internal:7860",)), "not_applicable"),
    Example("in a folder, with the extra host", _folder("OLLAMA_BASE_URL=http://host.docker.internal:11434",
            extra_hosts=("host.docker.internal:host-gateway",)), "ok"),
    Example("a default of what is not chosen, as in Dify", _folder("VECTOR_STORE=weaviate",
            "WEAVIATE_ENDPOINT=http://weaviate:8080", "MILVUS_URI=http://host.docker.internal:19530"),
            "not_applicable"),
    Example("the same, and it runs", webui(EnvVar("VECTOR_STORE", "weaviate"),
            EnvVar("WEAVIATE_ENDPOINT", "http://weaviate:8080"),
            EnvVar("MILVUS_URI", "http://host.docker.internal:19530")), "not_applicable"),
    Example("what is chosen", webui(EnvVar("VECTOR_STORE", "milvus"), EnvVar("WEAVIATE_ENDPOINT", "http://weaviate:8080"),
            EnvVar("MILVUS_URI", "http://host.docker.internal:19530")), "finding", "missing", FIX),
)  # fmt: skip
