"""What every step is, and the context it works in.

A step is data. It reads and writes only through the Host of its context; it never decides whether it may run. What the
engine may ask of a step are the attributes and methods of ``Step``: the engine never names a step's class.
"""

from __future__ import annotations

import hashlib
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from msgspec import Struct, StructMeta

from ...hosts import EndUnknown, EngineUnreachable, Files, Host, HostError
from ...text import _

State = Literal["before", "after", "moved"]


class StepFailed(HostError):
    """The step could not be done; nothing, or exactly what it says, was changed."""


class StepMoved(StepFailed):
    """The world is no longer as the preview showed it."""


class StopAsked(Exception):
    """Somebody wants to leave: the step that was running has ended, or leaves nothing where it is cut short."""


class Text(Struct, frozen=True, tag="text"):
    """Content given by the plan itself."""

    text: str


class CopyOf(Struct, frozen=True, tag="copy"):
    """Content of another file on the host, read when the plan is prepared."""

    path: str


class RandomKey(Struct, frozen=True, tag="random-key"):
    """Fresh random bytes in base64, 64 characters a line.

    fact: mongod accepts keys of 6 to 1024 characters without white space
    """

    size: int = 756


class Stored(Struct, frozen=True, tag="stored"):
    """Content that is only named: an exact step holds it in the blob store, so that no journal line carries it."""

    size: int
    """Bytes."""


Content = Text | CopyOf | RandomKey | Stored


def sha256(content: bytes) -> str:
    """The name of a content in the blob store: its SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class StepContext:
    """The host a step works on, and the store of file contents that previews, backups and undo share."""

    def __init__(self, host: Host, blobs: Mapping[str, bytes] | None = None) -> None:
        self.host = host
        self.blobs: dict[str, bytes] = dict(blobs or {})
        """By SHA-256. In memory while previewing; the journal keeps them (mode 0600) before the first change."""
        self.notes: list[str] = []
        """What preparing, or a step that acts, wants to tell the operator and no diff shows."""
        self.pending: dict[str, bytes] = {}
        """While previewing: files as earlier steps will have left them, by path."""
        self.tell: Callable[[str], None] = lambda _: None
        """What a step that takes long says of itself once a second. Raises what ends it when somebody wants to stop."""
        self.created: frozenset[str] = frozenset()
        """While previewing: those of them that do not exist yet."""
        self.disk: Files = host.files
        """While previewing: the files as they are on the host, without what earlier steps would have done."""
        self.originals: dict[str, str | None] = {}
        """While previewing: SHA-256 of what is on the host at the pending paths; None where nothing is."""

    def __repr__(self) -> str:
        return f"StepContext({self.host.name!r}, {len(self.blobs)} contents)"

    def keep(self, content: bytes) -> str:
        """Put a content into the store and return its name."""
        name = sha256(content)
        self.blobs[name] = content
        return name

    def content(self, name: str) -> bytes:
        """A content of the store. Raises StepFailed when its backup is gone."""
        try:
            return self.blobs[name]
        except KeyError:
            raise StepFailed(
                _(
                    "The content {name} is no longer in the journal's store, so it cannot be put back",
                    name=name[:12],
                )
            ) from None


class PreparedStep(Struct, frozen=True):
    """A step made exact: what will be done, to what, and what takes it back."""

    step: Step
    inverse: Step | None
    diff: str
    """Unified diff, or before and after, with secrets masked; empty when only words can tell."""
    changes: bool = True
    """False when everything is already as wanted."""


class AbstractStruct(ABCMeta, StructMeta):
    """Makes ``abstractmethod`` count for Structs: one that lacks such a method cannot be made."""


class Step(Struct, frozen=True, tag=True, metaclass=AbstractStruct):
    """One act. An intention until ``prepare`` has made it exact; only exact steps are applied and journalled."""

    named_by: ClassVar[str] = "name"
    """The field that names what it changes."""
    is_service_step: ClassVar[bool] = False
    """True for steps that make a service follow its files (restart, recreate): taken back after everything else."""
    changes_nothing: ClassVar[bool] = False
    """True for steps that only look or wait: they have no inverse, and nothing is missing for the lack of it."""
    repeated_to_follow: ClassVar[bool] = False
    """True where it is taken back by doing it again, which is of use only where a service has to follow its files."""
    read_by_engine: ClassVar[bool] = False
    """True where the Engine itself follows a file, so that it may have died of that: then the file is put back at once,
    whether the Engine answers or not."""
    undone_alone: ClassVar[bool] = False
    """True for a service step whose undo is of use by itself: a restart alone leaves nothing to take back."""
    left_behind: ClassVar[str] = ""
    """Set where nothing needs to take it back: what is said to somebody who wants to undo such steps alone."""
    shared: ClassVar[bool] = False
    """True where somebody else having done the very same meanwhile is as good as doing it."""
    tells_itself: ClassVar[bool] = False
    """True where the step alone sees whether there is anything to do, and whether it was done."""
    may_be_cut: ClassVar[bool] = False
    """True where somebody who wants to stop need not wait for its end."""
    deadline: ClassVar[float] = 90.0
    """Seconds after which the step counts as unknown, whatever it is doing."""

    @abstractmethod
    def describe(self) -> str:
        """One sentence: what it does."""

    @property
    def target(self) -> str:
        """The path, the service or the container that is changed, for people."""
        return str(getattr(self, self.named_by))

    @abstractmethod
    def prepare(self, bench: StepContext) -> PreparedStep:
        """Make the step exact by reading, changing nothing. Raises StepFailed when it could not be done."""

    @abstractmethod
    def state(self, bench: StepContext) -> State:
        """Where the world stands for this exact step."""

    @abstractmethod
    def act(self, bench: StepContext) -> None:
        """Do it, without asking. Raises StepFailed when it cannot be done."""

    def command(self) -> str:
        """The command that a person would type for it, behind ``$ ``; empty where there is none."""
        return ""

    def audit_name(self) -> str:
        """What the audit log calls its target."""
        return self.target

    def lasts(self, inverse: Step | None) -> bool:
        """Whether nothing takes it back, with what ``prepare`` gave for its inverse."""
        return inverse is None and not self.changes_nothing

    @property
    def harms_for_good(self) -> bool:
        """Where nothing takes it back: whether somebody may be using what it changes. Consent is a typed word then."""
        return not self.left_behind

    @property
    def loses(self) -> bool:
        """Whether something is lost by it though there is a way back: consent is a typed word then too."""
        return False

    @property
    def affects(self) -> str | None:
        """Id of the container that it stops or replaces."""
        return None

    @property
    def keeps_running(self) -> bool:
        """Whether its service ran well before, so that it has to run afterwards."""
        return False

    @property
    def needs_container(self) -> bool:
        """Whether its service has to have a container afterwards."""
        return False

    def seen(self, host: Host) -> tuple[str, str | None] | None:  # noqa: ARG002 - most steps act on no service
        """State and start of its service's container now, in the Engine's words; None where there is no container.

        Raises HostError where the Engine does not say.
        """
        return None

    def tolerates(self, error: HostError) -> str | None:  # noqa: ARG002 - most failures count
        """What is said where this failure is let pass; None: it is not."""
        return None

    def repeated(self) -> Step:
        """The step that takes its own inverse back: itself, on whatever is there by then."""
        return self

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:  # noqa: ARG002
        """For the preview of an undo: the inverse of this step made exact, and what takes that back.

        None where there is nothing to do: what somebody has stopped since is not started. HostError where it cannot be.
        """
        return self, step.repeated()

    def require_made(self, bench: StepContext) -> None:
        """Raises StepFailed where it made something else than was shown."""

    def lacks(self, bench: StepContext) -> tuple[str, ...]:  # noqa: ARG002 - most ways back are judged by their files
        """As a way back: what is otherwise than before the fix. Raises HostError where that cannot be seen."""
        return ()

    def paths_in_flux(self, bench: StepContext) -> frozenset[str]:  # noqa: ARG002 - most steps do one act
        """Paths that this step has left in a state of its own, between two of its acts: a kill came in the middle."""
        return frozenset()

    def untouched(self, bench: StepContext) -> bool:  # noqa: ARG002 - most steps are judged by ``state`` alone
        """Whether a step that has just failed has changed nothing, so that it need not be taken back."""
        return False

    def no_worse(self, bench: StepContext) -> bool:  # noqa: ARG002 - asked of ``repeated_to_follow`` alone
        """Whether its service does as well as before though it failed half-way: doing it again would be of no use."""
        return False

    def tidy(self, bench: StepContext) -> tuple[str, ...]:  # noqa: ARG002 - most steps leave nothing
        """Remove what this step left lying about when it was cut short in its middle; says what was removed."""
        return ()

    def forget(self) -> None:
        """Drop what somebody typed for it, which is held in memory alone."""

    def apply(self, bench: StepContext) -> None:
        """Do it. Raises StepMoved when ``state`` is not ``before``, StepFailed when it cannot be done.

        Raises EngineUnreachable and EndUnknown as they are: what was done is not known then.
        """
        if self.state(bench) != "before":
            raise StepMoved(
                _("{target} is no longer as the preview showed it", target=self.target),
                _("look again and prepare a new plan"),
            )
        try:
            self.act(bench)
        except (StepFailed, EngineUnreachable, EndUnknown):
            raise
        except HostError as error:
            raise StepFailed(str(error), error.remedy) from error


class FileStep(Step, frozen=True):
    """A step on one path."""

    named_by: ClassVar[str] = "path"

    path: str


def kinds(of: type[Step] = Step) -> tuple[type[Step], ...]:
    """Every class of step that is there, without those that others are made from."""
    return tuple(kind for one in of.__subclasses__() for kind in (kinds(one) if one.__subclasses__() else (one,)))
