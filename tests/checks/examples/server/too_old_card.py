"""What model servers say of cards and drivers, and what ``server.too-old-card`` must say of it."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.container.common import app, finds

LOOP = {"state": "restarting", "restart_count": 20, "exit_code": 1}
TEI = "Could not start backend: Runtime compute cap {} is not compatible with compile time compute cap {}"
BF16 = (
    "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has "
    "compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI"
)
AWQ = (
    "ValueError: The quantization method awq is not supported for the current GPU. Minimum capability: 75. Current "
    "capability: 70."
)
DRIVER = (
    "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"
)
KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"


def says(*lines: str, **more: Any) -> Snapshot:
    return app(lines=lines, **(LOOP | more))


FINDS = (
    finds("runs the image of Turing on Maxwell", "image", says(TEI.format(52, 75))),
    finds("runs the image of Ampere on Turing", "image", says(TEI.format(75, 80))),
    finds("runs the image of Hopper on Ada", "image", says(TEI.format(89, 90))),
    finds("is seen between two ends", "image", says(TEI.format(86, 80), state="running")),
    finds("says more afterwards", "image", says(TEI.format(75, 86), "Shutting down")),
    finds("wants bfloat16 on a T4", "precision", says(BF16)),
    finds("ended by it and is not started again", "precision", says(BF16, state="exited", restart_policy="no")),
    finds("has no code for the card", "kernel", says(KERNEL)),
    finds("wants AWQ on a V100", "quantization", says(AWQ)),
    finds("has a driver of CUDA 11.4", "driver", says(DRIVER)),
    finds(
        "has a driver that CUDA refuses", "driver", says("CUDA driver version is insufficient for CUDA runtime version")
    ),
    finds("has a card of which no tag is known", "image", says(TEI.format(61, 75))),
)

FINDS_NOT = (
    Example("ends by something else", says("torch.OutOfMemoryError: CUDA out of memory"), "ok"),
    Example("starts its backend", says("Starting model backend"), "ok"),
    Example("tells its compute capability", says("Using compute capability 8.6"), "ok"),
    Example("uses half precision", says("dtype: float16"), "ok"),
    Example("lost its database", says("connection refused"), "ok"),
    Example("tells the driver's version", says("NVIDIA driver 550.54"), "ok"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("was stopped by somebody", says(BF16, state="exited", exit_code=137), "not_applicable"),
    Example("is paused", says(BF16, state="paused"), "not_applicable"),
    Example("has not been inspected yet", says(BF16, detailed=False), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
