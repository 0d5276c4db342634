"""Why nvidia-container-cli refuses a start, by the Engine's reason alone: what is said, and the reason whole."""

from __future__ import annotations

import pytest
from examples.gpu.toolkit import failed
from stackops.checks.gpu.toolkit import CHECK
from stackops.console.settings import Settings
from support.corpus import CORPUS

HEAD = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed:"
    " unable to start container process: error during container init: error running prestart hook #0: exit status 1,"
    " stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: "
)
MERGED = f"/srv/docker/overlay2/{'9f' * 32}/merged"
SAYS = {
    "mismatch": "the driver was upgraded and the old module runs on", "requirement": "wants CUDA 12.4",
    "no-driver": "the host has no NVIDIA driver", "file-exists": "its image holds a file of an NVIDIA driver itself",
    "ldconfig": "looks for /sbin/ldconfig.real, which this distribution does not have",
}  # fmt: skip
ROWS = [
    ("mismatch", f"{HEAD}initialization error: nvml error: driver/library version mismatch: unknown"),
    ("requirement", f"{HEAD}requirement error: unsatisfied condition: cuda>=12.4, please update your driver: unknown"),
    ("no-driver", f"{HEAD}initialization error: load library failed: libnvidia-ml.so.1: cannot open: unknown"),
    ("file-exists", f"{HEAD}mount error: file creation failed: {MERGED}/usr/bin/nvidia-smi: file exists: unknown"),
    ("ldconfig", f"{HEAD}ldcache error: open failed: /sbin/ldconfig.real: no such file or directory: unknown"),
]
FILE = CORPUS.parent / "cases" / "gpu-start-errors" / "errors.tsv"
if FILE.is_file():
    ROWS += [(line.split("\t")[0], line.split("\t")[2]) for line in FILE.read_text().splitlines() if line.strip()]


@pytest.mark.parametrize(("which", "error"), ROWS)
def test_the_cause_is_said_and_the_reason_stands_whole(which: str, error: str) -> None:
    (found,) = CHECK.examine(failed(error), Settings())
    assert found.severity == "error"
    assert SAYS[which] in found.title
    assert error in [row.value for row in found.evidence]
