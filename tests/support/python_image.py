"""For tests that want a mongod that speaks behind a name whose usual stand-in only judges its key file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ENGINE = Path(__file__).resolve().parents[1] / "engine"


def images() -> ModuleType:
    """The builder of the stand-ins."""
    import sys

    known = sys.modules.get("standin_images")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location("standin_images", ENGINE / "images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["standin_images"] = module
    spec.loader.exec_module(module)
    return module


def build(names: dict[str, str]) -> None:
    """Let such a mongod stand behind each of the names: ``{"mongo:5.0.18": "5.0.18"}``, its version."""
    made = images()
    for name, version in names.items():
        made.put(name, made.mongo(version))
