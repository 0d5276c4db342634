"""The one registry of actions: keys, palette, footer and help are all made from it.

Data only: nothing here knows a screen. A place shows the actions that name it and those of ``app``; a list or a text
that has the focus adds those of ``list``. Lower case looks, capitals change.
"""

from __future__ import annotations

from itertools import combinations

from msgspec import Struct


class Action(Struct, frozen=True):
    """Something a key can do."""

    id: str
    """Stable name for remapping, ``place.verb``: ``container.restart``."""
    keys: tuple[str, ...]
    label: str
    """A word or two for the footer."""
    help: str
    """A sentence for the help screen and the palette."""
    changes: bool = False
    """Whether it changes the machine; refused and shown dimmed in read-only mode."""
    footer: bool = True
    places: tuple[str, ...] = ()
    """Where it can be done; ``app`` is everywhere."""
    near: tuple[str, ...] = ()
    """Places whose footer shows it although it can be done everywhere."""

    @property
    def verb(self) -> str:
        """The part after the dot: the name of the method that does it."""
        return self.id.rpartition(".")[2]


_LISTS = ("list",)
_FINDINGS = ("overview", "doctor")
_CONTAINERS = ("overview", "container")
_HOLDERS = (*_CONTAINERS, "gpus", "servers")

ACTIONS: tuple[Action, ...] = (
    Action("overview.demo", ("d",), "demo", "Open the practice stack", places=("overview",)),
    Action("finding.fix", ("F",), "fix", "Show what the fix of the selected finding would change", places=_FINDINGS),
    Action("plan.apply", ("A",), "apply", "Apply this fix, after asking", True, places=("plan",)),
    Action("plan.undo", ("U",), "undo", "Take back the fix that was just made", True, places=("plan",)),
    Action(
        "journal.undo", ("U",), "undo", "Show what taking back the selected entry would change", places=("journal",)
    ),
    Action("list.open", ("enter",), "open", "Go into the selected line", places=_LISTS),
    Action("container.logs", ("l",), "logs", "Show the logs over the whole screen, or back", places=_HOLDERS),
    Action("container.follow", ("f",), "follow", "Follow the logs as they come, or stop", places=("container",)),
    Action("container.find", ("/",), "find", "Look for words in the log", places=("container",)),
    Action(
        "container.next_hit", ("n",), "next", "To the next line with those words", places=("container",), footer=False
    ),
    Action(
        "container.previous_hit",
        ("N",),
        "previous",
        "To the line with those words before",
        places=("container",),
        footer=False,
    ),
    Action("overview.filter", ("/",), "filter", "Show only lines with these words", places=("overview",)),
    Action("container.shell", ("s",), "shell", "Open a shell in the container", True, places=_HOLDERS, footer=False),
    Action("container.restart", ("R",), "restart", "Restart the container, after asking", True, places=_HOLDERS),
    Action("container.stop", ("S",), "stop", "Stop the container, after asking", True, places=_HOLDERS),
    Action("container.start", ("A",), "start", "Start the container, after asking", True, places=_CONTAINERS),
    Action("container.recreate", ("C",), "recreate", "Recreate the service through compose", True, places=_CONTAINERS),
    Action("container.remove", ("D",), "remove", "Remove the container; its name is typed", True, places=_CONTAINERS),
    Action("overview.order", ("o", ">"), "order", "Order by the next column", places=("overview",)),
    Action(
        "overview.order_back", ("<",), "order back", "Order by the column before", places=("overview",), footer=False
    ),
    Action("overview.peek", ("space",), "peek", "Show or hide the findings", places=("overview",), footer=False),
    Action("app.look", ("r",), "look again", "Look at everything again now", places=("app",), footer=False),
    Action("app.copy", ("y",), "copy", "Copy the name of what is selected", places=("app",), footer=False),
    Action("app.overview", ("1",), "overview", "Go to the overview", places=("app",), footer=False),
    Action(
        "app.doctor", ("2",), "doctor", "Go to the doctor: every check and what it says", places=("app",), footer=False
    ),
    Action(
        "app.journal", ("3",), "journal", "Go to the journal: what was done, and undo", places=("app",), footer=False
    ),
    Action("app.gpus", ("4",), "gpus", "Go to the GPUs: who holds their memory", places=("app",), footer=False),
    Action(
        "servers.test",
        ("T",),
        "test",
        "Send one real request to the server, after asking: it costs",
        True,
        places=("servers",),
    ),
    Action("servers.unload", ("X",), "unload", "Unload a model of an Ollama, after showing how", places=("servers",)),
    Action("app.servers", ("5",), "servers", "Go to the model servers", places=("app",), footer=False),
    Action(
        "app.fit",
        ("w",),
        "what fits",
        "Which models would fit on the GPUs now",
        places=("app",),
        footer=False,
        near=("gpus",),
    ),
    Action("fit.longer", ("plus", "equals_sign"), "longer", "Twice the context", places=("fit",)),
    Action("fit.shorter", ("minus",), "shorter", "Half the context", places=("fit",)),
    Action("list.up", ("k", "up"), "up", "One line up", places=_LISTS, footer=False),
    Action("list.down", ("j", "down"), "down", "One line down", places=_LISTS, footer=False),
    Action("list.top", ("g", "home"), "top", "To the first line", places=_LISTS, footer=False),
    Action("list.bottom", ("G", "end"), "bottom", "To the last line", places=_LISTS, footer=False),
    Action("list.page_up", ("pageup", "ctrl+u"), "page up", "One page up", places=_LISTS, footer=False),
    Action("list.page_down", ("pagedown", "ctrl+d"), "page down", "One page down", places=_LISTS, footer=False),
    Action("list.left", ("left",), "left", "Scroll to the left", places=_LISTS, footer=False),
    Action("list.right", ("right",), "right", "Scroll to the right", places=_LISTS, footer=False),
    Action("app.next_pane", ("tab",), "next pane", "Go to the next pane", places=("app",), footer=False),
    Action(
        "app.previous_pane", ("shift+tab",), "previous pane", "Go to the pane before", places=("app",), footer=False
    ),
    Action("app.back", ("escape",), "back", "Close this, or go back", places=("app",), footer=False),
    Action("app.palette", (":", "ctrl+p"), "actions", "Search everything that can be done here", places=("app",)),
    Action("app.help", ("?",), "help", "Show the keys of this place", places=("app",)),
    Action("app.quit", ("q", "ctrl+c"), "quit", "Leave the console", places=("app",)),
)


def find(action_id: str) -> Action | None:
    """The action with this id."""
    return next((action for action in ACTIONS if action.id == action_id), None)


def at(place: str) -> tuple[Action, ...]:
    """The actions that name this place, in the order of the footer."""
    return tuple(action for action in ACTIONS if place in action.places)


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
