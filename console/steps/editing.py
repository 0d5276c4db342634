"""Every kind of edit that ``EditFile`` can make, and how one after the other is applied to a file's content. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .compose_edit import AddVolume, apply_edits
from .config_edit import RepairConfig, apply_repair
from .env_edit import EnvLine, apply_env_line
from .gpu_edit import PinGpus, apply_pin
from .json_edit import EditJson, apply_json
from .rename_variable import RenameVariable, apply_rename
from .service_edit import SetServiceKeys, apply_service_keys

Edit = AddVolume | SetServiceKeys | EnvLine | RepairConfig | EditJson | RenameVariable | PinGpus


def apply_all(old: bytes | None, edits: Sequence[Edit], path: str) -> bytes:
    """The new content of the file at ``path``; ``old`` is None where there is none. Raises StepFailed."""
    content = old
    for edit in edits:
        if isinstance(edit, AddVolume):
            content = apply_edits(content, [edit], path)
        elif isinstance(edit, SetServiceKeys):
            content = apply_service_keys(content, edit, path)
        elif isinstance(edit, RepairConfig):
            content = apply_repair(content, edit, path)
        elif isinstance(edit, EditJson):
            content = apply_json(content, edit, path)
        elif isinstance(edit, RenameVariable):
            content = apply_rename(content, edit, path)
        elif isinstance(edit, PinGpus):
            content = apply_pin(content, edit, path)
        else:
            content = apply_env_line(content, edit, path)
    return content or b""


def without_secrets(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """As an exact step carries them into the journal: values that hold a secret are masked, their bytes are a blob."""
    return tuple(edit.masked() if isinstance(edit, SetServiceKeys | EnvLine) else edit for edit in edits)


def words(edits: Sequence[Edit]) -> str:
    """What the edits do, as a part of a sentence."""
    mounts = [f"{e.source} → {e.target} for {e.service}" for e in edits if isinstance(e, AddVolume)]
    others = [e.describe() for e in edits if not isinstance(e, AddVolume)]
    return "; ".join([*([f"mount {', '.join(mounts)}"] if mounts else []), *others])
