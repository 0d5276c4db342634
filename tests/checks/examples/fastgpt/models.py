"""Models that FastGPTs offer, channels that their One APIs have, and what ``fastgpt.models`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    DatabaseAnswer,
    DatabaseState,
    DatabaseTrouble,
    JsonFact,
    KeyAnswer,
    OfferedModel,
    OneApiChannel,
    OneApiState,
    Snapshot,
)

from examples import Example
from examples.snapshots import NOW, bind, container_id, file
from examples.wiring.folder import FOLDER, folder, live, service

FASTGPT, ONEAPI = container_id("fastgpt"), container_id("oneapi")
ENV = ("OPENAI_BASE_URL=http://oneapi:3000/v1", "CHAT_API_KEY=sk-donotshow")
PATH = f"{FOLDER}/config.json"
QWEN, M3E = OfferedModel("qwen", "llmModels"), OfferedModel("m3e", "vectorModels")
GPT, TTS = OfferedModel("gpt-4", "llmModels"), OfferedModel("tts-1", "audioSpeechModels")
OWN = OfferedModel("bge-reranker", "reRankModels", "http://10.0.0.8:6006/v1/rerank")
BOTH = (QWEN, M3E)


def channel(models: str, number: int = 1, status: int = 1, group: str = "default") -> OneApiChannel:
    return OneApiChannel(number, "", status, tuple(models.split(",")), (group,))


def offering(
    *models: OfferedModel, channels: tuple[OneApiChannel, ...] | None = None, listed: str | None = None,
    release: str = "v4.8.10", env: tuple[str, ...] = (), state: dict[str, Any] | None = None, config: bool = True,
    facts: dict[str, Any] | None = None, gateway: tuple[str, ...] = (), edited: float = -9000.0,
) -> Snapshot:  # fmt: skip
    """A FastGPT that offers these, beside a One API with these channels that lists these models for its key."""
    snapshot = live(service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", *ENV, *env),
                    service("oneapi", "ghcr.io/songquanpeng/one-api:v0.6.7", *gateway))  # fmt: skip
    fastgpt, oneapi = snapshot.containers
    mounts = (bind(PATH, "/app/data/config.json"),) if config else ()
    names = None if listed is None else tuple(filter(None, listed.split(",")))
    told: dict[str, Any] = {
        "version": "v0.6.7", "client": FASTGPT, "models": names, "channels": channels,
        "keys": (KeyAnswer(FASTGPT, "CHAT_API_KEY"),), **(state or {}),
    }  # fmt: skip
    return replace(
        snapshot, containers=(replace(fastgpt, **({"mounts": mounts} | (facts or {}))), oneapi),
        oneapis=(OneApiState(ONEAPI, **told),), files=(file(PATH, mtime=NOW - 60 + edited),),
        json_files=(JsonFact(PATH, keys=("systemEnv", *(one.kind for one in models)), models=models),),
    )  # fmt: skip


def kept(
    *models: OfferedModel, trouble: DatabaseTrouble | None = None, release: str = "v4.9.0", file: bool = False,
    proxy: bool = False, asked: bool = True, **more: Any,
) -> Snapshot:  # fmt: skip
    """The same from v4.8.20 on, where MongoDB has the models; ``proxy``: behind an AI Proxy."""
    made = offering(*(BOTH if file else ()), release=release, **more)
    told = DatabaseAnswer(models=models) if trouble is None else DatabaseAnswer(trouble=trouble, said="it is so")
    state = DatabaseState("mongo", container_id("mongo"), FASTGPT, "MONGODB_URI", "me", "fastgpt", told)
    made = replace(made, databases=(state,) if asked else ())
    if not proxy:
        return made
    there = live(service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", "AIPROXY_API_ENDPOINT=http://aiproxy:3000"),
                 service("aiproxy", "ghcr.io/labring/aiproxy:v0.2"))  # fmt: skip
    channels = OneApiState(container_id("aiproxy"), channels=made.oneapis[0].channels)
    return replace(made, containers=there.containers, oneapis=(channels,))


CHAT, VECTOR, UNTYPED = OfferedModel("qwen", "llm"), OfferedModel("m3e", "embedding"), OfferedModel("gpt-4", "")


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


CHATS_AND_VECTORS = (channel("qwen,m3e"),)
QWEN_ONLY = (channel("qwen"),)
FINDS = (
    finds("added a model to the file and to no channel", "missing", offering(*BOTH, GPT, channels=CHATS_AND_VECTORS)),
    finds("wrote a capital", "missing", offering(QWEN, GPT, channels=(channel("Qwen,gpt-4"),))),
    finds("has a channel for chats alone", "missing", offering(*BOTH, channels=QWEN_ONLY)),
    finds("switched the channel off", "missing", offering(*BOTH, channels=(channel("qwen"), channel("m3e", 2, 2)))),
    finds("lets One API list what the key may use", "missing", offering(*BOTH, listed="qwen")),
    finds("left the voices of the example file in it", "missing", offering(*BOTH, TTS, channels=CHATS_AND_VECTORS)),
    finds("stopped FastGPT meanwhile", "missing", offering(*BOTH, listed="qwen", facts={
          "state": "exited", "exit_code": 0})),
    finds("has made no channel yet", "no-channel", offering(*BOTH, channels=())),
    finds("has made none, and no access token", "no-channel", offering(*BOTH, listed="")),
    finds("raised FastGPT to v4.8.20 and kept the file", "ignored-lists", offering(*BOTH, release="v4.8.20")),
    finds("added a model to the file of v4.9", "ignored-lists", offering(*BOTH, release="v4.9.14", edited=600.0)),
    finds("switched a model on that has no channel", "missing", kept(CHAT, UNTYPED, channels=QWEN_ONLY)),
    finds("lets One API list what the key of v4.9 may use", "missing", kept(CHAT, VECTOR, listed="qwen")),
    finds("runs latest, and has models in MongoDB", "missing", kept(CHAT, UNTYPED, channels=QWEN_ONLY,
          release="latest")),
    finds("has made no channel for v4.9 yet", "no-channel", kept(CHAT, channels=())),
    finds("switched a model on that AI Proxy has no channel for", "no-proxy-channel", kept(
          CHAT, VECTOR, channels=QWEN_ONLY, proxy=True)),
    finds("switched AI Proxy's channel off", "no-proxy-channel", kept(
          CHAT, channels=(channel("qwen", status=2),), proxy=True)),
    finds("has no channel in AI Proxy yet", "no-proxy-channel", kept(CHAT, channels=(), proxy=True)),
)  # fmt: skip

FINDS_NOT = (
    Example("has a channel for each", offering(*BOTH, channels=CHATS_AND_VECTORS), "ok"),
    Example("has two channels", offering(*BOTH, channels=(channel("qwen"), channel("m3e", 2))), "ok"),
    Example("has one that One API switched off, which oneapi.channel tells", offering(
            *BOTH, channels=(channel("qwen"), channel("m3e", 2, 3))), "ok"),
    Example("lets One API list them all", offering(*BOTH, listed="qwen,m3e,gpt-4"), "ok"),
    Example("has the channel in a group of others", offering(
            QWEN, channels=(channel("qwen", group="vip"),), listed=""), "ok"),
    Example("has a reranker with an address of its own", offering(*BOTH, OWN, channels=CHATS_AND_VECTORS), "ok"),
    Example("has a One API that lists everything", offering(*BOTH, listed="gpt-4", state={"version": "v0.6.4"}),
            "not_applicable"),
    Example("has a One API that keeps its list in Redis", offering(*BOTH, listed="qwen", gateway=(
            "REDIS_CONN_STRING=redis://redis", "SYNC_FREQUENCY=60")), "not_applicable"),
    Example("has more channels than are read", offering(*BOTH, channels=tuple(
            channel("qwen", number) for number in range(200)), listed="qwen,m3e"), "ok"),
    Example("has a key that is refused", offering(*BOTH), "not_applicable"),
    Example("has a One API that does not answer", offering(*BOTH, channels=QWEN_ONLY, state={"trouble": "timeout"}),
            "not_applicable"),
    Example("mounts no config.json", offering(*BOTH, channels=QWEN_ONLY, config=False), "not_applicable"),
    Example("has the commercial edition", offering(*BOTH, channels=QWEN_ONLY, env=("PRO_URL=http://pro",)),
            "not_applicable"),
    Example("took the lists out for v4.9", offering(release="v4.9.14"), "not_applicable"),
    Example("has a channel for each model in MongoDB", kept(CHAT, VECTOR, channels=CHATS_AND_VECTORS), "ok"),
    Example("has a channel for each in AI Proxy", kept(CHAT, VECTOR, channels=CHATS_AND_VECTORS, proxy=True), "ok"),
    Example("has a model in MongoDB with an address of its own", kept(
            CHAT, OfferedModel("bge", "rerank", "http://10.0.0.8:6006/v1/rerank"), channels=QWEN_ONLY), "ok"),
    Example("has no active model", kept(channels=QWEN_ONLY), "not_applicable"),
    Example("has a MongoDB that is not asked from here", kept(asked=False, channels=QWEN_ONLY), "not_applicable"),
    Example("has a MongoDB that does not answer", kept(trouble="silent", channels=QWEN_ONLY), "unknown"),
    Example("has a login without a right to read", kept(trouble="no-right", channels=QWEN_ONLY), "unknown"),
    Example("has a login that MongoDB refuses, which others tell", kept(trouble="login", channels=QWEN_ONLY),
            "not_applicable"),
    Example("has an AI Proxy whose channels could not be read", kept(CHAT, proxy=True), "not_applicable"),
    Example("runs latest, and keeps its lists in the file", kept(release="latest", file=True, channels=QWEN_ONLY),
            "not_applicable"),
    Example("looks before it was inspected", offering(*BOTH, channels=QWEN_ONLY, facts={"detailed": False}),
            "unknown"),
    Example("has not started anything", folder(service("fastgpt", "ghcr.io/labring/fastgpt:v4.8.10", *ENV)),
            "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
