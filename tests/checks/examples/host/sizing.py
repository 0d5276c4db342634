"""Machines of many sizes, and what ``host.sizing`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import ComposeService, Container, Disk, HostInfo, Project, Role, Service, Snapshot, System

from examples import Example
from examples.snapshots import ENGINE, NOW, STARTED, container_id

GB = 10**9
FASTGPT: tuple[str, Role] = ("ghcr.io/labring/fastgpt:v4.8", "fastgpt")
PG: tuple[str, Role] = ("pgvector/pgvector:pg15", "postgres")
BAICHUAN13 = "coldsnap/baichuan2-13b-chat.openai-api:v1"
BAICHUAN7 = "registry.cn-hangzhou.aliyuncs.com/coldsnap/baichuan2-7b-chat.openai-api:v1"
CHATGLM = ComposeService("chatglm", image="example/chatglm2-6b:v1")
M3E, RERANKER = "stawky/m3e-large-api:latest", "registry.cn-hangzhou.aliyuncs.com/fastgpt/bge-rerank-base:v0.1"


def box(name: str, image: str, **more: Any) -> Container:
    """A container that runs."""
    facts: dict[str, Any] = {"state": "running", "started_at": STARTED, "project": "p", "service": name}
    return Container(container_id(name), name, image, **(facts | more))


def host(
    *made: Container, cores: int | None = 8, ram: float | None = 16, disk: float | None = 500, fastgpt: bool = True,
    declared: tuple[ComposeService, ...] = (),
) -> Snapshot:  # fmt: skip
    """A machine with FastGPT and these containers; sizes in decimal gigabytes."""
    own = (box("fastgpt", FASTGPT[0]), box("pg", PG[0])) if fastgpt else ()
    roles: dict[str, Role] = {"fastgpt": "fastgpt", "pg": "postgres"}
    everybody = (*own, *made)
    disks = (Disk("/var/lib/docker", "Docker", int(disk * GB), int(disk * GB / 2)),) if disk is not None else ()
    system = (
        None
        if ram is None and disk is None
        else System(NOW, memory_total=None if ram is None else int(ram * GB), disks=disks)
    )
    return Snapshot(
        taken_at=NOW, host=HostInfo("gpu-box", cpus=cores), engine=ENGINE, containers=everybody, system=system,
        services=tuple(Service(roles.get(c.name, "model_server"), c.name, c.id, project="p") for c in everybody),
        projects=(Project("p", "/srv/p", services=declared),) if declared else (),
    )  # fmt: skip


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("runs FastGPT on a machine with 1 GB", "memory", host(ram=1.0)),
    _finds("runs FastGPT on one core", "cores", host(cores=1, ram=4)),
    _finds("runs FastGPT on one core with 1 GB", "memory", host(cores=1, ram=1)),
    _finds("runs Baichuan2-13B on a machine with 16 GB", "memory", host(box("baichuan", BAICHUAN13))),
    _finds("runs Baichuan2-7B on a machine with 8 GB", "memory", host(box("baichuan", BAICHUAN7), ram=8)),
    _finds("runs Baichuan2-13B alone on a machine with 24 GB", "memory",
           host(box("baichuan", BAICHUAN13), ram=24, fastgpt=False)),
    _finds("runs Baichuan2-13B from a script", "memory",
           host(box("llm", "python:3.10", command=("python", "openai_api.py", "baichuan2_13b")), fastgpt=False)),
    _finds("has a Baichuan2-13B that died", "memory", host(box("baichuan", BAICHUAN13, state="exited"), ram=8)),
    _finds("is about to start ChatGLM2 on a machine with 8 GB", "memory",
           host(ram=8, declared=(CHATGLM,), fastgpt=False)),
    _finds("keeps Baichuan2-13B on a disk of 30 GB", "disk", host(box("baichuan", BAICHUAN13), ram=64, disk=30)),
    _finds("gave the reranker 1 GB", "limit", host(box("reranker", RERANKER, memory_limit=1 << 30))),
    _finds("gave Baichuan2-7B 4 GB", "limit", host(box("baichuan", BAICHUAN7, memory_limit=4 << 30), ram=64)),
    _finds("is about to give the reranker 512 MB", "limit",
           host(declared=(ComposeService("reranker", image=RERANKER, memory_limit=512 << 20),))),
)  # fmt: skip

FINDS_NOT = (
    Example("runs FastGPT on a VPS with 4 GB", host(cores=2, ram=4.1), "ok"),
    Example("runs FastGPT on a VPS with 2 GB", host(cores=2, ram=2.0), "ok"),
    Example("runs FastGPT on a machine whose 2 GB are 1.9", host(cores=2, ram=1.9), "ok"),
    Example("runs M3E and the reranker on a machine with 16 GB",
            host(box("m3e", M3E), box("reranker", RERANKER)), "ok"),
    Example("runs M3E on a machine with 8 GB", host(box("m3e", M3E), ram=8.2), "ok"),
    Example("runs Baichuan2-7B on a machine with 16 GB", host(box("baichuan", BAICHUAN7), ram=16.4), "ok"),
    Example("runs Baichuan2-13B on a machine with 64 GB", host(box("baichuan", BAICHUAN13), ram=64), "ok"),
    Example("stopped Baichuan2-13B for good",
            host(box("baichuan", BAICHUAN13, state="exited", exit_code=143), ram=8), "ok"),
    Example("runs a quantised Baichuan2-7B in llama.cpp on a VPS",
            host(box("llm", "ghcr.io/ggml-org/llama.cpp:server", command=("-m", "/models/baichuan2-7b.Q4_K_M.gguf")),
                 ram=8), "ok"),
    Example("runs bge-reranker-base in TEI on a VPS with 4 GB",
            host(box("tei", "ghcr.io/huggingface/text-embeddings-inference:cpu-1.5",
                     command=("--model-id", "BAAI/bge-reranker-base")), cores=2, ram=4), "ok"),
    Example("gave M3E 4 GB", host(box("m3e", M3E, memory_limit=4 << 30)), "ok"),
    Example("has a profile with Baichuan2-13B that is off",
            host(declared=(ComposeService("b", image=BAICHUAN13, profiles=("big",)),)), "ok"),
    Example("cannot read the disks", host(box("baichuan", BAICHUAN13), ram=64, disk=None), "ok"),
    Example("cannot read the memory", host(ram=None), "ok"),
    Example("can read the disks and nothing else", host(cores=None, ram=None), "unknown"),
    Example("looks at folders alone", host(cores=None, ram=None, disk=None), "not_applicable"),
    Example("runs no FastGPT and no model", host(fastgpt=False, ram=1), "not_applicable"),
    Example("runs a model that no guide speaks of",
            host(box("vllm", "vllm/vllm-openai:v0.4.2"), fastgpt=False, ram=4), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
