"""What is installed is what stands in the repository."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = ("checks", "console", "screens", "themes")


def test_every_package_folder_is_listed_in_pyproject() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = (init.parent.relative_to(ROOT) for top in TOP for init in (ROOT / top).rglob("__init__.py"))
    found = {"stackops"} | {".".join(("stackops", *folder.parts)) for folder in folders}
    assert listed == found


def test_every_folder_with_a_module_is_a_package() -> None:
    folders = {module.parent for top in TOP for module in (ROOT / top).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    "module",
    [
        "stackops.console.model",
        "stackops.console.collect.collector",
        "stackops.checks.registry",
        "stackops.console.cli",
    ],
)
def test_a_headless_module_imports_neither_the_screen_nor_a_driver(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('textual', 'docker', 'psutil', 'ruamel', 'requests', 'dotenv') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_shell_string_is_ever_run() -> None:
    offenders = [
        str(module.relative_to(ROOT))
        for top in TOP
        for module in (ROOT / top).rglob("*.py")
        if "shell=True" in module.read_text() or "os.system(" in module.read_text()
    ]
    assert offenders == []


def test_modules_and_functions_stay_small() -> None:
    """400 lines a file; functions are held at 40 statements by ruff (PLR0915)."""
    long = {
        str(module.relative_to(ROOT)): count
        for top in TOP
        for module in (ROOT / top).rglob("*.py")
        if (count := len(module.read_text().splitlines())) > 400
    }
    assert long == {}
