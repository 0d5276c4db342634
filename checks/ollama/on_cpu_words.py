"""What is said of an Ollama that computes on the CPU: title, cause, way out, by form. Words only.

fact: gpu-model-servers 3.1, 3.3, 3.4 and 4.2.
"""

from __future__ import annotations

from ...console.findings import Severity

TITLE = {
    "lost": "{name} has lost its GPU and computes on the CPU",
    "not-seen": "{name} found no GPU when it started, although it was granted one",
    "no-grant": "{name} computes on the CPU, as its container was granted no GPU",
    "driver": "{name} computes on the CPU, as its GPU works for nobody",
    "native": "{name} computes on the CPU, although this machine has a GPU",
    "too-big": "{model} is bigger than the GPUs of {name}, which computes it on the CPU",
    "no-room": "{model} found no room on the GPUs of {name}, and is computed on the CPU",
    "partial": "{model} of {name} lies {how} on the CPU",
}
BECAUSE = {
    "lost": "It is granted a GPU ({grant}) and the driver works, with {free} free, but nothing of {model} lies on it. "
    "A daemon-reload or a driver that was replaced takes the GPU from containers that run; nothing inside heals that.",
    "not-seen": "It looks for GPUs once, at its start, and saw none then. The driver works now and the grant ({grant}) "
    "is there, so what was missing at that moment may well be there by now.",
    "no-grant": "This machine has a GPU that works, but the container was made without one, so Ollama cannot see it.",
    "driver": "It is granted a GPU ({grant}), but: {driver}.",
    "native": "The driver works and {free} are free, but nothing of {model} lies on a GPU.",
    "too-big": "It needs {size}, and the GPUs that it may use have {total} together.",
    "no-room": "It needs {size}, and only {free} of {total} were left: other processes hold the rest.",
    "partial": "{vram} of {size} lie on GPUs, the rest is computed on the CPU, which is as fast as its slower part.",
}
SUMMARY = {
    "lost": "restart the container",
    "not-seen": "restart the container",
    "no-grant": "grant it a GPU in the compose file",
    "driver": "repair the driver first: gpu.driver",
    "native": "look at its log, and restart it",
    "too-big": "take a smaller model or a stronger quantisation",
    "no-room": "make room on the GPU",
    "partial": "take a smaller model or a shorter context, or make room",
}
SEVERITY: dict[str, Severity] = {
    "lost": "warning", "not-seen": "warning", "no-grant": "info", "driver": "warning", "native": "warning",
    "too-big": "info", "no-room": "warning", "partial": "info",
}  # fmt: skip
_KEPT = "Answers being written are cut off; its models stay on the disk and are loaded again at the next request."
ADVICE = {
    "lost": (
        _KEPT,
        "Where a request or a Modelfile asks for num_gpu 0, the CPU is meant, and a restart changes nothing.",
        "The next `systemctl daemon-reload` may take it away again: gpu.lost-in-container tells how to prevent that.",
    ),
    "not-seen": (
        _KEPT,
        "If it sees none again, look at gpu.driver and gpu.toolkit: the image's CUDA may be newer than the driver.",
    ),
    "no-grant": (
        "If it is meant to use a GPU, add this to the service and recreate it (the toolkit must be there):",
        "deploy: {{resources: {{reservations: {{devices: [{{driver: nvidia, count: all, capabilities: [gpu]}}]}}}}}}",
        "An Ollama that only computes vectors is often left on the CPU on purpose; then nothing is wrong.",
    ),
    "driver": ("Nothing inside the container can help: gpu.driver tells what to do. Restart {name} afterwards.",),
    "native": (
        "`journalctl -u ollama | grep 'inference compute'` tells what it saw at its start.",
        "Restart it (`systemctl restart ollama`) if the driver was loaded or replaced since.",
    ),
    "too-big": (
        "Take a smaller model, or a stronger quantisation of it: `stackops gpu --fit` tells what would fit.",
        "OLLAMA_CONTEXT_LENGTH makes the context shorter, which takes memory as well.",
    ),
    "no-room": (
        "See who holds the memory (gpu.memory-full), and unload or stop what is not needed.",
        "Then let the model be loaded anew: it stays where it was loaded.",
    ),
    "partial": (
        "{vram} of {size} are on GPUs, {free} of {total} are free now.",
        "Take a smaller model, a stronger quantisation or a shorter context (OLLAMA_CONTEXT_LENGTH).",
        "Or make room, and let it be loaded anew.",
    ),
}
