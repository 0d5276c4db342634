"""Images: pulled with progress, while what runs goes on with what it has; and what an image's name means, put back.

fact: docs.docker.com/reference/api/engine, ImageCreate: an error may come inside a stream that began with status 200.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import time
from typing import ClassVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from ...hosts import EngineUnreachable, HostError, NotFound
from ...hosts.acting import reach
from ...text import N_, _
from ...text.cleaning import clean_line, masked, size
from .base import PreparedStep, State, Step, StepContext, StepFailed, StopAsked
from .standing import image_named

PULL_WITHIN = 4 * 3600.0
"""Seconds: model servers' images have tens of GiB."""
NEWER = N_("A newer image")
"""How the sentence begins that tells of one."""
KEPT = "stackops/kept"
"""Repository whose tags keep former images, so that no prune takes them."""
_WHOLE = ("Downloaded newer image", "Image is up to date")
"""What the last line of a whole pull says, behind ``Status:``. fact: moby distribution/pull_v2.go"""


class _Part(Struct, frozen=True):
    current: int | None = None
    total: int | None = None


class _Detail(Struct, frozen=True):
    message: str | None = None


class _Line(Struct, frozen=True):
    """One line of the stream."""

    status: str | None = None
    id: str | None = None
    error: str | None = None
    error_detail: _Detail | None = field(default=None, name="errorDetail")
    progress: _Part | None = field(default=None, name="progressDetail")


class _Hearing:
    """The stream of one pull as it comes: how far it is, whether it came to its end, or why not."""

    def __init__(self, bench: StepContext) -> None:
        self._bench = bench
        self._layers: dict[str, _Part] = {}
        self._done: set[str] = set()
        self._told = -math.inf
        self.whole = False

    def line(self, raw: bytes) -> None:
        """Raises StepFailed for an error, which ends the stream."""
        with contextlib.suppress(msgspec.MsgspecError):
            self._take(msgspec.json.decode(raw, type=_Line))

    def _take(self, line: _Line) -> None:
        if line.error or line.error_detail:
            said = (line.error_detail and line.error_detail.message) or line.error or _("it gave no reason")
            raise StepFailed(masked(clean_line(said, 300)))
        status = line.status or ""
        self.whole = self.whole or (status.startswith("Status: ") and any(each in status for each in _WHOLE))
        if line.id and status == "Downloading" and line.progress:
            self._layers[line.id] = line.progress
        if line.id and status in ("Pull complete", "Already exists"):
            self._done.add(line.id)
        if line.id and status == "Pulling fs layer":
            self._layers.setdefault(line.id, _Part())
        if (now := time.monotonic()) - self._told >= 1.0:
            self._told = now
            self._bench.tell(self._far() or clean_line(status, 60))

    def _far(self) -> str:
        """fact: a layer's size is told with its first bytes, so the sum grows at the beginning."""
        layers = {*self._layers, *self._done}
        total = sum(each.total or 0 for each in self._layers.values())
        have = sum((each.total if name in self._done else each.current) or 0 for name, each in self._layers.items())
        amount = _(", {have} of {total} so far", have=size(have), total=size(total)) if total else ""
        return (
            _("{count} of {count2} layers{amount}", count=len(self._done), count2=len(layers), amount=amount)
            if layers
            else ""
        )


class PullImage(Step, frozen=True):
    """Pull what an image's name means in its registry now. No container changes; the former image is kept by a tag."""

    named_by: ClassVar[str] = "image"
    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True
    left_behind: ClassVar[str] = N_("only pulled an image that was not there")
    shared: ClassVar[bool] = True
    tells_itself: ClassVar[bool] = True
    may_be_cut: ClassVar[bool] = True
    deadline: ClassVar[float] = PULL_WITHIN

    image: str
    former: str | None = None
    """Id of the image that the name means now; None where there is none. Set by ``prepare``."""
    among: bool = False
    """Whether it is one of several: one that is not pulled keeps the others from nothing."""

    def describe(self) -> str:
        """One sentence: what it does."""
        return _("Pull {image}; what runs goes on with the image it has", image=clean_line(self.image, 120))

    def command(self) -> str:
        """The command that a person would type, to be shown."""
        return masked(f"$ docker pull {shlex.quote(self.image)}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Remember what the name means now. Raises StepFailed for what is no name."""
        if _is_id(self.image):
            raise StepFailed(_("Its image has no name here, only an id, so there is nothing to pull"))
        former = _meant(bench, self.image)
        step = replace(self, former=former)
        return PreparedStep(step, TagImage(self.image, former) if former else None, step.command())

    def state(self, bench: StepContext) -> State:
        """After: the name means another image than at the preview."""
        return "before" if _meant(bench, self.image) == self.former else "after"

    def tolerates(self, error: HostError) -> str | None:
        """One image of several may not be had."""
        return (
            _("{image} was not pulled: {error}", image=clean_line(self.image, 120), error=error) if self.among else None
        )

    def act(self, bench: StepContext) -> None:
        """Pull, and say whether it is another image. Raises StepFailed with what the registry or the Engine said."""
        reach("before_restart")
        heard = _Hearing(bench)
        try:
            bench.host.control.pull(self.image, heard.line, deadline=PULL_WITHIN - 60.0)
        except StopAsked:
            raise StepFailed(_("It was stopped; the image is the one it was")) from None
        except EngineUnreachable as error:
            _meant(bench, self.image)  # raises where the Engine itself is away
            raise StepFailed(_("The pull broke off: {error}", error=error), error.remedy) from error
        if not heard.whole:
            raise StepFailed(_("The pull broke off in its middle: the Engine did not say that it is complete"))
        now = _meant(bench, self.image)
        if now is None:
            raise StepFailed(_("The Engine says that the pull is complete, but the image is not there"))
        bench.notes.append(self._news(bench, now))

    def _news(self, bench: StepContext, now: str) -> str:
        name = clean_line(self.image, 120)
        if now == self.former:
            return _("No newer image: {name} is {short} in its registry too", name=name, short=_short(now))
        if self.former is None:
            return _(
                "{newer}: {name} is here now ({short}); there was none before",
                newer=_(NEWER),
                name=name,
                short=_short(now),
            )
        bench.host.control.tag(self.former, _kept(self.former))
        return _(
            "{newer}: {name} is {short} now; the former one is kept as {kept}",
            newer=_(NEWER),
            name=name,
            short=_short(now),
            kept=_kept(self.former),
        )


class TagImage(Step, frozen=True):
    """Let an image's name mean a former image again: what takes a pull back."""

    named_by: ClassVar[str] = "image"
    is_service_step: ClassVar[bool] = True
    undone_alone: ClassVar[bool] = True

    image: str
    former: str

    def describe(self) -> str:
        """One sentence: what it does."""
        return _(
            "Let {image} mean the image {short} again",
            image=clean_line(self.image, 120),
            short=_short(self.former),
        )

    def command(self) -> str:
        """The command that a person would type, to be shown."""
        return masked(f"$ docker tag {_short(self.former)} {shlex.quote(self.image)}")

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Find both images. Raises StepFailed where the former one is gone."""
        image_named(bench.host, self.former)
        now = _meant(bench, self.image)
        inverse = TagImage(self.image, now) if now else None
        return PreparedStep(self, inverse, self.command(), now != self.former)

    def prepare_back(self, bench: StepContext, step: Step) -> tuple[Step, Step] | None:
        """Nothing is to do where the name means it already. Raises StepFailed where the former image is gone."""
        prepared = self.prepare(bench)
        return (self, prepared.inverse or step) if prepared.changes else None

    def state(self, bench: StepContext) -> State:
        """By what the name means."""
        return "after" if _meant(bench, self.image) == self.former else "before"

    def act(self, bench: StepContext) -> None:
        """Give the former image the name, and drop the tag that kept it."""
        reach("before_restart")
        bench.host.control.tag(self.former, self.image)
        with contextlib.suppress(NotFound):
            bench.host.control.remove_image(_kept(self.former))


def _meant(bench: StepContext, name: str) -> str | None:
    """Id of the image that a name means; None where there is none."""
    try:
        return image_named(bench.host, name).id
    except StepFailed:
        return None


def _is_id(name: str) -> bool:
    return name.startswith("sha256:") or (len(name) in (12, 64) and all(each in "0123456789abcdef" for each in name))


def _short(ident: str) -> str:
    return ident.removeprefix("sha256:")[:12]


def _kept(ident: str) -> str:
    return f"{KEPT}:{_short(ident)}"
