"""What is found the same way in a PostgreSQL and in a MySQL: refused logins, and connections that run out. Pure.

The words are each check's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..console.model import Container, DatabaseAnswer, DatabaseKind, DatabaseState, Snapshot
from ..console.model.findings import Evidence
from ..console.text import _
from .api import Case, Fine, Form, Found, Unknown

DUMB = frozenset({"silent", "another", "driver", "unreachable"})
"""It is there and says nothing of it. Where nobody is there, others say so."""
NEARLY = 0.9


@dataclass(frozen=True)
class RefusedLogin:
    """A login that a server does not take, or that leads to no database."""

    state: DatabaseState
    server: Container
    app: Container
    own: DatabaseState | None
    """What the server said to the user that its own variables name: the same user, if they name it."""

    @property
    def known(self) -> bool:
        """Whether the server takes the login that its own variables name, so that the app's is another one."""
        return self.own is not None and self.own.accepted is True

    def case(self, form: Form, words: dict[str, str]) -> Case[DatabaseState]:
        """With what every such case shows."""
        state, own = self.state, self.own
        words = {
            "server": self.server.name, "variable": state.variable, "user": state.user, "database": state.database,
            "service": self.app.service or self.app.name,
        } | words  # fmt: skip
        rows = [
            Evidence(_("logs in as"),
                     _("{user}, database {database}", user=state.user, database=state.database or _("none")),
                     _("{variable} of {owner}", variable=state.variable, owner=self.app.name)),
            Evidence(_("answer"), state.answer.said, self.server.name),
        ]  # fmt: skip
        if own is not None and state.accepted is False:
            said = (
                _("is taken")
                if self.known
                else _("is refused too")
                if own.accepted is False
                else _("could not be tried")
            )
            rows.append(
                Evidence(
                    _("its own first user"),
                    f"{own.user} {said}",
                    _("{variable} of {owner}", variable=own.variable, owner=self.server.name),
                )
            )
        return Case(self.app.name, form, state, tuple(rows), words, about=state.variable)


def logins(
    snapshot: Snapshot, kind: DatabaseKind, case: Callable[[RefusedLogin], Case[DatabaseState]]
) -> Iterator[Found]:
    """Each app whose login was tried: what is wrong with it, once for each account, else that it is good."""
    by_id = {container.id: container for container in snapshot.containers}
    tried: defaultdict[str, dict[tuple[object, ...], DatabaseState]] = defaultdict(dict)
    for state in snapshot.databases:
        if state.kind == kind and state.owner != state.container and {state.owner, state.container} <= by_id.keys():
            trouble = state.answer.trouble
            asked = state.database if state.accepted else ""
            tried[state.owner].setdefault((state.container, state.user, asked, trouble), state)
    for owner, states in tried.items():
        told = [_judged(state, by_id[state.container], by_id[owner], snapshot, case) for state in states.values()]
        found = [one for one in told if one is not None]
        yield from [one for one in found if not isinstance(one, Fine)] or found[:1]


def _judged(
    state: DatabaseState, server: Container, app: Container, snapshot: Snapshot,
    case: Callable[[RefusedLogin], Case[DatabaseState]],
) -> Found | None:  # fmt: skip
    doubt = state.answer.said if state.answer.trouble in DUMB else _runs_on(state, app, snapshot)
    if doubt is not None:
        return Unknown(
            app.name, _("Cannot say whether {server} takes the login of {app}", server=server.name, app=app.name), doubt
        )
    if state.accepted is None:
        return None
    if state.answer.trouble is None:
        return Fine(
            app.name, _("{server} takes the login of {app}", server=server.name, app=app.name), _account(state, server)
        )
    own = [one for one in snapshot.databases if one.container == server.id == one.owner]
    own.sort(key=lambda one: one.user != state.user)
    return case(RefusedLogin(state, server, app, next(iter(own), None)))


def _runs_on(state: DatabaseState, app: Container, snapshot: Snapshot) -> str | None:
    """Why a refusal may be meant for us alone: MySQL's accounts are for hosts, and this app was let in at its start.

    fact: one-api v0.6.7, main.go: it ends where its database does not take it, before it listens.
    """
    if state.kind != "mysql" or state.accepted is not False:
        return None
    if not any(one.container == app.id and one.trouble is None for one in snapshot.oneapis):
        return None
    return _(
        "{app} answers, so it was let in when it started: its account may be for other hosts only, or its "
        "password has been changed since. To this machine it says: {said}",
        app=app.name,
        said=state.answer.said,
    )


def _account(state: DatabaseState, server: Container) -> tuple[Evidence, ...]:
    answer = state.answer
    told = ", ".join(filter(None, (answer.account, answer.plugin)))
    return (Evidence(_("account"), told, server.name),) if told else ()


def connections(
    snapshot: Snapshot, kind: DatabaseKind, forms: tuple[Form, Form],
    words: Callable[[str, DatabaseState], dict[str, str]],
) -> Iterator[Found]:  # fmt: skip
    """Each server that told how many it has, or that refused for want of them; ``forms``: none left, nearly none."""
    for server in snapshot.containers:
        states = [state for state in snapshot.databases if (state.kind, state.container) == (kind, server.id)]
        refused = next((state for state in states if state.answer.trouble == "full"), None)
        told = max((state for state in states if state.answer.most), key=lambda one: one.answer.used or 0, default=None)
        if refused is not None:
            rows = (Evidence(_("answer"), refused.answer.said, server.name),)
            yield Case(server.name, forms[0], server.id, rows, _room(refused.answer) | words(server.name, refused))
        elif told is not None and told.answer.most:
            used, most = told.answer.used or 0, told.answer.most
            rows = (Evidence(_("connections"), _("{used} of {total}", used=used, total=most), server.name),)
            if used >= NEARLY * most:
                yield Case(server.name, forms[1], server.id, rows, _room(told.answer) | words(server.name, told))
            else:
                yield Fine(server.name, _("{server} has connections left", server=server.name), rows)


def _room(answer: DatabaseAnswer) -> dict[str, str]:
    most = answer.most or 0
    return {"used": str(answer.used or 0), "most": str(most), "more": str(2 * most + 6 if most else 300)}
