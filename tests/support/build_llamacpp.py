"""Build a real llama.cpp server and a model for it, once, into a folder: minutes on two cores.

    python tests/support/build_llamacpp.py ~/.cache/stackops-tests/llamacpp
    STACKOPS_LLAMACPP=~/.cache/stackops-tests/llamacpp pytest tests/servers/test_real_llamacpp.py

The source comes from PyPI: the source distribution of llama-cpp-python carries llama.cpp whole. Needs a C++ compiler;
cmake and ninja come from PyPI where the machine has none. Leaves ``llama-server`` and ``tiny.gguf`` in the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

VERSION = "0.3.36"
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O0", "-DCMAKE_C_FLAGS_RELEASE=-O1", "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF", "-DGGML_LLAMAFILE=OFF", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_UI=OFF", "-DBUILD_SHARED_LIBS=OFF",
)  # fmt: skip
"""For a build that is soon done, not for a server that is fast."""


def build(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        venv.create(work / "env", with_pip=True)
        python = work / "env" / "bin" / "python"
        pip = (python, "-m", "pip", "--disable-pip-version-check", "-q")
        tools = [tool for tool in ("cmake", "ninja") if shutil.which(tool) is None]
        _run(*pip, "install", "gguf", *tools)
        if not (folder / "llama-server").exists():
            _run(*pip, "download", "--no-deps", "-d", work, f"llama-cpp-python=={VERSION}")
            _compile(work, folder)
        _run(python, Path(__file__).with_name("tiny_gguf.py"), folder / "tiny.gguf")


def _compile(work: Path, folder: Path) -> None:
    with tarfile.open(next(work.glob("llama_cpp_python-*.tar.gz"))) as source:
        source.extractall(work, filter="data")
    tree = next(work.glob("llama_cpp_python-*/vendor/llama.cpp"))
    path = {**os.environ, "PATH": f"{work}/env/bin:{os.environ['PATH']}"}
    _run("cmake", "-S", tree, "-B", work / "build", "-G", "Ninja", *FLAGS, env=path)
    _run("ninja", "-C", work / "build", "llama-server", env=path)
    shutil.copy2(work / "build" / "bin" / "llama-server", folder / "llama-server")


def _run(*command: object, env: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], check=True, env=env, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    build(Path(sys.argv[1]).expanduser())
