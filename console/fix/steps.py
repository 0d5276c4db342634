"""Every step that a plan may hold and a journal can be read with: one is a file in ``acts`` and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from .acts.base import (
    Content,
    CopyOf,
    PreparedStep,
    RandomKey,
    State,
    Step,
    StepContext,
    StepFailed,
    StepMoved,
    Stored,
    Text,
    kinds,
)
from .acts.compose_edits import AddVolume, PinGpus, RenameVariable, SetServiceKeys
from .acts.content import RemoveFile, RestoreDirectory, RestoreFile
from .acts.editing import EditJson, EnvLine, RepairConfig
from .acts.engine import EngineReload
from .acts.files import Chmod, Chown, CreateFile, Edit, EditFile, ReplaceDirectoryByFile, ReplaceFile
from .acts.images import PullImage, TagImage
from .acts.mongo import InitiateSet, MongoCommand, SetMember
from .acts.pruning import Prune
from .acts.scaling import ScaleService
from .acts.servers import AskModel, UnloadModel, WaitFor
from .acts.services import ComposeUp
from .acts.standing import RestartContainer, StartContainer, StopContainer

if TYPE_CHECKING:
    AnyStep = Step
else:
    AnyStep = Union[kinds()]  # noqa: UP007 - of classes that are found, told apart in the journal by their names
