"""A secret or an address is empty or too short, because the variable it comes from is set nowhere, or to too little.

What it does
    Looks at what a compose file writes as `NAME=${OTHER}`: where OTHER has no default and nothing gives it a value,
    Compose writes an empty text and a warning. Keys, secrets, passwords and addresses are told; texts are left alone.
    Where a program ends and its last lines name such a variable, or say how long it has to be, that is told as well.

Why it matters
    The warning goes by among the lines of `docker compose up`. The service then ends with a complaint about another
    name than the one that has to be set, or runs without a password.

Fix
    Explained: the variable's name and the file it belongs into. Its value is the operator's.

Sources
    Compose specification, interpolation; LibreChat issue 13902 and the admin panel's 32 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.products.versions import parts_of
from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Snapshot, manual
from ..parties import Party, parties
from ..subjects import lives

_MATTERS = re.compile(r"(?:SECRET|KEY|PASSWORD|PASSWD|TOKEN|URI|URL|DSN|CONN_STRING)$")

OPTIONAL = re.compile(r"(?:HF|HUGGING_?FACE|HUGGING_FACE_HUB)_(?:HUB_|API_)?(?:TOKEN|KEY)$")
"""What most get along without. fact: Hugging Face asks for a token of gated and private models alone."""
_LEAST = re.compile(r"\b([A-Z][A-Z0-9_]*) must be at least (\d{1,3}) characters")
LEAST = {"librechat-admin-panel": ("SESSION_SECRET", 32)}
"""By image: what has to have so many characters. fact: LibreChat issue 13902"""

EMPTY = Form(
    "empty",
    "{subject} gets an empty {names}, because {variables} {is_so}",
    "Compose fills in nothing for a variable that neither its .env nor the shell sets",
    "set {variables} in {file}",
    "warning",
)
SHORT = Form(
    "short",
    "{subject} ends over its {names}, which has fewer than {least} characters",
    "The program refuses it at every start. It comes from {variables}",
    "give {variables} {least} characters or more, in {file}",
)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service of a compose file."""
    found = False
    last_words = {life.container.id: life.last_words for life in lives(snapshot) if life.ended}
    everybody = [party for party in parties(snapshot) if party.declared is not None]
    for party in everybody:
        said = last_words.get(party.container.id, ())
        names = _empty(party, said)
        up = party.container.state == "running" and not said
        short = None if names or up else _short(party, said)
        if names:
            yield _case(EMPTY, party, names, said)
        elif short:
            yield _case(SHORT, party, {short[0]: _source_of(party, short[0])}, said, short[1])
        found = found or bool(names or short)
    if everybody and not found:
        yield Fine("", _("Every key, secret and address that the compose files fill in has a value"))


def _empty(party: Party, said: tuple[str, ...]) -> dict[str, str]:
    """What is empty, each with the variable it comes from: set nowhere, or without a value and asked for in the log."""
    declared = party.declared.blank if party.declared else ()
    found = {name: variable for name, variable in declared if _MATTERS.search(name) and not party.env.get(name)}
    name = LEAST.get(parts_of(party.container.image).last, ("", 0))[0]
    if name and not party.env.get(name) and not found and _source_of(party, name) == name:
        found[name] = name  # not even a line without a value, as .env.example has it
    for name, value in party.env.items():
        if not value and name not in found and _MATTERS.search(name) and _line_of(said, name):
            found[name] = _source_of(party, name)
    return found


def _short(party: Party, said: tuple[str, ...]) -> tuple[str, int] | None:
    """What has too few characters, and how many it needs: as the image is known to want it, or the program said."""
    asked = [(match[1], int(match[2])) for line in said for match in _LEAST.finditer(line)]
    known = LEAST.get(parts_of(party.container.image).last)
    wanted = (*([known] if known else []), *asked)
    return next(((name, least) for name, least in wanted if 0 < len(party.env.get(name, "")) < least), None)


def _source_of(party: Party, name: str) -> str:
    """The variable of ``.env`` that a variable is filled in from, by its name and value; else itself."""
    given = party.project.env if party.project else ()
    value = party.env.get(name, "")
    return next((one.name for one in given if one.name.endswith(name) and one.value == value), name)


def _line_of(said: tuple[str, ...], name: str) -> str | None:
    return next((line for line in reversed(said) if re.search(rf"\b{re.escape(name)}\b", line)), None)


def _case(
    form: Form, party: Party, names: dict[str, str], said: tuple[str, ...], least: int = 0
) -> Case[tuple[Party, tuple[str, ...]]]:
    variables, project = tuple(dict.fromkeys(names.values())), party.project
    folder = project.working_dir if project else None
    file = (project.env_files[-1] if project and project.env_files else f"{folder}/.env") if folder else ".env"
    blank = project is not None and any(one.name in variables for one in project.env)
    one = len(variables) == 1
    words = {
        "names": ", ".join(names), "variables": ", ".join(variables), "file": file, "least": str(least),
        "is_so": _("{has} no value", has="has" if one else "have") if blank else
                 _("{is_} set nowhere", is_="is" if one else "are"),
    }  # fmt: skip
    source = party.project.files[0].path if party.project and party.project.files else _("compose files")
    state = _("which has fewer than {least} characters", least=least) if form is SHORT else _("which is not set")
    rows = [
        Evidence(
            _("filled in"), _("{name} from {variable}, {state}", name=name, variable=variable, state=state), source
        )
        for name, variable in names.items()
    ]
    line = next(filter(None, (_line_of(said, name) for name in names)), None)
    if line is not None:
        rows.append(Evidence("log", clip(line, 300), f"docker logs {party.container.name}"))
    severity: Severity | None = "error" if line is not None else "info" if all(map(OPTIONAL.match, names)) else None
    return Case(party.subject, form, (party, variables), tuple(rows), words, severity)


def plan(case: Case[tuple[Party, tuple[str, ...]]], _answers: Answers) -> Plan:
    """Where to set it."""
    party, variables = case.facts
    return manual(
        *(_("Write a line {name}=... into {file}", name=name, file=case.words["file"]) for name in variables),
        _("Then: docker compose up -d {party}", party=party.called),
    )


CHECK = Check(
    "wiring.unset", "What the compose files fill in has a value", __doc__ or "", (EMPTY, SHORT), find, plan,
    reads=("containers", "projects", "services", "last_words"),
)  # fmt: skip
