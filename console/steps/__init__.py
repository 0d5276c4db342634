"""Steps: the smallest acts a fix is made of. Each knows how it would look, how to do itself, and what takes it back."""

from __future__ import annotations

from .ask_model import AskModel
from .base import Content, CopyOf, Prepared, RandomKey, State, Step, StepFailed, StepMoved, Stored, Text, Workbench
from .compose_edit import AddVolume
from .config_edit import RepairConfig
from .editing import Edit
from .engine import EngineReload
from .env_edit import EnvLine
from .files import Chmod, Chown, CreateFile, EditFile, ReplaceDirectoryByFile, ReplaceFile
from .gpu_edit import PinGpus
from .http import UnloadModel
from .inverse import RemoveFile, RestoreDirectory, RestoreFile
from .json_edit import EditJson
from .mongo import MongoCommand
from .mongo_start import InitiateSet
from .rename_variable import RenameVariable
from .service_edit import SetServiceKeys
from .services import ComposeUp, RestartContainer
from .wait import WaitFor

AnyStep = (
    EditFile
    | CreateFile
    | ReplaceFile
    | ReplaceDirectoryByFile
    | Chmod
    | Chown
    | ComposeUp
    | RestartContainer
    | MongoCommand
    | InitiateSet
    | EngineReload
    | WaitFor
    | AskModel
    | UnloadModel
    | RestoreFile
    | RemoveFile
    | RestoreDirectory
)
"""Every step the journal can hold; the last three only ever take back."""

__all__ = [
    "AddVolume", "AnyStep", "AskModel", "Chmod", "Chown", "ComposeUp", "Content", "CopyOf", "CreateFile", "Edit",
    "EditFile", "EditJson", "EngineReload", "EnvLine", "InitiateSet", "MongoCommand", "PinGpus", "Prepared",
    "RandomKey", "RemoveFile", "RenameVariable", "RepairConfig", "ReplaceDirectoryByFile", "ReplaceFile",
    "RestartContainer", "RestoreDirectory", "RestoreFile", "SetServiceKeys", "State", "Step", "StepFailed",
    "StepMoved", "Stored", "Text", "UnloadModel", "WaitFor", "Workbench",
]  # fmt: skip
