"""Who has a list of models and no more to read: servers known by image or command, and whoever else answers so.

fact: the projects' own documents for ports, images and the owner in the list (aphrodite-engine, KoboldCpp, speaches,
llama-swap, text-generation-webui, LMDeploy, bifrost)
"""

from __future__ import annotations

from ...text import N_
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, ServerVerdict
from ..servers import replies
from ..servers.asking import Ask, ServerAnswer


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """The list is all there is to ask for."""
    listed = look.server.product != "unknown"
    reading.models = await replies.models(ask)
    if reading.models is None and not listed and not ask.key_refused:
        said = N_(f"answers (GET /v1/models: {answer.status}), but not as a model server known here")
        reading.says(ServerVerdict("unknown", said))
    return reading.models is not None or not listed or answer.refused


def _lister(
    product: str, images: str, port: int, *, programs: tuple[str, ...] = (), modules: str = "", command: str = "",
    owner: str | None = None, words: str = "",
) -> Descriptor:  # fmt: skip
    server = ModelServer(
        product=product, image="|".join(images.split()), command=command, port=port, owner=owner, read=read,
        loads_first=True,
    )  # fmt: skip
    return Descriptor(
        role="model_server", images=images, image_words=words, programs=programs, modules=modules, server=server
    )


DESCRIPTORS = (
    _lister("aphrodite", "aphrodite-engine aphrodite-openai", 2242, programs=("aphrodite run",),
            modules=r"aphrodite\.endpoints", command=r"\baphrodite (?:run\b|serve\b)|\baphrodite\.endpoints\b",
            owner="pygmalionai", words="aphrodite"),
    _lister("koboldcpp", "koboldcpp koboldai kobold koboldai-client", 5001, programs=("koboldcpp",),
            command=r"(?:^|[\s/])koboldcpp(?:\.py)?\b", owner="koboldcpp", words="kobold(?:cpp|ai)"),
    _lister("speaches", "speaches faster-whisper-server", 8000, modules="speaches|faster_whisper_server",
            command=r"\b(?:speaches|faster_whisper_server)\.main\b", words="speaches"),
    _lister("llama-swap", "llama-swap", 8080, programs=("llama-swap",), command=r"(?:^|[\s/])llama-swap\b",
            owner="llama-swap"),
    _lister("text-generation-webui", "text-generation-webui textgen oobabooga", 5000,
            words="text-generation-webui|oobabooga"),
    _lister("lmdeploy", "lmdeploy", 23333, programs=("lmdeploy serve",), modules=r"lmdeploy\.serve",
            command=r"\blmdeploy(?: serve\b|\.serve\b)", owner="lmdeploy"),
    _lister("bifrost", "bifrost", 8080, programs=("bifrost-http",)),
    Descriptor(
        role="model_server",
        images="llamafile tritonserver exllamav2 mindie",
        image_words=r"gte|qwen[\d.]*|embeddings?",
        programs=("tritonserver", "litserve serve"),
        server=ModelServer(product="openai-compatible", read=read),
    ),
    Descriptor(role="unknown", server=ModelServer(product="unknown", read=read)),
)  # fmt: skip
