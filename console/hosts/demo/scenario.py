"""What the operator of the practice stack did wrong: one function per form of a pitfall, in one table by check id.

Each function acts as the operator did (edits files, recreates or restarts) on a stack that is otherwise in order. The
first form of each check is on the stack when the demo opens. A check added later adds its forms in the module of its
area, which ``table`` imports; a test fails as long as it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import Files, HostError
from .compose import Compose
from .tree import Tree
from .world import World


class Hands:
    """What the operator can do to the stack, with no guard at all."""

    def __init__(self, world: World, files: Files) -> None:
        self.world = world
        self.files = files

    @property
    def tree(self) -> Tree:
        """His files."""
        return self.world.tree

    def compose(self, folder: str, *arguments: str, files: Sequence[str] = ()) -> None:
        """``docker compose ARGUMENTS`` in a project's folder. Raises HostError when it fails."""
        name = folder.rpartition("/")[2]
        exit_code, output = Compose(self.world, self.files, name, folder, files).run(arguments)
        if exit_code:
            raise HostError(f"compose {' '.join(arguments)} in {folder} ended with {exit_code}: {output}")


Break = Callable[[Hands], None]


@dataclass(frozen=True)
class Scenario:
    """One form of one pitfall."""

    check: str
    """Id of the check that must find it."""
    form: str
    """Which form of the pitfall, as the check names it."""
    story: str
    """What the operator did, from the function's docstring."""
    act: Break


_FORMS: dict[str, dict[str, Scenario]] = {}


def scenario(check: str, form: str) -> Callable[[Break], Break]:
    """Register a function as a form of a check's pitfall. The first one registered is on a fresh stack."""

    def register(act: Break) -> Break:
        forms = _FORMS.setdefault(check, {})
        forms[form] = Scenario(check, form, " ".join((act.__doc__ or "").split()), act)
        return act

    return register


def table() -> dict[str, dict[str, Scenario]]:
    """Every form of every check, by check id, then by form."""
    from . import (  # noqa: F401 - importing registers
        scenarios_docker,
        scenarios_gpu,
        scenarios_librechat,
        scenarios_librechat_env,
        scenarios_mongo,
        scenarios_mongo_set,
        scenarios_oneapi,
        scenarios_servers,
    )

    return _FORMS


def named(check: str, form: str | None = None) -> Scenario:
    """One scenario; without ``form`` the one of a fresh stack. Raises HostError that names those there are."""
    forms = table().get(check)
    if not forms:
        raise HostError(f"The practice stack has no scenario for {check}", f"there are: {', '.join(table())}")
    found = forms.get(form or next(iter(forms)))
    if found is None:
        raise HostError(f"{check} has no form {form} in the practice stack", f"there are: {', '.join(forms)}")
    return found
