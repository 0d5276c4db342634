"""Bindings made from the registry of actions; the only place where keys become Textual's."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from ..console.actions import ACTIONS, Action, at, find

_NAMES = {
    "escape": "esc",
    "enter": "enter",
    "space": "space",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "shift+tab": "shift+tab",
}


def bindings(place: str) -> list[BindingType]:
    """What BINDINGS of a place, a list or the app is."""
    return [
        Binding(",".join(action.keys), action.verb, action.label, show=action.footer, tooltip=action.help, id=action.id)
        for action in at(place)
    ]


def name(key: str) -> str:
    """A key as people call it."""
    return _NAMES.get(key, key.replace("ctrl+", "^"))


def keys_of(action: Action, keymap: dict[str, str]) -> str:
    """All keys of an action, remapped ones included, for help and palette."""
    keys = keymap[action.id].split(",") if action.id in keymap else action.keys
    return " ".join(name(key.strip()) for key in keys)


def changes(binding_id: str | None) -> bool:
    """Whether the action behind a binding changes the machine."""
    action = find(binding_id) if binding_id else None
    return action is not None and action.changes


def changing_verbs(*places: str) -> frozenset[str]:
    """Names of the actions of these places that change the machine."""
    return frozenset(action.verb for action in ACTIONS if action.changes and set(places) & set(action.places))
