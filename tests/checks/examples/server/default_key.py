"""Public keys by default, by placeholder and by image, behind open and closed ports."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Port

from examples import Example
from examples.server.wrong_key import BAICHUAN, GUIDE, KEY, M3E, PUBLIC, one

OPEN: dict[str, Any] = {"ports": (Port(6008, host_ip="0.0.0.0", host_port=6008),)}
HOME: dict[str, Any] = {"ports": (Port(6008, host_ip="127.0.0.1", host_port=6008),)}
BAKED = (("SK_KEY", PUBLIC),)

EXAMPLES = (
    Example("m3e-large-api without a key, on every address", one(M3E, container=OPEN), "finding", "exposed", ()),
    Example("the same on loopback", one(M3E, container=HOME), "finding", "inside", ()),
    Example("the same without a port", one(M3E), "finding", "inside", ()),
    Example(
        "in the host's network", one(M3E, container={"network_mode": "host"}), "finding", "exposed", (),
    ),
    Example(
        "the guide's compose file as downloaded",
        one(f"{BAICHUAN}:v1", ("SK-KEY", PUBLIC), name="baichuan", container=OPEN), "finding", "exposed", (),
    ),
    Example(
        "the second generation with the image's own",
        one(f"{BAICHUAN}:v2", baked=BAKED, name="baichuan", container=OPEN), "finding", "exposed", (),
    ),
    Example(
        "of no known generation, with the placeholder",
        one("chatglm2-6b.openai-api:mine", ("SK-KEY", PUBLIC), container=OPEN), "finding", "exposed", (),
    ),
    Example(
        "the guide's reranker", one(f"{GUIDE}bge-reranker-base:v1", name="reranker", container=OPEN),
        "finding", "exposed", (),
    ),
    Example(
        "the reranker with the text from the guide",
        one("fastgpt/bge-rerank-base:v0.1", ("ACCESS_TOKEN", "ACCESS_TOKEN"), name="reranker", container=OPEN),
        "finding", "exposed", (),
    ),
    Example("stopped", one(M3E, container=OPEN | {"state": "exited"}), "finding", "inside", ()),
    Example("declared without a key", one(M3E, started=False), "finding", "inside", ()),
    Example(
        "declared with a port for everybody", one(M3E, started=False, declares={"ports": ("6008:6008",)}),
        "finding", "exposed", (),
    ),
    Example(
        "declared with a port whose number Docker chooses", one(M3E, started=False, declares={"ports": ("6008",)}),
        "finding", "exposed", (),
    ),
    Example("a key of one's own", one(M3E, ("sk-key", KEY), container=OPEN), "ok"),
    Example("a key of one's own, misspelt", one(M3E, ("SK_KEY", KEY), container=OPEN), "ok"),
    Example("m3e-large-api with the default written out",
            one(M3E, ("sk-key", "sk-aaabbbcccdddeeefffggghhhiiijjjkkk"), container=OPEN), "finding", "exposed", ()),
    Example("on the machine's address in the LAN",
            one(M3E, container={"ports": (Port(6008, host_ip="192.0.2.10", host_port=6008),)}),
            "finding", "exposed", ()),
    Example("a key of one's own in the second generation",
            one(f"{BAICHUAN}:v2", ("SK_KEY", KEY), baked=BAKED, container=OPEN), "ok"),
    Example("a key of one's own in the first generation", one(f"{BAICHUAN}:v1", ("SK-KEY", KEY), container=OPEN), "ok"),
    Example("a token of one's own", one(f"{GUIDE}bge-reranker-base:v1", ("ACCESS_TOKEN", KEY), container=OPEN), "ok"),
    Example("a token of one's own for FastGPT's reranker",
            one("fastgpt/bge-rerank-base:v0.1", ("ACCESS_TOKEN", KEY), container=OPEN), "ok"),
    Example("declared with a key of one's own", one(M3E, ("sk-key", KEY), started=False), "ok"),
    Example(
        "FastGPT's reranker without a token, of which nobody knows the default",
        one("fastgpt/bge-rerank-base:v0.1", name="reranker", container=OPEN), "ok",
    ),
    Example(
        "of no known generation, with a key of one's own",
        one("chatglm2-6b.openai-api:mine", ("SK-KEY", KEY), container=OPEN), "ok",
    ),
    Example("a vLLM has no key unless told", one("vllm/vllm-openai:v0.6.3", name="vllm", container=OPEN),
            "not_applicable"),
)  # fmt: skip
