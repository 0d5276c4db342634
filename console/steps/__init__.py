"""Steps: the smallest acts a fix is made of. Each knows how it would look, how to do itself, and what takes it back."""

from __future__ import annotations

from .base import Content, CopyOf, Text, Prepared, RandomKey, Step, StepFailed, StepMoved, Workbench
from .compose_edit import AddVolume
from .files import Chmod, Chown, CreateFile, EditFile, ReplaceDirectoryByFile, ReplaceFile
from .services import ComposeUp, RestartContainer

AnyStep = (
    EditFile | CreateFile | ReplaceFile | ReplaceDirectoryByFile | Chmod | Chown | ComposeUp | RestartContainer
)  # the inverse-only steps (RestoreFile, RemoveFile, RestoreDirectory) join here

__all__ = [
    "AddVolume", "AnyStep", "Chmod", "Chown", "ComposeUp", "Content", "CopyOf", "CreateFile", "EditFile", "Text",
    "Prepared", "RandomKey", "ReplaceDirectoryByFile", "ReplaceFile", "RestartContainer", "Step", "StepFailed", "StepMoved",
    "Workbench",
]  # fmt: skip
