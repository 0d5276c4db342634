"""Every place and every key, declared once: bindings, footer, header, help and palette are made from these tables.

Data only: no screen is imported here. A place shows the actions that name it and those of ``app``; a list or a text
that has the focus adds those of ``list``. Lower case looks, capitals change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from msgspec import Struct
from textual.binding import Binding, BindingType

from ..console.settings import CommandSettings


class Destination(Struct, frozen=True):
    """A place and the way to it."""

    name: str
    where: str
    """``module:Class`` in ``screens/places``, imported when somebody goes there."""
    title: str
    """Heading of its keys in the help, and its name in the header."""
    key: str = ""
    """Leads there from everywhere; a digit stands in the header. A place without one is opened by a key of another."""
    help: str = ""
    """What that key does, in a sentence."""
    short: str = ""
    """Name in the header, where the title is too long for it."""
    label: str = ""
    """Word in footer and palette, where it is not the name."""
    near: tuple[str, ...] = ()
    """Places whose footer shows the key although it works everywhere."""


PLACES: tuple[Destination, ...] = (
    Destination("overview", "overview:Overview", "Overview", "1", "Go to the overview"),
    Destination("doctor", "doctor:Doctor", "Doctor", "2", "Go to the doctor: every check and what it says"),
    Destination("journal", "journal:JournalScreen", "Journal", "3", "Go to the journal: what was done, and undo"),
    Destination("gpus", "gpus:GpuScreen", "GPUs", "4", "Go to the GPUs: who holds their memory"),
    Destination("servers", "servers:ServersScreen", "Model servers", "5", "Go to the model servers", short="Servers"),
    Destination("wiring", "wiring:WiringScreen", "Wiring", "6", "Go to the wiring: who reaches whom"),
    Destination("timeline", "timeline:Timeline", "Timeline", "e", "Go to the timeline: deaths, health, starts, fixes",
                label="events", near=("overview",)),
    Destination("fit", "fit:FitScreen", "Will it fit", "w", "Which models would fit on the GPUs now",
                label="what fits", near=("gpus",)),
    Destination("container", "container:ContainerScreen", "Container"),
    Destination("inspect", "inspect:InspectScreen", "Inspect"),
    Destination("logs", "logs:LogsScreen", "Logs"),
    Destination("plan", "plan:PlanScreen", "Plan of a fix"),
    Destination("help", "help:Help", "Help"),
)  # fmt: skip
"""In the order of the header."""


class Action(Struct, frozen=True):
    """Something a key can do."""

    id: str
    """Stable name for remapping, ``place.verb``: ``container.restart``."""
    keys: tuple[str, ...]
    label: str
    """A word or two for the footer."""
    help: str
    """A sentence for the help screen and the palette."""
    places: tuple[str, ...]
    """Where it can be done; ``app`` is everywhere."""
    changes: bool = False
    """Whether it changes the machine; refused and not offered in read-only mode."""
    footer: bool = True
    near: tuple[str, ...] = ()
    """Places whose footer shows it although it can be done everywhere."""
    both: str = ""
    """What this one and the next one do together: the help has one line for both."""
    does: str = ""
    """Textual's name of the action, where it is not the part of the id after the dot."""

    @property
    def verb(self) -> str:
        """The name of the method that does it, without ``action_``."""
        return self.does or self.id.rpartition(".")[2]


def _go(place: Destination) -> Action:
    label = place.label or place.name
    return Action(f"app.{place.name}", (place.key,), label, place.help, ("app",), footer=False, near=place.near,
                  does=f"go('{place.name}')")  # fmt: skip


_APP, _LIST, _OVERVIEW, _CONTAINER, _FIT = ("app",), ("list",), ("overview",), ("container",), ("fit",)
_LOGS = ("logs",)
_CONTAINERS = ("overview", "container")
_HOLDERS = (*_CONTAINERS, "gpus", "servers")
_TABLES = ("overview", "doctor", "journal", "gpus", "servers", "wiring", "timeline", "fit")
"""Places with a list of rows, which all order, filter and show them alike."""
_ROWS = (*_TABLES, "inspect")
"""A tree has its own order."""

# fmt: off
ACTIONS: tuple[Action, ...] = (
    Action("overview.demo", ("d",), "demo", "Open the practice stack", _OVERVIEW),
    Action("finding.fix", ("F",), "fix", "Show what the fix of the selected finding would change",
           ("overview", "container", "doctor", "logs", "wiring")),
    Action("plan.apply", ("A",), "apply", "Apply this fix, after asking", ("plan",), changes=True),
    Action("plan.undo", ("U",), "undo", "Take back the fix that was just made", ("plan",), changes=True),
    Action("journal.undo", ("U",), "undo", "Show what taking back the selected entry would change", ("journal",)),
    Action("list.open", ("enter",), "open", "Go into the selected line", _LIST),
    Action("container.logs", ("l",), "logs", "Show the logs over the whole screen, or back", (*_HOLDERS, "wiring")),
    Action("container.follow", ("f",), "pause", "Hold what is shown of the log, or go on", _CONTAINER),
    Action("container.find", ("/",), "find", "Look for words in the log", _CONTAINER),
    Action("container.next_hit", ("n",), "next", "To the next line with those words", _CONTAINER, footer=False,
           both="Next, previous hit"),
    Action("container.previous_hit", ("N",), "previous", "To the line with those words before", _CONTAINER,
           footer=False),
    Action("container.inspect", ("v",), "inspect", "Show all that Docker tells of it, as a tree", _CONTAINER,
           footer=False),
    Action("container.stack_logs", ("L",), "stack logs", "Show the logs of the whole stack as one",
           (*_CONTAINERS, "logs"), footer=False),
    Action("logs.follow", ("f",), "pause", "Hold what is shown, or go on", _LOGS),
    Action("logs.filter", ("/",), "filter", "Show only lines with what is typed", _LOGS),
    Action("logs.next_hit", ("n",), "next", "To the next line that is looked for", _LOGS, does="hit(False)",
           both="Next and previous hit"),
    Action("logs.previous_hit", ("N",), "previous", "To the one before", _LOGS, footer=False, does="hit(True)"),
    Action("logs.next_error", ("e",), "error", "To the next error; first the newest", _LOGS, does="error(False)",
           both="Next and previous error"),
    Action("logs.previous_error", ("E",), "before", "To the error before", _LOGS, footer=False, does="error(True)"),
    Action("logs.context", ("o",), "others", "Show other lines too: none, 3 around each hit, all", _LOGS, footer=False),
    Action("logs.pattern", ("p",), "pattern", "Look for words or for a regular expression", _LOGS, footer=False),
    Action("logs.case", ("i",), "case", "Tell small and capital letters apart, or not", _LOGS, footer=False),
    Action("logs.clock", ("t",), "time", "Time of each line: local, age, UTC, none", _LOGS),
    Action("logs.jump", ("a",), "at", "Go to a time", _LOGS),
    Action("logs.wrap", ("b",), "break", "Break long lines, or cut them", _LOGS),
    Action("logs.mark", ("m",), "mark", "Mark the selected line, or take its mark away", _LOGS),
    Action("logs.next_mark", ("'",), "next mark", "To the next marked line", _LOGS, footer=False),
    Action("logs.copy_lines", ("c",), "copy", "Copy the marked lines, else the selected one, else all in sight", _LOGS),
    Action("logs.export", ("x",), "export", "Write all lines that are shown to a file", _LOGS),
    Action("logs.add", ("plus",), "add", "Read the log of another container too", _LOGS),
    Action("table.filter", ("/",), "filter", "Show only lines with these words; !word: without it", _ROWS,
           footer=False, near=("overview", "doctor", "journal", "timeline")),
    Action("container.shell", ("s",), "shell", "Open a shell in the container", _HOLDERS, changes=True, footer=False),
    Action("container.restart", ("R",), "restart", "Restart the container, after asking", _HOLDERS, changes=True),
    Action("container.stop", ("S",), "stop", "Stop the container, after asking", _HOLDERS, changes=True),
    Action("container.start", ("A",), "start", "Start the container, after asking", _CONTAINERS, changes=True),
    Action("container.pause", ("Z",), "pause", "Hold the container, or let it go on, after asking", _CONTAINERS,
           changes=True, footer=False),
    Action("container.kill", ("K",), "kill", "End the container at once, after asking", _CONTAINERS, changes=True,
           footer=False),
    Action("container.recreate", ("C",), "recreate", "Recreate the service through compose", _CONTAINERS, changes=True),
    Action("container.remove", ("D",), "remove", "Remove the container; its name is typed", _CONTAINERS, changes=True),
    Action("container.scale", ("X",), "scale", "Run more or fewer containers of the service",
           _CONTAINERS, changes=True, footer=False),
    Action("container.pull", ("I",), "pull", "Pull the image; what runs goes on as it is", _CONTAINERS, changes=True,
           footer=False),
    Action("table.order", ("o", ">"), "order", "Order by the next column", _TABLES, footer=False, near=_OVERVIEW,
           does="order(1)",
           both="Order: next, last column"),
    Action("table.order_back", ("<",), "order back", "Order by the column before", _TABLES, footer=False,
           does="order(-1)"),
    Action("table.reverse", ("i",), "reverse", "Order the other way round", _TABLES, footer=False),
    Action("table.jump", ("f",), "jump", "Show a letter before each line; it goes to the line and opens it", _ROWS,
           footer=False, near=_OVERVIEW),
    Action("table.peek", ("space",), "peek", "Show the selected line in full beside the list, or hide it", _ROWS,
           footer=False),
    Action("overview.mark", ("m",), "mark", "Mark it: acts are on all marked ones", _OVERVIEW, footer=False),
    Action("overview.prune", ("P",), "prune", "Remove what nobody uses; never a volume", _OVERVIEW,
           changes=True, footer=False),
    Action("curves.span", ("t",), "time", "How long the curves go back: from 2 minutes to a day", ("gpus", "servers"),
           does="span"),
    Action("overview.flat", ("v",), "flat", "Show one list of services, or the stacks", _OVERVIEW, footer=False),
    Action("overview.welcome", ("x",), "close welcome", "Close the welcome for ever", _OVERVIEW),
    Action("servers.test", ("T",), "test", "Send one real request to the server, after asking: it costs", ("servers",),
           changes=True),
    Action("wiring.models", ("m",), "models", "Show the way of each offered model, or the arrows", ("wiring",)),
    Action("wiring.test", ("T",), "test", "Send one real request the whole way of the model, after asking", ("wiring",),
           changes=True),
    Action("servers.unload", ("X",), "unload", "Unload a model of an Ollama, after showing how", ("servers",)),
    Action("fit.longer", ("plus", "equals_sign"), "longer", "Twice the context", _FIT,
           both="Twice or half the context"),
    Action("fit.shorter", ("minus",), "shorter", "Half the context", _FIT),
    Action("list.up", ("k", "up"), "up", "One line up", _LIST, footer=False, both="One line up, down"),
    Action("list.down", ("j", "down"), "down", "One line down", _LIST, footer=False),
    Action("list.top", ("g", "home"), "top", "To the first line", _LIST, footer=False,
           both="To the first, last line"),
    Action("list.bottom", ("G", "end"), "bottom", "To the last line", _LIST, footer=False),
    Action("list.page_up", ("pageup", "ctrl+u"), "page up", "One page up", _LIST, footer=False,
           both="One page up, down"),
    Action("list.page_down", ("pagedown", "ctrl+d"), "page down", "One page down", _LIST, footer=False),
    Action("list.left", ("left",), "left", "Scroll to the left", _LIST, footer=False, both="Scroll left, right"),
    Action("list.right", ("right",), "right", "Scroll to the right", _LIST, footer=False),
    Action("app.look", ("r",), "look again", "Look at everything again now", _APP, footer=False),
    Action("app.copy", ("y",), "copy", "Copy the name of what is selected", _APP, footer=False),
    *(_go(place) for place in PLACES if place.key),
    Action("app.next_pane", ("tab",), "next pane", "Go to the next pane", _APP, footer=False),
    Action("app.previous_pane", ("shift+tab",), "previous pane", "Go to the pane before", _APP, footer=False),
    Action("app.back", ("escape",), "back", "Close this, or go back", _APP, footer=False),
    Action("app.last", ("minus",), "last place", "Go to the place before this one, and back", _APP, footer=False),
    Action("app.protect", ("W",), "read-only", "Refuse every change from now on; again: ask to allow them", _APP,
           footer=False),
    Action("app.palette", (":", "ctrl+p"), "actions", "Search everything that can be done here", _APP),
    Action("app.help", ("?",), "help", "Show the keys of this place", _APP),
    Action("app.quit", ("q", "ctrl+c"), "quit", "Leave the console", _APP),
)
# fmt: on
"""In the order of the footer."""
CONFIRMED = frozenset({
    f"container.{verb}" for verb in ("restart", "stop", "start", "pause", "kill", "recreate", "remove")
})  # fmt: skip
"""Acts whose question the settings may choose."""


def find(action_id: str) -> Action | None:
    """The action with this id."""
    return next((action for action in ACTIONS if action.id == action_id), None)


def at(place: str) -> tuple[Action, ...]:
    """The actions that name this place, in the order of the footer."""
    return tuple(action for action in ACTIONS if place in action.places)


def bindings(place: str) -> list[BindingType]:
    """What BINDINGS of a place, a list or the app is."""
    return [
        Binding(",".join(action.keys), action.verb, action.label, show=action.footer, tooltip=action.help, id=action.id)
        for action in at(place)
    ]


def changing_verbs(place: str) -> frozenset[str]:
    """Names of the actions of a place that change the machine."""
    return frozenset(action.verb for action in at(place) if action.changes)


_NAMES = {
    "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "pgup", "pagedown": "pgdn",
    "slash": "/", "question_mark": "?", "colon": ":", "greater_than_sign": ">", "less_than_sign": "<", "plus": "+",
    "minus": "-", "equals_sign": "=",
}  # fmt: skip


def name(key: str) -> str:
    """A key as people call it."""
    return _NAMES.get(key, key.replace("ctrl+", "^"))


def keys_of(action: Action, keymap: dict[str, str]) -> str:
    """All keys of an action, remapped ones included, for help and palette."""
    keys = keymap[action.id].split(",") if action.id in keymap else action.keys
    return " ".join(name(key.strip()) for key in keys)


def first_key(action: Action, keymap: dict[str, str]) -> str:
    """One key of an action, for a line that it shares with another."""
    return keys_of(action, keymap).partition(" ")[0]


def of_commands(given: Sequence[CommandSettings]) -> Iterator[tuple[int, CommandSettings, str]]:
    """The custom commands that have a key, by number, each with why the key cannot be theirs."""
    taken = {key: action.id for action in ACTIONS for key in action.keys}
    for number, command in enumerate(given):
        if not command.key:
            continue
        why = f"is {taken[command.key]}'s already" if command.key in taken else ""
        if command.dangerous and not (command.key.isupper() or re.fullmatch(r"f\d{1,2}", command.key)):
            why = why or "is no capital letter, and what may change something needs one"
        taken[command.key] = f"the command {command.name}"
        yield number, command, why


def unknown(keymap: dict[str, str]) -> tuple[str, ...]:
    """Ids of a keymap that name no action, for a message to whoever wrote it."""
    return tuple(action_id for action_id in keymap if find(action_id) is None)


def clashes(keymap: dict[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Key and the two actions that would both be on it in some place, because of this keymap."""

    def keys(action: Action) -> set[str]:
        given = keymap.get(action.id)
        return set(action.keys) if given is None else {key.strip() for key in given.split(",")}

    def meet(one: Action, other: Action) -> bool:
        everywhere = {"app", "list"}
        return bool(set(one.places) & set(other.places) or everywhere & {*one.places, *other.places})

    return tuple(
        (key, one.id, other.id)
        for one, other in combinations(ACTIONS, 2)
        if (one.id in keymap or other.id in keymap) and meet(one, other)
        for key in sorted(keys(one) & keys(other))
    )
